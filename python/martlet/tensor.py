"""Tensors, which share their memory with NumPy, PyTorch and every other library that knows DLPack."""

from __future__ import annotations

import ctypes
import math
import struct
from ctypes import byref, c_char, c_int64, c_size_t, c_void_p
from typing import Any, NoReturn, Optional, Protocol, Sequence, Union

from . import _dlpack
from ._checks import INT64, elements, whole
from ._library import LIBRARY
from ._structures import MAX_DIMENSIONS, Memory, TensorInfo
from .devices import FAMILIES, device_count, parsed
from .dtypes import TYPESTR, DType
from .errors import InvalidArgumentError

__all__ = ["SupportsDLPack", "Tensor", "from_dlpack"]


class SupportsDLPack(Protocol):
    """A tensor of any library that knows DLPack: PyTorch, NumPy, JAX, Martlet."""

    def __dlpack__(self, *, stream: Any = None) -> Any:
        """Gives the memory in a capsule."""


class Tensor:
    """A typed, strided look at memory of a device.

    `Tensor(shape, dtype, device)` makes one without gaps whose elements are undefined; `from_dlpack` looks at the memory
    of another library's tensor. The other way, `torch.from_dlpack(tensor)` and `numpy.asarray(tensor)` look at this one's.
    Nothing is copied, and the memory lives as long as anybody looks at it. `copy.copy` makes another look at the same
    memory, `copy.deepcopy` a copy of the elements.

    Raises `InvalidArgumentError` for a shape or type that cannot be, `DeviceUnavailableError` for a device that is not
    there.
    """

    __slots__ = ("__weakref__", "_handle", "_info")

    def __init__(self, shape: Sequence[int], dtype: Union[DType, str] = DType.F32, device: str = "cpu") -> None:
        if hasattr(self, "_handle"):  # others may look at the memory that it has
            raise TypeError("a tensor gets its memory once: make another one")
        self._handle: Optional[c_void_p] = None
        family, index = parsed(device)
        extents = _numbers("shape", shape)
        handle = c_void_p()
        LIBRARY.martlet_tensor_create(extents, len(extents), DType.of(dtype), family, index, byref(handle))
        self._adopt(handle)

    def _adopt(self, handle: c_void_p) -> Tensor:
        self._handle = handle
        self._info = TensorInfo(struct_size=ctypes.sizeof(TensorInfo))
        LIBRARY.martlet_tensor_describe(handle, byref(self._info))
        return self

    def __del__(self) -> None:
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None:
            LIBRARY.martlet_tensor_free(handle)

    def __copy__(self) -> Tensor:
        return self.permute(*range(len(self.shape)))

    def __deepcopy__(self, _: dict[int, Any]) -> Tensor:
        return self.copy()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a tensor cannot be pickled: send tobytes() with shape and dtype, and load() them on the other side")

    # --- What it is --------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents, outermost first."""
        return tuple(self._info.shape[: self._info.dimensions])

    @property
    def strides(self) -> tuple[int, ...]:
        """The distances between neighbours, in elements."""
        return tuple(self._info.strides[: self._info.dimensions])

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return DType(self._info.dtype)

    @property
    def device(self) -> str:
        """Whose memory it is: `cpu`, `cuda:0`."""
        family = FAMILIES[self._info.device_type]
        return family if family == "cpu" else f"{family}:{self._info.device_index}"

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in order and without gaps."""
        return bool(self._info.is_contiguous)

    @property
    def is_read_only(self) -> bool:
        """Whether the memory was lent for reading only; operators refuse such a tensor as their output."""
        return bool(self._info.read_only)

    @property
    def data_ptr(self) -> Optional[int]:
        """The address of the first element in the device's memory."""
        address: Optional[int] = self._info.data
        return address

    @property
    def nbytes(self) -> int:
        """The bytes of all elements, without gaps."""
        return int(self._info.element_count * self._info.element_size)

    def __len__(self) -> int:
        if not self._info.dimensions:
            raise TypeError("a tensor without dimensions has no length")
        return int(self._info.shape[0])

    def __repr__(self) -> str:
        return f"<martlet.Tensor {list(self.shape)} {self.dtype.name.lower()} on {self.device}>"

    # --- Other looks at it -------------------------------------------------------------------------------------------

    def view(self, *shape: int) -> Tensor:
        """The same elements under another shape. Raises `InvalidArgumentError` if the strides allow none."""
        extents = _numbers("shape", shape)
        return self._derived("shape", LIBRARY.martlet_tensor_view, extents, len(extents))

    def permute(self, *order: int) -> Tensor:
        """The dimensions in another order: dimension `order[i]` comes to stand at `i`."""
        return self._derived("order", LIBRARY.martlet_tensor_permute, _sizes("order", order), len(order))

    def slice(self, dimension: int, start: int, end: int) -> Tensor:
        """The elements from `start` to before `end` along one dimension."""
        numbers = _sizes("dimension", [dimension])[0], *_numbers("start", [start]), *_numbers("end", [end])
        return self._derived("dimension, start and end", LIBRARY.martlet_tensor_slice, *numbers)

    def contiguous(self) -> Tensor:
        """A tensor without gaps of the same elements: in the same memory if there are none, else a copy."""
        return self._derived("tensor", LIBRARY.martlet_tensor_contiguous)

    def copy(self, device: Optional[str] = None) -> Tensor:
        """A copy without gaps, on the same device unless another one is named."""
        family, index = parsed(self.device if device is None else device)
        return self._derived("device", LIBRARY.martlet_tensor_copy, family, index)

    def _derived(self, argument: str, function: Any, *arguments: Any) -> Tensor:
        handle = c_void_p()
        try:
            function(self._handle, *arguments, byref(handle))
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{argument}: {error}") from None
        return Tensor.__new__(Tensor)._adopt(handle)

    # --- Elements ----------------------------------------------------------------------------------------------------

    def load(self, data: Any) -> None:
        """Fills a tensor without gaps with the bytes of a buffer (`bytes`, `array.array`, a NumPy array, …)."""
        try:
            buffer = memoryview(data)
        except (BufferError, TypeError) as error:
            raise TypeError(f"data: {error}") from None
        with buffer as view:
            if not view.c_contiguous:
                raise InvalidArgumentError("data: its elements do not lie in order and without gaps")
            content = (c_char * view.nbytes).from_buffer_copy(view) if view.nbytes else None
            LIBRARY.martlet_tensor_load(self._handle, content, view.nbytes)

    def tobytes(self) -> bytes:
        """The elements in row-major order."""
        buffer = ctypes.create_string_buffer(max(1, self.nbytes))
        LIBRARY.martlet_tensor_read(self._handle, buffer, self.nbytes)
        return buffer.raw[: self.nbytes]

    def tolist(self) -> Any:
        """The elements as nested lists of numbers; for a tensor without dimensions the number itself.

        Raises `InvalidArgumentError` for one without elements that would be more than a million empty lists.
        """
        code = _CODES.get(self.dtype)
        if code is None:
            raise TypeError(f"{self.dtype.name.lower()} has no counterpart among Python's numbers: convert it first")
        if 0 in self.shape and math.prod(self.shape[: self.shape.index(0)]) > _MOST_EMPTY_LISTS:
            raise InvalidArgumentError(f"tensor: {list(self.shape)} has no elements, but too many empty lists")
        content = self.tobytes()
        if self.dtype == DType.BF16:  # the upper halves of singles
            halves = [content[i : i + 2] for i in range(0, len(content), 2)]
            content = b"".join(b"\0\0" + half for half in halves)
        return _nested(list(struct.unpack(f"<{len(content) // struct.calcsize(code)}{code}", content)), self.shape)

    # --- Sharing memory ----------------------------------------------------------------------------------------------

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's numbers of the device."""
        return _dlpack.DEVICE_TYPES[self._info.device_type], int(self._info.device_index)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Optional[tuple[int, int]] = None,
        dl_device: Optional[tuple[int, int]] = None,
        copy: Optional[bool] = None,
    ) -> Any:
        """The memory for another library, by the rules of DLPack 1.x; older ones are served too."""
        source = self
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            if tuple(dl_device) != (_dlpack.CPU, 0) or copy is False:
                raise BufferError(f"this tensor is on {self.device}: copy it to where it is wanted")
            source = self.copy("cpu")
        elif copy:
            source = self.copy()
        return _dlpack.exported(
            source,
            source.data_ptr,
            source.shape,
            source.strides,
            source.dtype,
            source.__dlpack_device__(),
            source.is_read_only,
            versioned=max_version is not None and max_version[0] >= 1,
        )

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The memory for NumPy."""
        if self.dtype not in TYPESTR or self._info.device_type != 0:
            raise AttributeError("__array_interface__")
        size = self._info.element_size
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": TYPESTR[self.dtype],
            "data": (self.data_ptr or 0, self.is_read_only),
            "strides": tuple(stride * size for stride in self.strides),
        }

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Is asked by NumPy only for memory that it cannot look at, and says why."""
        if self._info.device_type != 0:
            raise TypeError(f"this tensor is on {self.device}, where NumPy cannot look: copy('cpu') it first")
        raise TypeError(f"NumPy has no type {self.dtype.name.lower()}: convert it with martlet.ops.convert first")


