"""All operators, as functions.

Inputs come first, then attributes, then `out`. A tensor is a `martlet.Tensor` or anything with `__dlpack__`, such as
PyTorch's, whose memory is then used without a copy. Without `out` the result is a new tensor; the result is returned either
way. Shapes, types and devices are checked: `InvalidArgumentError` names the operator and the argument.

Sums are formed in f32 and rounded once to the tensors' type. Unless it says otherwise, all tensors of an operator have one
type of F32, F16 and BF16, lie on one device, and may have gaps between rows.
"""

from __future__ import annotations

from typing import Optional, Sequence, Union

from ._checks import real
from ._library import LIBRARY, last_error
from .dtypes import DType
from .errors import InvalidArgumentError
from .tensor import SupportsDLPack, Tensor, from_dlpack

__all__ = [
    "add",
    "add_rms_norm",
    "argmax",
    "convert",
    "embedding",
    "linear",
    "rearrange",
    "rms_norm",
    "rope",
    "self_attention",
    "swiglu",
]


# The functions below look at types and statuses themselves: on one row an operator takes less time than a few calls of
# Python functions. The two quickest do not even look at types before they call.


def _tensor(argument: str, value: SupportsDLPack) -> Tensor:
    """A look at the memory of another library's tensor."""
    if isinstance(value, Tensor):
        return value
    try:
        return from_dlpack(value)
    except (BufferError, InvalidArgumentError, TypeError) as error:
        raise InvalidArgumentError(f"{argument}: {error}") from None


def _output(
    argument: str, value: Optional[SupportsDLPack], shape: Sequence[int], like: Tensor, dtype: Optional[DType] = None
) -> Tensor:
    """A look at the memory of `value` if it is there, else a new tensor on the device of `like`."""
    if value is None:
        return Tensor(shape, like.dtype if dtype is None else dtype, like.device)
    return _tensor(argument, value)


def add(a: SupportsDLPack, b: SupportsDLPack, *, out: Optional[SupportsDLPack] = None) -> Tensor:
    """`out = a + b`, shapes alike. `out` may be `a` or `b`."""
    try:
        if status := LIBRARY.martlet_add(out._handle, a._handle, b._handle):  # type: ignore[attr-defined, union-attr]
            raise last_error(status)
        return out  # type: ignore[return-value]
    except AttributeError:
        pass  # not all are tensors of this package
    a, b = _tensor("a", a), _tensor("b", b)
    out = _output("out", out, a.shape, a)
    if status := LIBRARY.martlet_add(out._handle, a._handle, b._handle):
        raise last_error(status)
    return out


def add_rms_norm(
    x: SupportsDLPack,
    residual: SupportsDLPack,
    weight: SupportsDLPack,
    epsilon: float,
    *,
    out: Optional[SupportsDLPack] = None,
) -> Tensor:
    """`residual += x`, then `out = rms_norm(residual, weight, epsilon)`, in one pass.

    This is the step between the halves of a decoder layer; the sum is rounded before it is normalised.
    """
    if type(x) is not Tensor:
        x = _tensor("x", x)
    if type(residual) is not Tensor:
        residual = _tensor("residual", residual)
    if type(weight) is not Tensor:
        weight = _tensor("weight", weight)
    if type(out) is not Tensor:
        out = _output("out", out, x.shape, x)
    if status := LIBRARY.martlet_add_rms_norm(
        out._handle, residual._handle, x._handle, weight._handle, real("epsilon", epsilon)
    ):
        raise last_error(status)
    return out


def argmax(
    x: SupportsDLPack, *, index: Optional[SupportsDLPack] = None, value: Optional[SupportsDLPack] = None
) -> tuple[Tensor, Tensor]:
    """The place and value of the largest element of each row.

    `x` is `[…, width]`, `index` (I64 or I32) and `value` are `[…]`, or `[1]` for a single row without other dimensions. Of
    equal ones the first; NaN counts as the largest, as in PyTorch.
    """
    if type(x) is not Tensor:
        x = _tensor("x", x)
    if type(index) is not Tensor:
        index = _output("index", index, x.shape[:-1] or (1,), x, DType.I64)
    if type(value) is not Tensor:
        value = _output("value", value, x.shape[:-1] or (1,), x)
    if status := LIBRARY.martlet_argmax(index._handle, value._handle, x._handle):
        raise last_error(status)
    return index, value


def convert(
    x: SupportsDLPack, dtype: Union[DType, str, None] = None, *, out: Optional[SupportsDLPack] = None
) -> Tensor:
    """The same numbers in another of the types F32, F16 and BF16, rounded to nearest even. One of `dtype` and `out` is given."""
    if dtype is None:
        try:
            if status := LIBRARY.martlet_convert(out._handle, x._handle):  # type: ignore[attr-defined, union-attr]
                raise last_error(status)
            return out  # type: ignore[return-value]
        except AttributeError:
            pass  # one of them is not a tensor of this package
    if (dtype is None) == (out is None):
        raise InvalidArgumentError("dtype: give either a type or a tensor for the result")
    x = _tensor("x", x)
    out = _output("out", out, x.shape, x, None if dtype is None else DType.of(dtype))
    if status := LIBRARY.martlet_convert(out._handle, x._handle):
        raise last_error(status)
    return out


