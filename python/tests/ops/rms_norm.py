"""Root-mean-square normalisation, against that of transformers."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, poisoned, real, small

EPSILON = 1e-6


class RMSNorm(Operator):
    name = "rms_norm"
    shapes = [
        small(rows=1, width=4),
        small(rows=0, width=16),
        small(rows=6, width=35),
        real(rows=512, width=4096),
        real(rows=512, width=1536),
        real(rows=512, width=8960),
        real(rows=1, width=1536),
    ]
    stridable = ("x", "out")

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {"x": draw.normal(shape.rows, shape.width), "weight": draw.normal(shape.width, scale=0.1, mean=1)}

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        return {"out": poisoned((shape.rows, shape.width), inputs["x"].dtype, inputs["x"].device)}

    def run(self, x, out):
        martlet.ops.rms_norm(x["x"], x["weight"], EPSILON, out=out["out"])

    def expected(self, x):
        return {"out": as_transformers(x["x"], x["weight"])}

    def peers(self, x, out):
        width = (x["weight"].shape[0],)
        return {
            "functional.rms_norm": lambda: torch.nn.functional.rms_norm(x["x"], width, x["weight"], EPSILON),
            "as transformers": lambda: as_transformers(x["x"], x["weight"]),
        }

    def mistakes(self):
        return [
            ("a short weight", {"weight": torch.ones(3)}, "weight"),
            ("a weight of two dimensions", {"weight": torch.ones(1, 4)}, "weight"),
            ("another shape", {"out": torch.zeros(2, 4)}, "out"),
            ("another type", {"out": torch.zeros(1, 4, dtype=torch.bfloat16)}, "out"),
        ]


def as_transformers(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    wide = x if x.dtype == torch.float64 else x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPSILON)
    return weight * wide.to(x.dtype)


OPERATOR = RMSNorm()

if __name__ == "__main__":
    main(OPERATOR)
