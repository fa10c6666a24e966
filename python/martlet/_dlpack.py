"""DLPack: tensors of other libraries without a copy, and ours for them.

Structures and rules are those of DLPack 1.1 (https://dmlc.github.io/dlpack/latest/python_spec.html). A tensor crosses in
a capsule with a deleter: whoever holds the tensor calls it once when it is done, on any thread.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
    cast,
    py_object,
    pythonapi,
)
from typing import Any, Optional

from .dtypes import DLPACK, FROM_DLPACK, DType
from .errors import InvalidArgumentError

CPU, CUDA, CUDA_HOST, CUDA_MANAGED = 1, 2, 3, 13
READ_ONLY = 1
VERSION = (1, 1)
# Martlet's families in the order of `martlet_device_type`: MetaX's PyTorch names its devices as NVIDIA's.
DEVICE_TYPES = (CPU, CUDA, CUDA)

LEGACY, VERSIONED = b"dltensor", b"dltensor_versioned"
USED = {LEGACY: b"used_dltensor", VERSIONED: b"used_dltensor_versioned"}


class DLTensor(Structure):
    """The tensor itself."""

    _fields_ = [
        ("data", c_void_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("ndim", c_int32),
        ("code", c_uint8),
        ("bits", c_uint8),
        ("lanes", c_uint16),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class DLManagedTensor(Structure):
    """The tensor and who cares for it, before DLPack 1.0."""

    _fields_ = [("tensor", DLTensor), ("manager", c_void_p), ("deleter", c_void_p)]


class DLManagedTensorVersioned(Structure):
    """The same since DLPack 1.0."""

    _fields_ = [
        ("major", c_uint32),
        ("minor", c_uint32),
        ("manager", c_void_p),
        ("deleter", c_void_p),
        ("flags", c_uint64),
        ("tensor", DLTensor),
    ]


Managed = {LEGACY: DLManagedTensor, VERSIONED: DLManagedTensorVersioned}
Deleter = CFUNCTYPE(None, c_void_p)

# Prototypes of our own: `pythonapi`'s functions are shared by all modules, and so are types set on them.
_new = ctypes.PYFUNCTYPE(py_object, c_void_p, c_char_p, c_void_p)(("PyCapsule_New", pythonapi))
_is_valid = ctypes.PYFUNCTYPE(c_int, py_object, c_char_p)(("PyCapsule_IsValid", pythonapi))
_pointer = ctypes.PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", pythonapi))
_rename = ctypes.PYFUNCTYPE(c_int, py_object, c_char_p)(("PyCapsule_SetName", pythonapi))
# The destructor gets the capsule while it is being destroyed: as an address, for to own it would revive it.
_raw_is_valid = ctypes.PYFUNCTYPE(c_int, c_void_p, c_char_p)(("PyCapsule_IsValid", pythonapi))
_raw_pointer = ctypes.PYFUNCTYPE(c_void_p, c_void_p, c_char_p)(("PyCapsule_GetPointer", pythonapi))
Destructor = ctypes.PYFUNCTYPE(None, c_void_p)


# --- Ours for others -------------------------------------------------------------------------------------------------

# What lives until its deleter is called, by the address of its structure: the structure, its lists and its owner.
_exported: dict[int, tuple[Any, ...]] = {}


def _delete(address: int) -> None:
    _exported.pop(address, None)


def _destroy(capsule: int) -> None:
    """Called when a capsule goes; one that nobody took still has its name, and its tensor is ours to free."""
    for name in Managed:
        if _raw_is_valid(capsule, name):
            _delete(_raw_pointer(capsule, name))


_deleter, _destructor = Deleter(_delete), Destructor(_destroy)
# Other libraries call these as long as they live, which may be longer than this module: never free them.
for _callback in (_deleter, _destructor):
    pythonapi.Py_IncRef(py_object(_callback))


def exported(
    owner: Any,
    data: Optional[int],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: DType,
    device: tuple[int, int],
    read_only: bool,
    versioned: bool,
) -> Any:
    """A capsule with the described memory; `owner` lives until the capsule's taker is done with it."""
    if dtype not in DLPACK:
        raise BufferError(f"DLPack has no type for {dtype.name.lower()}")
    if read_only and not versioned:
        raise BufferError("this tensor is read-only, which only DLPack 1.0 can say: ask for max_version=(1, 0)")
    name = VERSIONED if versioned else LEGACY
    managed = Managed[name]()
    extents, distances = (c_int64 * len(shape))(*shape), (c_int64 * len(strides))(*strides)
    tensor = managed.tensor
    tensor.data, tensor.ndim, tensor.lanes, tensor.byte_offset = data, len(shape), 1, 0
    tensor.device_type, tensor.device_id = device
    tensor.code, tensor.bits = DLPACK[dtype]
    tensor.shape, tensor.strides = extents, distances
    managed.deleter = cast(_deleter, c_void_p)
    if versioned:
        managed.major, managed.minor = VERSION
        managed.flags = READ_ONLY if read_only else 0
    address = ctypes.addressof(managed)
    _exported[address] = (managed, extents, distances, owner)
    try:
        return _new(address, name, cast(_destructor, c_void_p))
    except BaseException:
        _delete(address)
        raise


