"""The C interface of LLAISYS, as its programs reach for it: `LIB_LLAISYS` and the types of its functions.

The library is Martlet's. LLAISYS's functions return no status, so after each call the one that the library keeps for the
thread is looked at, and a failure raises the exception that Martlet has for it.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from martlet import _forks as forks
from martlet._library import LIBRARY, last_error, library_path

from .llaisys_types import (
    DataType,
    DeviceType,
    MemcpyKind,
    llaisysDataType_t,
    llaisysDeviceType_t,
    llaisysMemcpyKind_t,
    llaisysStream_t,
)
from .models import LlaisysQwen2Meta, LlaisysQwen2Weights, llaisysQwen2Model_t, load_models
from .ops import load_ops
from .runtime import LlaisysRuntimeAPI, load_runtime
from .tensor import llaisysTensor_t, load_tensor


def raise_last_error() -> None:
    """Raises what the last call on this thread failed with, if it did."""
    forks.used()
    status = LIBRARY.martlet_last_status()
    if status:
        raise last_error(status)


def _checked(result: Any, function: Any, arguments: Any) -> Any:
    raise_last_error()
    return result


def load_shared_library() -> ctypes.CDLL:
    """The library with all of LLAISYS's functions declared and checked."""
    library = ctypes.CDLL(os.fspath(library_path()))
    for load in (load_runtime, load_tensor, load_ops, load_models):
        load(library)
    functions = {name: function for name, function in vars(library).items() if not name.startswith("_")}
    for function in functions.values():
        function.errcheck = _checked
    forks.guard(library, functions, "Destroy")
    return library


LIB_LLAISYS = load_shared_library()

__all__ = [
    "DataType",
    "DeviceType",
    "LIB_LLAISYS",
    "LlaisysQwen2Meta",
    "LlaisysQwen2Weights",
    "LlaisysRuntimeAPI",
    "MemcpyKind",
    "llaisysDataType_t",
    "llaisysDeviceType_t",
    "llaisysMemcpyKind_t",
    "llaisysQwen2Model_t",
    "llaisysStream_t",
    "llaisysTensor_t",
    "load_shared_library",
    "raise_last_error",
]
