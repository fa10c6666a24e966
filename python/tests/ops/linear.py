"""A matrix product with transposed weights and a bias, against `functional.linear`."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, large, poisoned, real, small


class Linear(Operator):
    name = "linear"
    shapes = [
        small(rows=2, columns=4, width=3),
        small(rows=1, columns=1, width=1),
        small(rows=0, columns=8, width=8),
        small(rows=5, columns=67, width=19),
        small(rows=33, columns=128, width=130),
        real(rows=1, columns=1536, width=8960),
        real(rows=1, columns=8960, width=1536),
        real(rows=1, columns=4096, width=4096),
        large(rows=512, columns=1536, width=8960),
        large(rows=512, columns=4096, width=4096),
        large(rows=1, columns=1536, width=151936),
    ]
    stridable = ("x", "weight", "out")

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {
            "x": draw.normal(shape.rows, shape.columns),
            "weight": draw.normal(shape.width, shape.columns, scale=shape.columns**-0.5),
            "bias": draw.normal(shape.width),
        }

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        return {"out": poisoned((shape.rows, shape.width), inputs["x"].dtype, inputs["x"].device)}

    def run(self, x, out):
        martlet.ops.linear(x["x"], x["weight"], x["bias"], out=out["out"])

    def expected(self, x):
        return {"out": torch.nn.functional.linear(x["x"], x["weight"], x["bias"])}

    def peers(self, x, out):
        linear = torch.nn.functional.linear
        return {
            "functional.linear": lambda: linear(x["x"], x["weight"], x["bias"]),
            "functional.linear(out=)": lambda: linear(x["x"], x["weight"], x["bias"], out=out["out"]),
        }

    def mistakes(self):
        return [
            ("columns that do not match", {"weight": torch.zeros(3, 5)}, "x"),
            ("a short bias", {"bias": torch.zeros(2)}, "bias"),
            ("a small output", {"out": torch.zeros(2, 2)}, "out"),
            ("a weight of one dimension", {"weight": torch.zeros(4)}, "weight"),
            ("a weight of whole numbers", {"weight": torch.zeros(3, 4, dtype=torch.int64)}, "weight"),
        ]


OPERATOR = Linear()


def test_without_bias():
    x, weight = torch.randn(3, 20), torch.randn(7, 20)
    out = torch.from_dlpack(martlet.ops.linear(x, weight))
    torch.testing.assert_close(out, x @ weight.T, atol=1e-5, rtol=1e-5)


if __name__ == "__main__":
    main(OPERATOR)
