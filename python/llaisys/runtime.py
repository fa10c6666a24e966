"""A device's functions: memory, copies, streams."""

from __future__ import annotations

from typing import Any, Optional

import martlet
from martlet._forks import require_usable

from .libllaisys import (
    LIB_LLAISYS,
    DeviceType,
    MemcpyKind,
    raise_last_error,
)
from .libllaisys.checks import device_number, member
from .libllaisys.checks import size as checked_size

__all__ = ["RuntimeAPI"]

# An address, as ctypes gives and takes it: a number or None.
Address = Optional[int]
_NAMES = {DeviceType.CPU: "cpu", DeviceType.NVIDIA: "nvidia", DeviceType.METAX: "metax"}


class RuntimeAPI:
    """The runtime of one kind of device.

    Raises an exception that says why, if this kind is not there.
    """

    def __init__(self, device_type: DeviceType) -> None:
        kind = member("device_type", DeviceType, device_type)
        if kind not in _NAMES:
            raise martlet.InvalidArgumentError(f"device_type: {kind.name} is no kind of device")
        martlet.require_device(_NAMES[kind])
        self._api = LIB_LLAISYS.llaisysGetRuntimeAPI(kind).contents

    def _call(self, name: str, *arguments: Any) -> Any:
        """Calls a function of the table, which ctypes does not check as it does those of the library."""
        require_usable()
        result = getattr(self._api, name)(*arguments)
        raise_last_error()
        return result

    def get_device_count(self) -> int:
        """How many devices of the kind there are."""
        return int(self._call("get_device_count"))

    def set_device(self, device_id: int) -> None:
        """Makes a device the one that later calls of this thread mean."""
        self._call("set_device", device_number("device_id", device_id))

    def device_synchronize(self) -> None:
        """Waits until the device has done all work."""
        self._call("device_synchronize")

    def create_stream(self) -> Any:
        """A queue of work."""
        return self._call("create_stream")

    def destroy_stream(self, stream: Any) -> None:
        """Frees a queue."""
        self._call("destroy_stream", stream)

    def stream_synchronize(self, stream: Any) -> None:
        """Waits until a queue is empty."""
        self._call("stream_synchronize", stream)

    def malloc_device(self, size: int) -> Address:
        """Memory of the device, in bytes."""
        return self._allocated(self._call("malloc_device", checked_size("size", size)), size)

    def free_device(self, ptr: Address) -> None:
        """Gives memory of the device back."""
        self._call("free_device", ptr)

    def malloc_host(self, size: int) -> Address:
        """Memory of the host that the device can copy from quickly, in bytes."""
        return self._allocated(self._call("malloc_host", checked_size("size", size)), size)

    def free_host(self, ptr: Address) -> None:
        """Gives memory of the host back."""
        self._call("free_host", ptr)

    def memcpy_sync(self, dst: Address, src: Address, size: int, kind: MemcpyKind) -> None:
        """Copies bytes and waits until that is done."""
        self._call("memcpy_sync", dst, src, checked_size("size", size), member("kind", MemcpyKind, kind))

    def memcpy_async(self, dst: Address, src: Address, size: int, kind: MemcpyKind, stream: Any) -> None:
        """Copies bytes in the order of a stream."""
        bytes_ = checked_size("size", size)
        self._call("memcpy_async", dst, src, bytes_, member("kind", MemcpyKind, kind), stream)

    @staticmethod
    def _allocated(address: Address, bytes_: int) -> Address:
        if address is None and bytes_ > 0:
            raise MemoryError(f"size: there is no room for {bytes_} bytes")
        return address
