"""Tensors: looks at memory, and memory shared with NumPy and PyTorch in both directions."""

from __future__ import annotations

import array
import copy
import gc
import pickle
import threading
import weakref

import numpy
import pytest
import torch

import martlet
from martlet import DType, InvalidArgumentError, Tensor

TORCH = {
    DType.BOOL: torch.bool,
    DType.I8: torch.int8,
    DType.I16: torch.int16,
    DType.I32: torch.int32,
    DType.I64: torch.int64,
    DType.U8: torch.uint8,
    DType.F16: torch.float16,
    DType.BF16: torch.bfloat16,
    DType.F32: torch.float32,
    DType.F64: torch.float64,
    DType.C64: torch.complex64,
    DType.C128: torch.complex128,
}


def counted(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)


# --- Looks at memory -------------------------------------------------------------------------------------------------


def test_properties():
    tensor = Tensor((3, 4), "bf16")
    assert (tensor.shape, tensor.strides, tensor.dtype, tensor.device) == ((3, 4), (4, 1), DType.BF16, "cpu")
    assert tensor.is_contiguous and not tensor.is_read_only and tensor.nbytes == 24 and len(tensor) == 3
    assert repr(tensor) == "<martlet.Tensor [3, 4] bf16 on cpu>"


def test_views_are_those_of_pytorch():
    theirs = counted((3, 4, 5))
    ours = martlet.from_dlpack(theirs)
    pairs = [
        (ours.view(6, 10), theirs.view(6, 10)),
        (ours.permute(2, 0, 1), theirs.permute(2, 0, 1)),
        (ours.slice(2, 1, 4), theirs[:, :, 1:4]),
        (ours.permute(1, 0, 2).slice(0, 1, 3).slice(2, 0, 2), theirs.permute(1, 0, 2)[1:3, :, :2]),
    ]
    for our, their in pairs:
        assert our.shape == their.shape and our.strides == their.stride()
        assert our.is_contiguous == their.is_contiguous()
        assert our.tolist() == their.tolist()
        assert our.contiguous().strides == their.contiguous().stride()
    assert ours.view(60).data_ptr == theirs.data_ptr()
    assert ours.permute(2, 0, 1).contiguous().data_ptr != theirs.data_ptr()


def test_views_keep_the_memory():
    tensor = Tensor((4, 4))
    tensor.load(array.array("f", range(16)))
    view = tensor.slice(0, 2, 4)
    del tensor
    gc.collect()
    assert view.tolist() == [[8, 9, 10, 11], [12, 13, 14, 15]]


@pytest.mark.parametrize(
    "dtype", [DType.I8, DType.I32, DType.I64, DType.U8, DType.F16, DType.F32, DType.F64, DType.BOOL]
)
def test_bytes_go_in_and_out(dtype: DType):
    values = numpy.arange(12).reshape(3, 4) % 5
    content = torch.from_numpy(values).to(TORCH[dtype]).numpy()
    tensor = Tensor((3, 4), dtype)
    tensor.load(content)
    assert tensor.tobytes() == content.tobytes()
    assert tensor.tolist() == content.tolist()
    assert tensor.permute(1, 0).tobytes() == content.T.copy().tobytes()


def test_numbers_of_bf16():
    values = torch.tensor([1.0, -2.5, 3.140625, 0.0, float("inf")], dtype=torch.bfloat16)
    assert martlet.from_dlpack(values).tolist() == values.tolist()


def test_shapes_without_elements_or_dimensions():
    assert Tensor((0, 3)).tolist() == [] and Tensor((2, 0)).tolist() == [[], []]
    scalar = Tensor((), "i64")
    scalar.load(array.array("q", [7]))
    assert scalar.shape == () and scalar.tolist() == 7
    assert torch.from_dlpack(Tensor((0, 3))).shape == (0, 3)


def test_copies_keep_the_memory():
    tensor = Tensor((1 << 20,))
    tensor.load(numpy.ones(1 << 20, numpy.float32))
    look, turned = copy.copy(tensor), copy.copy(tensor.view(1 << 10, 1 << 10).permute(1, 0))
    elements = copy.deepcopy({"tensor": tensor.slice(0, 2, 6)})["tensor"]
    assert look.data_ptr == turned.data_ptr == tensor.data_ptr != elements.data_ptr
    assert turned.strides == (1, 1 << 10) and elements.tolist() == [1, 1, 1, 1]
    del tensor
    others = [Tensor((1 << 20,)) for _ in range(4)]
    for other in others:
        other.load(numpy.full(1 << 20, 7, numpy.float32))
    assert (numpy.asarray(look) == 1).all() and (numpy.asarray(turned) == 1).all()


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_copies_of_all_types(shape: tuple[int, ...]):
    for dtype in DType:
        tensor = Tensor(shape, dtype)
        look, elements = copy.copy(tensor), copy.deepcopy(tensor)
        assert look.data_ptr == tensor.data_ptr and look.shape == elements.shape == shape
        assert look.tobytes() == elements.tobytes() == tensor.tobytes()


