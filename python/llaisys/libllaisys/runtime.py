"""The table of a device's functions in LLAISYS's C interface."""

from __future__ import annotations

from ctypes import CDLL, CFUNCTYPE, POINTER, Structure, c_int, c_size_t, c_void_p

from .llaisys_types import llaisysDeviceType_t, llaisysMemcpyKind_t, llaisysStream_t

__all__ = ["LlaisysRuntimeAPI", "load_runtime"]

get_device_count_api = CFUNCTYPE(c_int)
set_device_api = CFUNCTYPE(None, c_int)
device_synchronize_api = CFUNCTYPE(None)
create_stream_api = CFUNCTYPE(llaisysStream_t)
destroy_stream_api = CFUNCTYPE(None, llaisysStream_t)
stream_synchronize_api = CFUNCTYPE(None, llaisysStream_t)
malloc_device_api = CFUNCTYPE(c_void_p, c_size_t)
free_device_api = CFUNCTYPE(None, c_void_p)
malloc_host_api = CFUNCTYPE(c_void_p, c_size_t)
free_host_api = CFUNCTYPE(None, c_void_p)
memcpy_sync_api = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, llaisysMemcpyKind_t)
memcpy_async_api = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, llaisysMemcpyKind_t, llaisysStream_t)


class LlaisysRuntimeAPI(Structure):
    """The twelve functions of a device, in the order of the C structure."""

    _fields_ = [
        ("get_device_count", get_device_count_api),
        ("set_device", set_device_api),
        ("device_synchronize", device_synchronize_api),
        ("create_stream", create_stream_api),
        ("destroy_stream", destroy_stream_api),
        ("stream_synchronize", stream_synchronize_api),
        ("malloc_device", malloc_device_api),
        ("free_device", free_device_api),
        ("malloc_host", malloc_host_api),
        ("free_host", free_host_api),
        ("memcpy_sync", memcpy_sync_api),
        ("memcpy_async", memcpy_async_api),
    ]


def load_runtime(lib: CDLL) -> None:
    """Declares the functions' types."""
    lib.llaisysGetRuntimeAPI.argtypes = [llaisysDeviceType_t]
    lib.llaisysGetRuntimeAPI.restype = POINTER(LlaisysRuntimeAPI)
    lib.llaisysSetContextRuntime.argtypes = [llaisysDeviceType_t, c_int]
    lib.llaisysSetContextRuntime.restype = None
