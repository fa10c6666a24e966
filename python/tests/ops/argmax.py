"""The position and value of the largest element of each row, against `torch.max`."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, large, poisoned, real, small


class Argmax(Operator):
    name = "argmax"
    shapes = [
        small(rows=1, width=4),
        small(rows=1, width=1),
        small(rows=6, width=257),
        real(rows=1, width=4096),
        real(rows=1, width=151936),
        large(rows=32, width=151936),
    ]
    stridable = ("x",)
    is_exact = True

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        """Rows with the largest element twice, where they are wide enough: the first of equal ones is wanted."""
        x = draw.normal(shape.rows, shape.width)
        if shape.width > 200:
            x[:, 100] = x[:, 200] = x.amax() + 1
        return {"x": x}

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        x = inputs["x"]
        return {
            "index": poisoned((shape.rows,), torch.int64, x.device),
            "value": poisoned((shape.rows,), x.dtype, x.device),
        }

    def run(self, x, out):
        martlet.ops.argmax(x["x"], index=out["index"], value=out["value"])

    def expected(self, x):
        value, index = x["x"].max(-1)
        return {"index": index, "value": value}

    def peers(self, x, out):
        return {"torch.max": lambda: torch.max(x["x"], -1, out=(out["value"], out["index"]))}

    def mistakes(self):
        return [
            ("an index of numbers with fractions", {"index": torch.zeros(1)}, "index"),
            ("too many indices", {"index": torch.zeros(2, dtype=torch.int64)}, "index"),
            ("another type", {"value": torch.zeros(1, dtype=torch.float16)}, "value"),
            ("rows of nothing", {"x": torch.zeros(1, 0)}, "x"),
        ]


OPERATOR = Argmax()


def test_nan_is_the_largest():
    x = torch.tensor([1.0, float("nan"), 3.0, float("inf"), float("nan")])
    index, value = martlet.ops.argmax(martlet.from_dlpack(x))
    assert torch.from_dlpack(index).tolist() == [int(x.argmax())] == [1]
    assert torch.from_dlpack(value).isnan().all()


if __name__ == "__main__":
    main(OPERATOR)
