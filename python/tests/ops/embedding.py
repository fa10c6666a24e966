"""Rows of a table, against indexing in PyTorch."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, large, poisoned, real, small


class Embedding(Operator):
    name = "embedding"
    shapes = [
        small(tokens=1, vocabulary=2, width=3),
        small(tokens=0, vocabulary=4, width=8),
        small(tokens=9, vocabulary=50, width=65),
        real(tokens=50, vocabulary=512, width=4096),
        large(tokens=512, vocabulary=151936, width=1536),
        large(tokens=1, vocabulary=151936, width=1536),
    ]
    stridable = ("table", "out")
    is_exact = True

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        # A large table of few different rows: drawing a quarter of a billion numbers would take longer than all tests.
        rows = min(shape.vocabulary, 4096)
        table = draw.normal(rows, shape.width).repeat(-(-shape.vocabulary // rows), 1)[: shape.vocabulary]
        return {"ids": draw.integers(shape.vocabulary, shape.tokens), "table": table}

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        table = inputs["table"]
        return {"out": poisoned((shape.tokens, shape.width), table.dtype, table.device)}

    def run(self, x, out):
        martlet.ops.embedding(x["ids"], x["table"], out=out["out"])

    def expected(self, x):
        return {"out": torch.nn.functional.embedding(x["ids"], x["table"])}

    def peers(self, x, out):
        return {
            "torch.index_select": lambda: torch.index_select(x["table"], 0, x["ids"], out=out["out"]),
            "functional.embedding": lambda: torch.nn.functional.embedding(x["ids"], x["table"]),
        }

    def mistakes(self):
        return [
            ("a negative id", {"ids": torch.tensor([-1])}, "ids"),
            ("an id behind the last", {"ids": torch.tensor([2])}, "ids"),
            ("a huge id", {"ids": torch.tensor([1 << 62])}, "ids"),
            ("ids with fractions", {"ids": torch.zeros(1)}, "ids"),
            ("ids in two dimensions", {"ids": torch.zeros(1, 1, dtype=torch.int64)}, "ids"),
            ("a wide output", {"out": torch.zeros(1, 4)}, "out"),
        ]


OPERATOR = Embedding()

if __name__ == "__main__":
    main(OPERATOR)
