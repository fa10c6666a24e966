"""The Qwen2 model of LLAISYS's C interface, for programs that bring their own weights."""

from __future__ import annotations

from ctypes import CDLL, POINTER, Structure, c_float, c_int, c_int64, c_size_t, c_void_p

from .llaisys_types import llaisysDataType_t, llaisysDeviceType_t
from .tensor import llaisysTensor_t

__all__ = ["LlaisysQwen2Meta", "LlaisysQwen2Weights", "llaisysQwen2Model_t", "load_models"]

llaisysQwen2Model_t = c_void_p


class LlaisysQwen2Meta(Structure):
    """The model's shape. Sizes: hs hidden, nh heads, nkvh key heads, dh head, di feed-forward, voc vocabulary."""

    _fields_ = [
        ("dtype", llaisysDataType_t),
        *[(name, c_size_t) for name in ("nlayer", "hs", "nh", "nkvh", "dh", "di", "maxseq", "voc")],
        ("epsilon", c_float),
        ("theta", c_float),
        ("end_token", c_int64),
    ]


class LlaisysQwen2Weights(Structure):
    """The model's tensors, to be loaded by the program: three alone, then arrays with one tensor a layer."""

    _fields_ = [
        *[(name, llaisysTensor_t) for name in ("in_embed", "out_embed", "out_norm_w")],
        *[
            (name, POINTER(llaisysTensor_t))
            for name in (
                "attn_norm_w",
                "attn_q_w",
                "attn_q_b",
                "attn_k_w",
                "attn_k_b",
                "attn_v_w",
                "attn_v_b",
                "attn_o_w",
                "mlp_norm_w",
                "mlp_gate_w",
                "mlp_up_w",
                "mlp_down_w",
            )
        ],
    ]


def load_models(lib: CDLL) -> None:
    """Declares the functions' types."""
    lib.llaisysQwen2ModelCreate.argtypes = [POINTER(LlaisysQwen2Meta), llaisysDeviceType_t, POINTER(c_int), c_int]
    lib.llaisysQwen2ModelCreate.restype = llaisysQwen2Model_t
    lib.llaisysQwen2ModelDestroy.argtypes = [llaisysQwen2Model_t]
    lib.llaisysQwen2ModelDestroy.restype = None
    lib.llaisysQwen2ModelWeights.argtypes = [llaisysQwen2Model_t]
    lib.llaisysQwen2ModelWeights.restype = POINTER(LlaisysQwen2Weights)
    lib.llaisysQwen2ModelInfer.argtypes = [llaisysQwen2Model_t, POINTER(c_int64), c_size_t]
    lib.llaisysQwen2ModelInfer.restype = c_int64
