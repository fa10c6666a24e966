"""Causal attention with grouped queries, against `functional.scaled_dot_product_attention`."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

import torch

import martlet
from support.command import main
from support.operators import Draw, Operator, Shape, Tensors, large, poisoned, real, small

attention = torch.nn.functional.scaled_dot_product_attention


class SelfAttention(Operator):
    name = "self_attention"
    shapes = [
        small(queries=2, keys=2, heads=1, kv=1, width=4),
        small(queries=5, keys=11, heads=4, kv=2, width=8),
        small(queries=1, keys=300, heads=6, kv=2, width=20),
        small(queries=70, keys=70, heads=2, kv=1, width=64),
        real(queries=1, keys=2048, heads=12, kv=2, width=128),
        real(queries=512, keys=512, heads=12, kv=2, width=128),
        large(queries=2048, keys=2048, heads=12, kv=2, width=128),
    ]
    stridable = ("q", "k", "v", "out")

    def inputs(self, shape: Shape, draw: Draw) -> Tensors:
        return {
            "q": draw.normal(shape.queries, shape.heads, shape.width),
            "k": draw.normal(shape.keys, shape.kv, shape.width),
            "v": draw.normal(shape.keys, shape.kv, shape.width),
        }

    def outputs(self, shape: Shape, inputs: Tensors) -> Tensors:
        return {"out": poisoned(tuple(inputs["q"].shape), inputs["q"].dtype, inputs["q"].device)}

    def run(self, x, out):
        martlet.ops.self_attention(x["q"], x["k"], x["v"], scale(x), out=out["out"])

    def expected(self, x):
        queries, keys = x["q"].shape[0], x["k"].shape[0]
        mask = torch.ones(queries, keys, dtype=torch.bool, device=x["q"].device).tril(keys - queries)
        result = attention(*by_head(x), attn_mask=mask, scale=scale(x), enable_gqa=True)
        return {"out": result.transpose(-2, -3)[0]}

    def peers(self, x, out):
        queries, keys = x["q"].shape[0], x["k"].shape[0]
        options = {"scale": scale(x), "is_causal": queries == keys}
        if 1 < queries < keys:
            mask = torch.ones(queries, keys, dtype=torch.bool, device=x["q"].device).tril(keys - queries)
            options = {"scale": scale(x), "attn_mask": mask}
        q, k, v = by_head(x)
        group = q.shape[-3] // k.shape[-3]

        def repeated() -> None:
            attention(q, k.repeat_interleave(group, -3), v.repeat_interleave(group, -3), **options)

        return {"enable_gqa": lambda: attention(q, k, v, enable_gqa=True, **options), "repeated keys": repeated}

    def mistakes(self):
        return [
            ("heads that are no multiple", {"q": torch.zeros(2, 3, 4), "k": torch.zeros(2, 2, 4)}, "q"),
            ("heads of another width", {"k": torch.zeros(2, 1, 8)}, "k"),
            ("values for other keys", {"v": torch.zeros(3, 1, 4)}, "v"),
            ("more queries than keys", {"k": torch.zeros(1, 1, 4), "v": torch.zeros(1, 1, 4)}, "k"),
            ("another type", {"v": torch.zeros(2, 1, 4, dtype=torch.bfloat16)}, "v"),
            ("a small output", {"out": torch.zeros(2, 1, 2)}, "out"),
        ]


def scale(x: dict) -> float:
    return float(x["q"].shape[-1] ** -0.5)


def by_head(x: Tensors) -> list[torch.Tensor]:
    return [x[name].transpose(-2, -3)[None] for name in ("q", "k", "v")]


OPERATOR = SelfAttention()


def test_heads_first():
    """Queries, keys and values as views of memory with the heads outside."""
    q, k, v = torch.randn(4, 9, 16), torch.randn(2, 13, 16), torch.randn(2, 13, 16)
    x = {"q": q.permute(1, 0, 2), "k": k.permute(1, 0, 2), "v": v.permute(1, 0, 2)}
    out = torch.from_dlpack(martlet.ops.self_attention(x["q"], x["k"], x["v"]))
    torch.testing.assert_close(out, OPERATOR.expected(x)["out"], atol=1e-5, rtol=1e-5)


if __name__ == "__main__":
    main(OPERATOR)