def test_tensors_are_made_once_and_not_pickled():
    tensor = Tensor((2,))
    address = tensor.data_ptr
    with pytest.raises(TypeError, match="once"):
        tensor.__init__((3,))
    assert tensor.data_ptr == address and tensor.shape == (2,)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(tensor)


MISTAKES = [
    (lambda: Tensor((2, -1)), "shape"),
    (lambda: Tensor((1 << 62, 1 << 62)), "shape"),
    (lambda: Tensor((1 << 80,)), "shape"),
    (lambda: Tensor((1,) * 9), "shape"),
    (lambda: Tensor((2,), "f31"), "dtype"),
    (lambda: Tensor((2,), device="abacus"), "device"),
    (lambda: Tensor((2,), device="cpu:x"), "device"),
    (lambda: Tensor((2, 3)).view(4), "shape"),
    (lambda: Tensor((2, 3)).permute(0, 1).permute(0, 0), "order"),
    (lambda: Tensor((2, 3)).permute(0), "order"),
    (lambda: Tensor((2, 3)).permute(-1, 0), "order"),
    (lambda: Tensor((2, 3)).slice(2, 0, 1), "dimension"),
    (lambda: Tensor((2, 3)).slice(0, 1, 4), "end"),
    (lambda: Tensor((2, 3)).slice(0, -1, 1), "start"),
    (lambda: Tensor((2, 3)).load(b"short"), "byte"),
    (lambda: martlet.from_dlpack(3), "tensor"),
    (lambda: martlet.from_dlpack(torch.zeros(2).to(torch.float8_e4m3fn)), "tensor|DLPack|dtype"),
    (lambda: martlet.ops.add(3, 4), "a"),
    (lambda: martlet.ops.convert(Tensor((2,))), "dtype"),
    (lambda: martlet.ops.add(torch.nn.Parameter(torch.zeros(2)), Tensor((2,))), "a: "),
    (lambda: martlet.ops.rms_norm(Tensor((2, 2)), Tensor((2,)), 1e300), "epsilon"),
    (lambda: martlet.ops.rms_norm(Tensor((2, 2)), Tensor((2,)), 10**400), "epsilon"),
    (lambda: Tensor((1 << 44, 0)).tolist(), "empty lists"),
    (lambda: martlet.set_threads(-1), "count"),
    (lambda: martlet.set_threads(1025), "count: 1025 is not between 0 and 1024"),
]


@pytest.mark.parametrize(("call", "argument"), MISTAKES)
def test_mistakes_name_the_argument(call, argument: str):
    with pytest.raises((ValueError, BufferError), match=argument):
        call()


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: Tensor((True,)), "shape"),
        (lambda: Tensor((2.0,)), "shape"),
        (lambda: Tensor((2,)).load(5), "data"),
        (lambda: martlet.ops.rms_norm(Tensor((2, 2)), Tensor((2,)), True), "epsilon"),
        (lambda: martlet.set_threads(True), "count"),
    ],
)
def test_wrong_types_name_the_argument(call, argument: str):
    with pytest.raises(TypeError, match=argument):
        call()


def test_a_device_that_is_not_there_is_an_error_with_a_reason():
    absent = [device for device in martlet.devices() if not device.available]
    for device in absent:
        assert device.reason
        with pytest.raises(martlet.DeviceUnavailableError, match="not available"):
            martlet.require_device(device.name)
    assert any(device.name == "cpu" and device.available for device in martlet.devices())


# --- PyTorch ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TORCH)
def test_pytorch_and_back(dtype: DType):
    theirs = counted((3, 4), TORCH[dtype])[:, 1:]
    ours = martlet.from_dlpack(theirs)
    assert (ours.dtype, ours.shape, ours.strides) == (dtype, theirs.shape, theirs.stride())
    assert ours.data_ptr == theirs.data_ptr()
    back = torch.from_dlpack(ours)
    assert back.data_ptr() == theirs.data_ptr() and back.stride() == theirs.stride() and torch.equal(back, theirs)


def test_both_sides_see_what_is_written():
    theirs = torch.zeros(4)
    ours = martlet.from_dlpack(theirs)
    theirs += 1
    martlet.ops.add(ours, ours, out=ours)
    assert theirs.tolist() == [2, 2, 2, 2]


