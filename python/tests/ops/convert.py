"""Another type of the same numbers, against `Tensor.to`."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, poisoned, real, small


class Convert(Operator):
    """From the tested type to bf16, or from bf16 to f32."""

    name = "convert"
    shapes = [small(rows=3, width=5), small(rows=4, width=129), real(rows=512, width=4096), real(rows=1, width=1536)]
    stridable = ("x", "out")
    is_exact = True

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {"x": draw.normal(shape.rows, shape.width)}

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        return {"out": poisoned((shape.rows, shape.width), target(inputs["x"].dtype), inputs["x"].device)}

    def run(self, x, out):
        martlet.ops.convert(x["x"], out=out["out"])

    def expected(self, x):
        return {"out": x["x"].to(target(x["x"].dtype))}

    def peers(self, x, out):
        return {"Tensor.copy_": lambda: out["out"].copy_(x["x"])}

    def mistakes(self):
        return [
            ("another shape", {"out": torch.zeros(3, 4)}, "out"),
            ("to whole numbers", {"out": torch.zeros(3, 5, dtype=torch.int32)}, "out"),
            ("from whole numbers", {"x": torch.zeros(3, 5, dtype=torch.int32)}, "x"),
        ]


def target(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype == torch.bfloat16 else torch.bfloat16


OPERATOR = Convert()

if __name__ == "__main__":
    main(OPERATOR)
