"""What the tests of all operators share: drawing inputs, running, comparing with PyTorch and with float64.

An operator's file describes it as a subclass of `Operator`: its shapes, its inputs, what PyTorch makes of them, what
float64 does, and how Martlet and PyTorch are called. From that come the tests (conftest.py makes one of each shape, type
and layout) and the comparison of speeds (race.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, ClassVar

import torch

import martlet

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
# How far a result may be from PyTorch's, relative to its size: one rounding apart in f16 and bf16.
TOLERANCE = {torch.float32: 1e-5, torch.float16: 1e-3, torch.bfloat16: 1e-2}
# How far our error against float64 may be above PyTorch's: over all elements, and of the worst. In f32 the order of
# additions decides, in the others the rounding of the result, which is the same for both.
MEAN_FACTOR = {torch.float32: 1.5, torch.float16: 1.1, torch.bfloat16: 1.1}
WORST_FACTOR = 2.0
# Of so few elements it is a matter of luck which side's last bits are the better ones.
FEW, LUCK = 64, 3.0
POISON = float("nan")

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """One size of an operator's problem, such as rows and width, under names that the operator chooses."""

    sizes: dict[str, int]
    real: bool = False
    large: bool = False

    def __getattr__(self, name: str) -> int:
        try:
            return self.sizes[name]
        except KeyError:
            raise AttributeError(name) from None

    def __str__(self) -> str:
        return ",".join(f"{name}={size}" for name, size in self.sizes.items())

    def __hash__(self) -> int:
        return hash(str(self))


def small(**sizes: int) -> Shape:
    """A shape that is there for its corners: quick, never measured."""
    return Shape(sizes)


def real(**sizes: int) -> Shape:
    """A shape that models have: measured by `--profile`."""
    return Shape(sizes, real=True)


def large(**sizes: int) -> Shape:
    """The same, but so large that it is tested with `--large` only."""
    return Shape(sizes, real=True, large=True)


@dataclass
class Draw:
    """Random inputs: the same on every device, since they are drawn on the processor."""

    dtype: torch.dtype
    device: torch.device
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(20))

    def normal(self, *shape: int, scale: float = 1.0, mean: float = 0.0) -> torch.Tensor:
        values = torch.randn(shape, generator=self.generator) * scale + mean
        return values.to(self.dtype).to(self.device)

    def integers(self, high: int, *shape: int, low: int = 0) -> torch.Tensor:
        return torch.randint(low, high, shape, generator=self.generator).to(self.device)


class Operator:
    """One operator, described for the tests. Attributes and methods below are what a subclass gives."""

    name: ClassVar[str]
    shapes: ClassVar[list[Shape]]
    # The tensors among inputs and outputs that may have gaps between rows.
    stridable: ClassVar[tuple[str, ...]] = ()
    # Whether results are copies or choices, so that nothing is rounded.
    is_exact: ClassVar[bool] = False

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        raise NotImplementedError

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        raise NotImplementedError

    def run(self, x: dict[str, martlet.Tensor], out: dict[str, martlet.Tensor]) -> None:
        """Calls Martlet."""
        raise NotImplementedError

    def expected(self, x: Tensors) -> Tensors:
        """What transformers computes, in the inputs' type with PyTorch."""
        raise NotImplementedError

    def exact(self, x: Tensors) -> Tensors:
        """The same of float64 inputs, and nothing rounded in between."""
        return self.expected(x)

    def peers(self, x: Tensors, out: Tensors) -> dict[str, Callable[[], object]]:
        """The ways to say it in PyTorch; the fastest is what Martlet is compared with."""
        raise NotImplementedError

    def mistakes(self) -> list[tuple[str, dict[str, Any], str]]:
        """Calls that must raise: what is wrong, what replaces an input or output, and the argument that is named."""
        return []


# --- Running and comparing -------------------------------------------------------------------------------------------