def test_our_memory_lives_as_long_as_pytorch_looks():
    ours = Tensor((1 << 20,))
    alive = weakref.ref(ours)
    theirs = torch.from_dlpack(ours)
    theirs.fill_(3)
    del ours
    gc.collect()
    assert alive() is not None and float(theirs.sum()) == 3 * (1 << 20)
    del theirs
    gc.collect()
    assert alive() is None


def test_their_memory_lives_as_long_as_we_look():
    released = []
    buffer = numpy.arange(1000, dtype=numpy.float32)
    weakref.finalize(buffer, released.append, True)
    view = martlet.from_dlpack(torch.from_numpy(buffer)).slice(0, 10, 20)
    del buffer
    gc.collect()
    assert not released and view.tolist() == list(range(10, 20))
    del view
    gc.collect()
    assert released


def test_capsules_that_nobody_takes_are_freed():
    tensor = Tensor((8,))
    alive = weakref.ref(tensor)
    for version in (None, (1, 0)):
        capsule = tensor.__dlpack__(max_version=version)
        del capsule
    del tensor
    gc.collect()
    assert alive() is None


def test_a_capsule_is_taken_once():
    class Again:
        capsule = torch.zeros(2).__dlpack__()

        def __dlpack__(self, **_):
            return self.capsule

    tensor = martlet.from_dlpack(Again())
    with pytest.raises(InvalidArgumentError, match="used before"):
        martlet.from_dlpack(Again())
    assert tensor.tolist() == [0, 0]


def test_a_library_before_dlpack_1():
    class Older:
        def __init__(self, tensor):
            self.tensor = tensor

        def __dlpack__(self, stream=None):
            return self.tensor.__dlpack__()

    theirs = counted((2, 3))
    assert martlet.from_dlpack(Older(theirs)).data_ptr == theirs.data_ptr()


def test_memory_is_freed_on_any_thread():
    tensors = [martlet.from_dlpack(torch.zeros(100)) for _ in range(100)] + [
        torch.from_dlpack(Tensor((9,))) for _ in range(100)
    ]

    def drop():
        while tensors:
            tensors.pop()

    threads = [threading.Thread(target=drop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_copies_on_request():
    tensor = Tensor((3,))
    tensor.load(array.array("f", [1, 2, 3]))
    copy = torch.from_dlpack(tensor, copy=True)
    assert copy.data_ptr() != tensor.data_ptr and copy.tolist() == [1, 2, 3]
    assert tensor.copy().data_ptr != tensor.data_ptr
    with pytest.raises(BufferError):
        tensor.__dlpack__(dl_device=(2, 0))


# --- NumPy -----------------------------------------------------------------------------------------------------------


def test_numpy_looks_at_our_memory():
    ours = Tensor((3, 4), "f32")
    alive = weakref.ref(ours)
    theirs = numpy.asarray(ours.permute(1, 0))
    base = numpy.asarray(ours)
    base[:] = 5
    assert theirs.shape == (4, 3) and theirs.strides == (4, 16) and (theirs == 5).all()
    assert numpy.from_dlpack(ours).ctypes.data == ours.data_ptr
    del ours
    gc.collect()
    assert alive() is not None
    del base, theirs
    gc.collect()
    assert alive() is None


def test_we_look_at_numpys():
    theirs = numpy.arange(6, dtype=numpy.int32).reshape(2, 3)
    assert martlet.from_dlpack(theirs).tolist() == theirs.tolist()
    assert martlet.ops.rearrange(theirs.T).tolist() == theirs.T.tolist()


def test_memory_for_reading_only():
    theirs = numpy.ones(4, dtype=numpy.float32)
    theirs.flags.writeable = False
    ours = martlet.from_dlpack(theirs)
    assert ours.is_read_only
    assert not numpy.asarray(ours).flags.writeable
    with pytest.raises(InvalidArgumentError, match="out"):
        martlet.ops.add(ours, ours, out=ours)
    with pytest.raises(BufferError, match="read-only"):
        ours.__dlpack__()
    assert martlet.ops.add(ours, ours).tolist() == [2, 2, 2, 2]


def test_types_that_numpy_lacks():
    with pytest.raises(TypeError, match="bf16"):
        numpy.asarray(Tensor((2,), "bf16"))


def test_strides_that_cannot_be():
    with pytest.raises(InvalidArgumentError, match="stride"):
        martlet.from_dlpack(numpy.arange(4, dtype=numpy.float32)[::-1])
