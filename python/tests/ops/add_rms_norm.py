"""The step between the halves of a decoder layer: a sum and its normalisation, against their sequence in PyTorch."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, poisoned, real, small

EPSILON = 1e-6


class AddRMSNorm(Operator):
    name = "add_rms_norm"
    shapes = [
        small(rows=2, width=4),
        small(rows=5, width=37),
        real(rows=512, width=4096),
        real(rows=512, width=1536),
        real(rows=1, width=1536),
    ]
    stridable = ("x", "residual", "out")

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {
            "x": draw.normal(shape.rows, shape.width),
            "start": draw.normal(shape.rows, shape.width),
            "weight": draw.normal(shape.width, scale=0.1, mean=1),
        }

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        """The sum replaces the residual, so that is an output which begins with an input's values."""
        return {
            "residual": inputs["start"].clone(),
            "out": poisoned((shape.rows, shape.width), inputs["x"].dtype, inputs["x"].device),
        }

    def run(self, x, out):
        martlet.ops.add_rms_norm(x["x"], out["residual"], x["weight"], EPSILON, out=out["out"])

    def expected(self, x):
        total = x["start"] + x["x"]
        wide = total if total.dtype == torch.float64 else total.float()
        normal = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPSILON)
        return {"residual": total, "out": x["weight"] * normal.to(total.dtype)}

    def peers(self, x, out):
        functional = torch.nn.functional
        width = (x["weight"].shape[0],)

        def add_and_norm() -> None:
            out["residual"].add_(x["x"])
            functional.rms_norm(out["residual"], width, x["weight"], EPSILON)

        return {"add_, rms_norm": add_and_norm}

    def mistakes(self):
        return [
            ("a short weight", {"weight": torch.ones(3)}, "weight"),
            ("another shape", {"residual": torch.zeros(2, 5)}, "residual"),
            ("another type", {"out": torch.zeros(2, 4, dtype=torch.bfloat16)}, "out"),
        ]


OPERATOR = AddRMSNorm()

if __name__ == "__main__":
    main(OPERATOR)
