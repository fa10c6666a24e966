"""LLAISYS's operators: outputs first, and what goes wrong raises."""

from __future__ import annotations

from typing import Optional

from .libllaisys import LIB_LLAISYS
from .libllaisys.checks import real
from .tensor import Tensor

__all__ = ["Ops"]


class Ops:
    """The operators, as LLAISYS names and orders their arguments."""

    @staticmethod
    def add(c: Tensor, a: Tensor, b: Tensor) -> None:
        """`c = a + b`."""
        LIB_LLAISYS.llaisysAdd(c.lib_tensor(), a.lib_tensor(), b.lib_tensor())

    @staticmethod
    def argmax(max_idx: Tensor, max_val: Tensor, vals: Tensor) -> None:
        """The position and value of the largest element of `vals`."""
        LIB_LLAISYS.llaisysArgmax(max_idx.lib_tensor(), max_val.lib_tensor(), vals.lib_tensor())

    @staticmethod
    def embedding(out: Tensor, index: Tensor, weight: Tensor) -> None:
        """`out[i] = weight[index[i]]`."""
        LIB_LLAISYS.llaisysEmbedding(out.lib_tensor(), index.lib_tensor(), weight.lib_tensor())

    @staticmethod
    def linear(out: Tensor, inp: Tensor, weight: Tensor, bias: Optional[Tensor]) -> None:
        """`out = inp weightᵀ + bias`; without a bias it is None."""
        LIB_LLAISYS.llaisysLinear(
            out.lib_tensor(), inp.lib_tensor(), weight.lib_tensor(), None if bias is None else bias.lib_tensor()
        )

    @staticmethod
    def rearrange(out: Tensor, inp: Tensor) -> None:
        """Copies `inp` to `out`, whatever the strides of both."""
        LIB_LLAISYS.llaisysRearrange(out.lib_tensor(), inp.lib_tensor())

    @staticmethod
    def rms_norm(out: Tensor, inp: Tensor, weight: Tensor, eps: float) -> None:
        """`out = inp / sqrt(mean(inp²) + eps) * weight` over the last dimension."""
        LIB_LLAISYS.llaisysRmsNorm(out.lib_tensor(), inp.lib_tensor(), weight.lib_tensor(), real("eps", eps))

    @staticmethod
    def rope(out: Tensor, inp: Tensor, pos_ids: Tensor, theta: float) -> None:
        """Turns the halves of each head by the angles of its position."""
        LIB_LLAISYS.llaisysROPE(out.lib_tensor(), inp.lib_tensor(), pos_ids.lib_tensor(), real("theta", theta))

    @staticmethod
    def self_attention(attn_val: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: float) -> None:
        """Causal attention with grouped queries: `softmax(q kᵀ scale) v`."""
        tensors = [tensor.lib_tensor() for tensor in (attn_val, q, k, v)]
        LIB_LLAISYS.llaisysSelfAttention(*tensors, real("scale", scale))

    @staticmethod
    def swiglu(out: Tensor, gate: Tensor, up: Tensor) -> None:
        """`out = up * silu(gate)`."""
        LIB_LLAISYS.llaisysSwiGLU(out.lib_tensor(), gate.lib_tensor(), up.lib_tensor())
