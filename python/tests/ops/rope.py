"""Rotary position embedding, against that of transformers."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, poisoned, real, small

THETA = 10000.0


class RoPE(Operator):
    name = "rope"
    shapes = [
        small(tokens=2, heads=1, width=4),
        small(tokens=5, heads=3, width=34),
        real(tokens=512, heads=12, width=128),
        real(tokens=512, heads=2, width=128),
        real(tokens=512, heads=4, width=4096),
        real(tokens=1, heads=12, width=128),
    ]
    stridable = ("x", "out")

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {
            "x": draw.normal(shape.tokens, shape.heads, shape.width),
            "positions": torch.arange(512, 512 + shape.tokens, device=draw.device),
        }

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        x = inputs["x"]
        return {"out": poisoned(tuple(x.shape), x.dtype, x.device)}

    def run(self, x, out):
        martlet.ops.rope(x["x"], x["positions"], THETA, out=out["out"])

    def expected(self, x):
        """Angles in f32, the rotation in f32 and rounded once: what LLAISYS asks for."""
        return {"out": rotated(x["x"].float(), *cosines(x)).to(x["x"].dtype)}

    def exact(self, x):
        """From angles rounded to f32: how far these are from exact ones is not what is tested here.

        PyTorch's powers of theta are off in the last bit, so they are rounded from float64.
        """
        return {"out": rotated(x["x"], *(table.double() for table in cosines(x, torch.float64)))}

    def peers(self, x, out):
        def as_llaisys() -> None:
            cosine, sine = (table[..., : table.shape[-1] // 2] for table in cosines(x))
            half = x["x"].shape[-1] // 2
            a, b = x["x"][..., :half], x["x"][..., half:]
            out["out"][..., :half] = a * cosine - b * sine
            out["out"][..., half:] = b * cosine + a * sine

        def as_transformers() -> None:
            rotated(x["x"], *(table.to(x["x"].dtype) for table in cosines(x)))

        return {"as LLAISYS": as_llaisys, "as transformers": as_transformers}

    def mistakes(self):
        return [
            ("too few positions", {"positions": torch.arange(1)}, "positions"),
            ("positions with fractions", {"positions": torch.zeros(2)}, "positions"),
            ("an odd head", {"x": torch.zeros(2, 1, 3)}, "x"),
            ("two dimensions", {"x": torch.zeros(2, 4)}, "x"),
            ("another shape", {"out": torch.zeros(2, 2, 4)}, "out"),
        ]


def cosines(x: Tensors, powers: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines `[tokens, 1, d]` in f32, each half the same; theta is raised to its powers in another type."""
    width = x["x"].shape[-1]
    exponents = torch.arange(0, width, 2, dtype=powers, device=x["x"].device) / width
    angles = (
        x["positions"].float()[:, None] / (THETA**exponents).float()
    )  # LLAISYS divides; the last bit of an angle is seen
    angles = torch.cat((angles, angles), -1)[:, None]
    return angles.cos(), angles.sin()


def rotated(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return x * cosine + torch.cat((-x[..., half:], x[..., :half]), -1) * sine


OPERATOR = RoPE()

if __name__ == "__main__":
    main(OPERATOR)
