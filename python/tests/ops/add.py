"""The sum of two tensors, against `torch.add`."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, poisoned, real, small


class Add(Operator):
    name = "add"
    shapes = [
        small(rows=2, width=3),
        small(rows=1, width=1),
        small(rows=0, width=8),
        small(rows=7, width=33),
        real(rows=512, width=4096),
        real(rows=512, width=1536),
        real(rows=512, width=8960),
        real(rows=1, width=1536),
    ]
    stridable = ("a", "b", "out")

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {name: draw.normal(shape.rows, shape.width) for name in ("a", "b")}

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        return {"out": poisoned((shape.rows, shape.width), inputs["a"].dtype, inputs["a"].device)}

    def run(self, x, out):
        martlet.ops.add(x["a"], x["b"], out=out["out"])

    def expected(self, x):
        return {"out": x["a"] + x["b"]}

    def peers(self, x, out):
        return {"torch.add": lambda: torch.add(x["a"], x["b"], out=out["out"])}

    def mistakes(self):
        return [
            ("another shape", {"b": torch.zeros(2, 4)}, "b"),
            ("another type", {"b": torch.zeros(2, 3, dtype=torch.float16)}, "b"),
            ("whole numbers", {"a": torch.zeros(2, 3, dtype=torch.int64)}, "a"),
            ("a small output", {"out": torch.zeros(2, 2)}, "out"),
            ("one dimension more", {"out": torch.zeros(1, 2, 3)}, "out"),
        ]


OPERATOR = Add()

if __name__ == "__main__":
    main(OPERATOR)
