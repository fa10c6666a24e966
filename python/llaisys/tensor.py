"""LLAISYS's tensor over Martlet's memory."""

from __future__ import annotations

from ctypes import c_size_t, c_ssize_t
from typing import Any, NoReturn, Optional, Sequence

from .libllaisys import LIB_LLAISYS, DataType, DeviceType
from .libllaisys.checks import device_number, member, size, sizes

__all__ = ["Tensor"]


class Tensor:
    """Numbers of one type in memory of one device, seen through a shape and strides.

    Arguments are LLAISYS's: `shape`, `dtype`, `device` and `device_id` make a new tensor, whose elements are undefined;
    `tensor` takes over a handle of the C interface.
    """

    def __init__(
        self,
        shape: Optional[Sequence[int]] = None,
        dtype: DataType = DataType.F32,
        device: DeviceType = DeviceType.CPU,
        device_id: int = 0,
        tensor: Optional[int] = None,
    ) -> None:
        if hasattr(self, "_tensor"):  # its address may be in use
            raise TypeError("a tensor gets its memory once: make another one")
        self._tensor: Optional[int] = None
        if tensor:
            self._tensor = tensor
        else:
            dimensions = () if shape is None else tuple(shape)
            self._tensor = LIB_LLAISYS.tensorCreate(
                sizes("shape", dimensions),
                len(dimensions),
                member("dtype", DataType, dtype),
                member("device", DeviceType, device),
                device_number("device_id", device_id),
            )

    def __del__(self) -> None:
        handle, self._tensor = getattr(self, "_tensor", None), None
        if handle is not None:
            LIB_LLAISYS.tensorDestroy(handle)

    def __copy__(self) -> Tensor:
        return self.permute(*range(self.ndim()))

    def __deepcopy__(self, _: dict[int, Any]) -> Tensor:
        copied = Tensor(self.shape(), self.dtype(), self.device_type(), self.device_id())
        LIB_LLAISYS.llaisysRearrange(copied._tensor, self._tensor)
        return copied

    def __reduce__(self) -> NoReturn:
        raise TypeError("a tensor cannot be pickled: its memory belongs to this process")

    def shape(self) -> tuple[int, ...]:
        """The number of elements along each dimension."""
        buffer = (c_size_t * self.ndim())()
        LIB_LLAISYS.tensorGetShape(self._tensor, buffer)
        return tuple(buffer)

    def strides(self) -> tuple[int, ...]:
        """How many elements apart neighbours along each dimension are."""
        buffer = (c_ssize_t * self.ndim())()
        LIB_LLAISYS.tensorGetStrides(self._tensor, buffer)
        return tuple(buffer)

    def ndim(self) -> int:
        """The number of dimensions."""
        return int(LIB_LLAISYS.tensorGetNdim(self._tensor))

    def dtype(self) -> DataType:
        """What an element is."""
        return DataType(LIB_LLAISYS.tensorGetDataType(self._tensor))

    def device_type(self) -> DeviceType:
        """The kind of device whose memory it is."""
        return DeviceType(LIB_LLAISYS.tensorGetDeviceType(self._tensor))

    def device_id(self) -> int:
        """Which device of its kind."""
        return int(LIB_LLAISYS.tensorGetDeviceId(self._tensor))

    def data_ptr(self) -> Optional[int]:
        """The address of the first element."""
        address: Optional[int] = LIB_LLAISYS.tensorGetData(self._tensor)
        return address

    def lib_tensor(self) -> Optional[int]:
        """The handle for functions of the C interface."""
        return self._tensor

    def debug(self) -> None:
        """Prints shape, strides, type and elements."""
        LIB_LLAISYS.tensorDebug(self._tensor)

    def __repr__(self) -> str:
        device = f"{self.device_type().name}:{self.device_id()}"
        return f"<Tensor shape={self.shape()}, dtype={self.dtype().name}, device={device}>"

    def load(self, data: Any) -> None:
        """Copies the elements from an address on the host, where they lie without gaps."""
        LIB_LLAISYS.tensorLoad(self._tensor, data)

    def is_contiguous(self) -> bool:
        """Whether the elements lie in order and without gaps."""
        return bool(LIB_LLAISYS.tensorIsContiguous(self._tensor))

    def view(self, *shape: int) -> Tensor:
        """The same memory in another shape."""
        return Tensor(tensor=LIB_LLAISYS.tensorView(self._tensor, sizes("shape", shape), len(shape)))

    def permute(self, *perm: int) -> Tensor:
        """The same memory with the dimensions in another order."""
        if len(perm) != self.ndim():
            raise ValueError(f"perm: {len(perm)} dimensions are named, the tensor has {self.ndim()}")
        return Tensor(tensor=LIB_LLAISYS.tensorPermute(self._tensor, sizes("perm", perm)))

    def slice(self, dim: int, start: int, end: int) -> Tensor:
        """The elements `start` to before `end` along one dimension, in the same memory."""
        return Tensor(
            tensor=LIB_LLAISYS.tensorSlice(self._tensor, size("dim", dim), size("start", start), size("end", end))
        )
