"""The gated unit of the feed-forward layer, against `functional.silu` and a product."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, poisoned, real, small


class SwiGLU(Operator):
    name = "swiglu"
    shapes = [
        small(rows=2, width=3),
        small(rows=0, width=16),
        small(rows=5, width=67),
        real(rows=512, width=4096),
        real(rows=512, width=8960),
        real(rows=1, width=8960),
    ]
    stridable = ("gate", "up", "out")

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {"gate": draw.normal(shape.rows, shape.width, scale=3), "up": draw.normal(shape.rows, shape.width)}

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        return {"out": poisoned((shape.rows, shape.width), inputs["up"].dtype, inputs["up"].device)}

    def run(self, x, out):
        martlet.ops.swiglu(x["gate"], x["up"], out=out["out"])

    def expected(self, x):
        return {"out": torch.nn.functional.silu(x["gate"]) * x["up"]}

    def peers(self, x, out):
        silu = torch.nn.functional.silu
        return {
            "silu, mul(out=)": lambda: torch.mul(silu(x["gate"]), x["up"], out=out["out"]),
            "silu, mul": lambda: silu(x["gate"]) * x["up"],
        }

    def mistakes(self):
        return [
            ("another shape", {"up": torch.zeros(2, 4)}, "up"),
            ("another type", {"up": torch.zeros(2, 3, dtype=torch.float16)}, "up"),
            ("a small output", {"out": torch.zeros(1, 3)}, "out"),
            ("whole numbers", {"gate": torch.zeros(2, 3, dtype=torch.int32)}, "gate"),
        ]


def test_far_gates():
    """Where exp overflows the unit is 0 or the gate itself, never NaN."""
    gate = torch.tensor([-1000.0, -100.0, -0.0, 100.0, 1000.0])
    out = torch.from_dlpack(martlet.ops.swiglu(gate, torch.ones(5)))
    expected = torch.tensor([0.0, 0.0, 0.0, 100.0, 1000.0])
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=1e-6)


OPERATOR = SwiGLU()

if __name__ == "__main__":
    main(OPERATOR)