def embedding(ids: SupportsDLPack, table: SupportsDLPack, *, out: Optional[SupportsDLPack] = None) -> Tensor:
    """Rows of a table: `out[i] = table[ids[i]]`.

    `ids` is `[tokens]` of I64 or I32, each checked; `table` is `[vocabulary, width]`, `out` is `[tokens, width]`.
    """
    if type(ids) is not Tensor:
        ids = _tensor("ids", ids)
    if type(table) is not Tensor:
        table = _tensor("table", table)
    if out is None and (len(ids.shape), len(table.shape)) != (1, 2):
        raise InvalidArgumentError(
            f"ids and table: [tokens] and [vocabulary, width] are wanted, found {ids} and {table}"
        )
    if type(out) is not Tensor:
        out = _output("out", out, ids.shape + table.shape[1:], table)
    if status := LIBRARY.martlet_embedding(out._handle, ids._handle, table._handle):
        raise last_error(status)
    return out


def linear(
    x: SupportsDLPack,
    weight: SupportsDLPack,
    bias: Optional[SupportsDLPack] = None,
    *,
    out: Optional[SupportsDLPack] = None,
) -> Tensor:
    """A matrix product with transposed weights: `out = x weightᵀ + bias`.

    `x` is `[…, columns]`, `weight` `[rows, columns]`, `bias` `[rows]` or None, `out` `[…, rows]`.
    """
    if type(x) is not Tensor:
        x = _tensor("x", x)
    if type(weight) is not Tensor:
        weight = _tensor("weight", weight)
    bias = None if bias is None else _tensor("bias", bias)
    if type(out) is not Tensor:
        out = _output("out", out, x.shape[:-1] + weight.shape[:1], x)
    if status := LIBRARY.martlet_linear(out._handle, x._handle, weight._handle, None if bias is None else bias._handle):
        raise last_error(status)
    return out


def rearrange(x: SupportsDLPack, *, out: Optional[SupportsDLPack] = None) -> Tensor:
    """Copies elements between layouts of one shape and any one type; the two must not overlap. Without `out` the result has no gaps."""
    if type(x) is not Tensor:
        x = _tensor("x", x)
    if type(out) is not Tensor:
        out = _output("out", out, x.shape, x)
    if status := LIBRARY.martlet_rearrange(out._handle, x._handle):
        raise last_error(status)
    return out


def rms_norm(
    x: SupportsDLPack, weight: SupportsDLPack, epsilon: float, *, out: Optional[SupportsDLPack] = None
) -> Tensor:
    """`out = x / sqrt(mean(x²) + epsilon) · weight` over the last dimension (Zhang and Sennrich 2019).

    `weight` is `[width]`. The normalised value is rounded before it is multiplied with the weight, as in transformers.
    """
    if type(x) is not Tensor:
        x = _tensor("x", x)
    if type(weight) is not Tensor:
        weight = _tensor("weight", weight)
    if type(out) is not Tensor:
        out = _output("out", out, x.shape, x)
    if status := LIBRARY.martlet_rms_norm(out._handle, x._handle, weight._handle, real("epsilon", epsilon)):
        raise last_error(status)
    return out


def rope(x: SupportsDLPack, positions: SupportsDLPack, theta: float, *, out: Optional[SupportsDLPack] = None) -> Tensor:
    """Rotary position embedding (Su et al. 2021): the pair (i, i + d/2) of each head turns by `position / theta^(2i/d)`.

    `x` and `out` are `[tokens, heads, d]`, `positions` `[tokens]` of I64 or I32. `out` may be `x`.
    """
    if type(x) is not Tensor:
        x = _tensor("x", x)
    if type(positions) is not Tensor:
        positions = _tensor("positions", positions)
    if type(out) is not Tensor:
        out = _output("out", out, x.shape, x)
    if status := LIBRARY.martlet_rope(out._handle, x._handle, positions._handle, real("theta", theta)):
        raise last_error(status)
    return out


def self_attention(
    q: SupportsDLPack,
    k: SupportsDLPack,
    v: SupportsDLPack,
    scale: Optional[float] = None,
    *,
    out: Optional[SupportsDLPack] = None,
) -> Tensor:
    """Causal attention with grouped queries: `softmax(q kᵀ · scale) v` (Vaswani et al. 2017, Ainslie et al. 2023).

    `q` is `[queries, heads, d]`, `k` `[keys, key heads, d]`, `v` `[keys, key heads, dv]`, `out` `[queries, heads, dv]`. The
    last query sees all keys. Without `scale` it is `d ** -0.5`.
    """
    if type(q) is not Tensor:
        q = _tensor("q", q)
    if type(k) is not Tensor:
        k = _tensor("k", k)
    if type(v) is not Tensor:
        v = _tensor("v", v)
    if scale is None:
        scale = max(1, q.shape[-1] if q.shape else 1) ** -0.5
    if type(out) is not Tensor:
        out = _output("out", out, q.shape[:-1] + v.shape[-1:], q)
    if status := LIBRARY.martlet_self_attention(out._handle, q._handle, k._handle, v._handle, real("scale", scale)):
        raise last_error(status)
    return out


def swiglu(gate: SupportsDLPack, up: SupportsDLPack, *, out: Optional[SupportsDLPack] = None) -> Tensor:
    """The gated unit of the feed-forward layer: `out = up · gate / (1 + exp(-gate))` (Shazeer 2020), shapes alike."""
    if type(gate) is not Tensor:
        gate = _tensor("gate", gate)
    if type(up) is not Tensor:
        up = _tensor("up", up)
    if type(out) is not Tensor:
        out = _output("out", out, gate.shape, gate)
    if status := LIBRARY.martlet_swiglu(out._handle, gate._handle, up._handle):
        raise last_error(status)
    return out
