"""LLAISYS's names over Martlet's library: programs written for LLAISYS run unchanged.

`RuntimeAPI`, `Tensor`, `Ops` and `models.Qwen2` have LLAISYS's arguments and results. Where LLAISYS ends the process or
goes on silently, an exception says what is wrong; the package `martlet` documents them.
"""

from . import models
from .libllaisys import DataType, DeviceType, MemcpyKind
from .libllaisys import llaisysStream_t as Stream
from .models import Qwen2
from .ops import Ops
from .runtime import RuntimeAPI
from .tensor import Tensor

__all__ = [
    "DataType",
    "DeviceType",
    "MemcpyKind",
    "Ops",
    "Qwen2",
    "RuntimeAPI",
    "Stream",
    "Tensor",
    "models",
]