# --- Others' for us --------------------------------------------------------------------------------------------------


class Imported:
    """A tensor taken out of a capsule. Either `release` and `context` go to whoever calls the deleter, or `drop` does."""

    def __init__(self, capsule: Any) -> None:
        name = next((name for name in Managed if _is_valid(capsule, name)), None)
        if name is None:
            raise InvalidArgumentError(
                "tensor: its __dlpack__ gave no capsule with a tensor, or one that was used before"
            )
        self.context: int = _pointer(capsule, name)
        managed = Managed[name].from_address(self.context)
        if name == VERSIONED and managed.major != VERSION[0]:
            raise InvalidArgumentError(
                f"tensor: DLPack {managed.major}.{managed.minor} is not known, only {VERSION[0]}.x"
            )
        tensor = managed.tensor
        dtype = FROM_DLPACK.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
        if dtype is None:
            kind = f"code {tensor.code}, {tensor.bits} bits, {tensor.lanes} lanes"
            raise InvalidArgumentError(f"tensor: Martlet has no type like DLPack's {kind}")
        self.dtype = DType.U8 if dtype == DType.BYTE else dtype
        self.device = (int(tensor.device_type), int(tensor.device_id))
        self.shape = tuple(tensor.shape[: tensor.ndim])
        self.strides = tuple(tensor.strides[: tensor.ndim]) if tensor.strides else None
        self.data: Optional[int] = tensor.data + tensor.byte_offset if tensor.data else None
        self.read_only = name == VERSIONED and bool(managed.flags & READ_ONLY)
        self.release: Optional[int] = managed.deleter
        _rename(capsule, USED[name])

    def drop(self) -> None:
        """Calls the deleter: nobody is going to look at the memory."""
        if self.release:
            Deleter(self.release)(self.context)


def requested(tensor: Any) -> Imported:
    """Takes the tensor of another library's object."""
    if not hasattr(tensor, "__dlpack__"):
        raise InvalidArgumentError(f"tensor: {type(tensor).__name__} has no __dlpack__")
    # On a GPU Martlet works on the default stream, which DLPack calls 1: what others have under way there shall come first.
    on_gpu = hasattr(tensor, "__dlpack_device__") and tensor.__dlpack_device__()[0] in (CUDA, CUDA_MANAGED)
    try:
        capsule = tensor.__dlpack__(max_version=VERSION, **({"stream": 1} if on_gpu else {}))
    except TypeError:  # a library that knows DLPack before 1.0 has no such parameter
        capsule = tensor.__dlpack__()
    return Imported(capsule)
