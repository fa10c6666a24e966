"""The operators of LLAISYS's C interface."""

from __future__ import annotations

from ctypes import CDLL, c_float

from .tensor import llaisysTensor_t

__all__ = ["load_ops"]


def load_ops(lib: CDLL) -> None:
    """Declares the functions' types: so many tensors, then a number or none."""
    for name, tensors, number in [
        ("llaisysAdd", 3, False),
        ("llaisysArgmax", 3, False),
        ("llaisysEmbedding", 3, False),
        ("llaisysLinear", 4, False),
        ("llaisysRearrange", 2, False),
        ("llaisysRmsNorm", 3, True),
        ("llaisysROPE", 3, True),
        ("llaisysSelfAttention", 4, True),
        ("llaisysSwiGLU", 3, False),
    ]:
        function = getattr(lib, name)
        function.argtypes = [llaisysTensor_t] * tensors + ([c_float] if number else [])
        function.restype = None
