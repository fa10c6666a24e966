"""A copy between layouts, against `Tensor.copy_`."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, poisoned, real, small


class Rearrange(Operator):
    """Tokens and heads change places: what lies between a projection and attention."""

    name = "rearrange"
    shapes = [
        small(tokens=2, heads=3, width=4),
        small(tokens=1, heads=1, width=1),
        small(tokens=7, heads=5, width=33),
        real(tokens=512, heads=32, width=128),
        real(tokens=512, heads=12, width=128),
        real(tokens=512, heads=70, width=128),
        real(tokens=512, heads=4096, width=1),
    ]
    is_exact = True

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {"x": draw.normal(shape.tokens, shape.heads, shape.width).permute(1, 0, 2)}

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        x = inputs["x"]
        return {"out": poisoned((shape.heads, shape.tokens, shape.width), x.dtype, x.device)}

    def run(self, x, out):
        martlet.ops.rearrange(x["x"], out=out["out"])

    def expected(self, x):
        return {"out": x["x"].contiguous()}

    def peers(self, x, out):
        return {"Tensor.copy_": lambda: out["out"].copy_(x["x"])}

    def mistakes(self):
        return [
            ("another shape", {"out": torch.zeros(2, 3, 4)}, "out"),
            ("another type", {"out": torch.zeros(3, 2, 4, dtype=torch.float16)}, "out"),
        ]


OPERATOR = Rearrange()


def test_any_strides_and_types():
    for dtype in (torch.int8, torch.int32, torch.int64, torch.float64, torch.bool, torch.float16):
        x = torch.arange(240).reshape(4, 3, 20).to(dtype)[:, :, ::3].permute(2, 0, 1)
        out = torch.zeros(14, 8, 6, dtype=dtype)[::2, ::2, ::2]
        martlet.ops.rearrange(x, out=out)
        assert torch.equal(x, out), dtype


if __name__ == "__main__":
    main(OPERATOR)