def from_dlpack(tensor: SupportsDLPack) -> Tensor:
    """Another library's tensor, without a copy: PyTorch, NumPy, JAX, or whatever has `__dlpack__`.

    The memory lives as long as either side looks at it. What one side writes, the other reads. A tensor of Martlet's is
    returned as it is.
    """
    if isinstance(tensor, Tensor):
        return tensor
    imported = _dlpack.requested(tensor)
    try:
        family, index = _family(imported.device)
        shape = _numbers("shape", imported.shape)
        strides = None if imported.strides is None else _numbers("strides", imported.strides)
        memory = Memory(
            struct_size=ctypes.sizeof(Memory),
            data=imported.data,
            dimensions=len(shape),
            shape=shape,
            strides=strides,
            dtype=imported.dtype,
            device_type=family,
            device_index=index,
            read_only=imported.read_only,
            release=imported.release,
            context=imported.context,
        )
        handle = c_void_p()
        LIBRARY.martlet_tensor_borrow(byref(memory), byref(handle))
    except BaseException:
        imported.drop()
        raise
    return Tensor.__new__(Tensor)._adopt(handle)


def _nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    """A list of numbers in row-major order as lists of lists."""
    if not shape:
        return values[0]
    if len(shape) == 1:
        return values
    size = len(values) // shape[0] if shape[0] else 0
    return [_nested(values[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]


def _family(device: tuple[int, int]) -> tuple[int, int]:
    kind, index = device
    if kind in (_dlpack.CPU, _dlpack.CUDA_HOST):
        return 0, 0
    if kind in (_dlpack.CUDA, _dlpack.CUDA_MANAGED):
        # MetaX's libraries call their devices by the same number: it is the family that this machine has.
        return (2 if device_count(2) and not device_count(1) else 1), index
    raise InvalidArgumentError(f"tensor: Martlet knows no device like DLPack's number {kind}")


def _numbers(argument: str, values: Sequence[int]) -> Any:
    """An array of `int64_t` for dimensions."""
    numbers = elements(argument, values)
    if len(numbers) > MAX_DIMENSIONS:
        raise InvalidArgumentError(f"{argument}: {len(numbers)} dimensions, at most {MAX_DIMENSIONS} are possible")
    return (c_int64 * len(numbers))(*(whole(argument, number, -INT64, INT64) for number in numbers))


def _sizes(argument: str, values: Sequence[int]) -> Any:
    """An array of `size_t` with numbers of dimensions."""
    return (c_size_t * len(values))(*(whole(argument, value, 0, MAX_DIMENSIONS) for value in values))


_MOST_EMPTY_LISTS = 1_000_000
# How `struct` reads the elements.
_CODES: dict[DType, str] = {
    DType.BOOL: "?",
    DType.I8: "b",
    DType.I16: "h",
    DType.I32: "i",
    DType.I64: "q",
    DType.BYTE: "B",
    DType.U8: "B",
    DType.U16: "H",
    DType.U32: "I",
    DType.U64: "Q",
    DType.F16: "e",
    DType.F32: "f",
    DType.F64: "d",
    DType.BF16: "f",
}