def poisoned(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Memory in which whatever is not written is seen."""
    return torch.full(shape, POISON if dtype.is_floating_point else -(1 << 30), dtype=dtype, device=device)


def with_gaps(tensor: torch.Tensor, gap: int) -> torch.Tensor:
    """The same values in memory with `gap` poisoned elements behind each row."""
    wide = poisoned((*tensor.shape[:-1], tensor.shape[-1] + gap), tensor.dtype, tensor.device)
    view = wide[..., : tensor.shape[-1]]
    view.copy_(tensor)
    return view


def gaps_are_untouched(view: torch.Tensor) -> bool:
    """Whether the poison behind the rows of a tensor that `with_gaps` made is still there."""
    width = view.shape[-1]
    wide = view.as_strided((*view.shape[:-1], view.stride(-2)), view.stride())
    rest = wide[..., width:]
    return bool(rest.isnan().all()) if rest.dtype.is_floating_point else bool((rest == -(1 << 30)).all())


def shared(tensors: Tensors) -> dict[str, martlet.Tensor]:
    """Martlet's tensors over the same memory."""
    return {name: martlet.from_dlpack(tensor) for name, tensor in tensors.items()}


def widened(tensors: Tensors) -> Tensors:
    return {name: t.double() if t.dtype.is_floating_point else t for name, t in tensors.items()}


def compare(name: str, result: torch.Tensor, expected: torch.Tensor, exact: torch.Tensor, is_exact: bool) -> None:
    """Raises AssertionError unless `result` is PyTorch's within the type's tolerance and as near to float64."""
    assert result.shape == expected.shape and result.dtype == expected.dtype, name
    if is_exact:
        assert torch.equal(result, expected), f"{name}: not the same elements as PyTorch's"
        return
    if not result.numel():
        return
    assert not result.isnan().any(), f"{name}: not all of it was written"
    ours, theirs = result.double() - exact, expected.double() - exact
    tolerance = TOLERANCE[expected.dtype]
    # PyTorch rounds in between where Martlet does not, so that what it is off by is allowed on top.
    allowed = tolerance * (exact.abs() + exact.square().mean().sqrt()) + theirs.abs()
    difference = (result.double() - expected.double()).abs()
    assert bool((difference <= allowed).all()), (
        f"{name}: {float((difference / allowed).max()):.2f} times the tolerance {tolerance} from PyTorch's"
    )

    # Where PyTorch happens to be exact, the rounding of the exact value to the type is what nobody can be better than.
    rounding = exact.to(expected.dtype).double() - exact
    floor = rounding.square().mean().sqrt()
    mean = ours.square().mean().sqrt(), torch.maximum(theirs.square().mean().sqrt(), floor)
    worst = ours.abs().max(), torch.maximum(theirs.abs().max(), rounding.abs().max())
    luck = LUCK if exact.numel() < FEW else 1
    assert mean[0] <= luck * MEAN_FACTOR[expected.dtype] * mean[1], (
        f"{name}: mean error {mean[0]:.3g}, PyTorch's {mean[1]:.3g}"
    )
    assert worst[0] <= luck * WORST_FACTOR * worst[1], f"{name}: worst error {worst[0]:.3g}, PyTorch's {worst[1]:.3g}"


def check(operator: Operator, shape: Shape, dtype: str, device: torch.device, gaps: bool = False) -> None:
    """Runs one operator on one shape and compares all its outputs."""
    inputs = operator.inputs(shape, Draw(DTYPES[dtype], device))
    expected, exact = operator.expected(inputs), operator.exact(widened(inputs))
    outputs = operator.outputs(shape, inputs)
    if gaps:
        inputs = {k: with_gaps(t, 3) if k in operator.stridable else t for k, t in inputs.items()}
        outputs = {k: with_gaps(t, 5) if k in operator.stridable else t for k, t in outputs.items()}
    before = {name: tensor.clone() for name, tensor in inputs.items()}
    operator.run(shared(inputs), shared(outputs))
    for name, result in outputs.items():
        if gaps and name in operator.stridable:
            assert gaps_are_untouched(result), f"{name}: written beyond its rows"
        compare(name, result, expected[name], exact[name], operator.is_exact)
    for name, tensor in inputs.items():
        if name not in outputs:
            assert torch.equal(tensor, before[name]), f"{name}: an input was written to"


def check_mistakes(operator: Operator, device: torch.device) -> None:
    """Runs every wrong call and wants an exception that names the argument."""
    shape = operator.shapes[0]
    for what, replaced, argument in operator.mistakes():
        inputs = operator.inputs(shape, Draw(torch.float32, device))
        outputs = operator.outputs(shape, inputs)
        unknown = set(replaced) - set(inputs) - set(outputs)
        assert not unknown, f"{operator.name} has no {unknown}"
        x, out = (
            shared({**inputs, **{k: v for k, v in replaced.items() if k in inputs}}),
            shared({**outputs, **{k: v for k, v in replaced.items() if k in outputs}}),
        )
        try:
            operator.run(x, out)
        except ValueError as error:
            assert argument in str(error), f"{what}: the error does not name {argument}: {error}"
        else:
            raise AssertionError(f"{operator.name}, {what}: no error")
