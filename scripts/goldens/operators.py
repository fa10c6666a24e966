#!/usr/bin/env python3
"""Goldens of the basic operators: float64 references, and how far PyTorch itself is from them.

    scripts/venv.sh
    .venv/bin/python scripts/goldens/operators.py [--out FOLDER] [--only OPERATOR]

Cases come from `operator_cases.py`, inputs from `generator.py` (rounded to the case's type), so that the files hold outputs only.
Each operator's file is Tests/MartletOperatorsTests/Goldens/<operator>.json:

    {"operator": name, "cases": [{
        "name": of the case, alike for its three types,
        "dtype": "f32" | "f16" | "bf16": of every input and of the output, except integer ones,
        "seed": integer; input number i of the operator, as listed below, is made from the stream with seed + i,
        "shapes": {input: […]},
        "strides": {input or "out": […]}   in elements, only for tensors that are not contiguous,
        "scales": {input: power of two}    of the generator, only where it is not 1,
        "attributes": {…},
        "shape": of the output,
        "indices": row-major logical positions of the output that `expected` holds, a sample; absent: all of them, in order,
        "expected": float64 results, not rounded to dtype, in decimal,
        "rms": root mean square of all elements of the output, "sum" and "sum_abs": their sum and that of their magnitudes,
        "tolerance": greatest error allowed,
        "torch_error": PyTorch's own error in this dtype, for the record}]}

The error of a result r against e is |r - e| / max(|e|, rms), its greatest value over the elements that count. The tolerance is 1e-5 (f32),
1e-3 (f16), 1e-2 (bf16), or what PyTorch reaches where that is worse, or what float32 angles allow (rope). It follows that `sum`, for n
elements, is off by no more than tolerance * (sum_abs + n * rms), and 1e-9 * sum_abs for the order of additions. With tolerance 0
results are exact: they are copies of inputs. Another processor than the one that made the files may change `torch_error` in its last
digits, and nothing else.

Operators, their inputs in order, and what they compute:
    add             a, b                    a + b
    argmax          values                  over the last axis: "expected" the maxima, "expected_indices" their lowest indices
    embedding       indices (i64, u % rows), weight     rows of weight
    linear          x, weight, bias (or none)           x weight^T + bias
    rearrange       x                       x as it is, into an output of other strides
    rms_norm        x, weight               x / sqrt(mean(x²) + epsilon) * weight
    rope            x [tokens, heads, width]            pairs (i, i + width/2) turned by position * theta^(-2i/width)
    self_attention  query [q, heads, width], key and value [k, key heads, width]      softmax(query key^T scale) value, query i seeing keys
                                                        j <= i + k - q, head h reading key head h / (heads / key heads)
    swiglu          gate, up                up * gate * sigmoid(gate)
PyTorch's column follows transformers: RMSNorm multiplies the weight after rounding, rope's cosines are rounded to dtype, attention is
scaled_dot_product_attention.

A file generator.json beside them holds first draws of some streams, for testing a port of the generator.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F

from generator import DTYPES, below, draws, tensor, uniform
from operator_cases import CASES, Case

ROOT = Path(__file__).resolve().parents[2]
STORED_WHOLE = 256  # outputs up to this size are stored whole, larger ones sampled
SAMPLES = 128
SAMPLE_STREAM = 15  # of a case's 16 streams, the one that draws positions of the output
TOLERANCES = {"f32": 1e-5, "f16": 1e-3, "bf16": 1e-2}
DIGITS = {"f32": 9, "f16": 6, "bf16": 6}
EXACT = {"argmax", "embedding", "rearrange"}


def add(inputs, attributes):
    return inputs["a"] + inputs["b"]


def embedding(inputs, attributes):
    return inputs["weight"][inputs["indices"]]


def linear(inputs, attributes):
    return F.linear(inputs["x"], inputs["weight"], inputs.get("bias"))


def rearrange(inputs, attributes):
    return inputs["x"].contiguous()


def argmax(inputs, attributes):
    return inputs["values"].amax(-1).reshape(-1)


def rms_norm(inputs, attributes):
    x, weight = inputs["x"], inputs["weight"]
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    normalised = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + attributes["epsilon"])
    return weight * normalised.to(x.dtype)


def rope(inputs, attributes):
    x = inputs["x"]
    width = x.shape[-1]
    wide = torch.promote_types(x.dtype, torch.float32)
    frequencies = 1.0 / attributes["theta"] ** (torch.arange(0, width, 2, dtype=wide) / width)
    angles = torch.tensor(attributes["positions"], dtype=wide)[:, None] * frequencies
    cosine, sine = angles.cos()[:, None].to(x.dtype), angles.sin()[:, None].to(x.dtype)
    a, b = x[..., : width // 2], x[..., width // 2 :]
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)


def self_attention(inputs, attributes):
    query, key, value = (inputs[name].transpose(0, 1) for name in ("query", "key", "value"))
    group = query.shape[0] // key.shape[0]
    key, value = key.repeat_interleave(group, 0), value.repeat_interleave(group, 0)
    queries, keys = query.shape[1], key.shape[1]
    visible = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    result = F.scaled_dot_product_attention(
        query[None], key[None], value[None], attn_mask=visible, scale=attributes["scale"])
    return result[0].transpose(0, 1)


def swiglu(inputs, attributes):
    return F.silu(inputs["gate"]) * inputs["up"]


REFERENCES = {
    function.__name__: function
    for function in (add, argmax, embedding, linear, rearrange, rms_norm, rope, self_attention, swiglu)
}


def make_inputs(case: Case, seed: int, dtype: str) -> dict[str, torch.Tensor]:
    inputs = {}
    for number, (name, shape) in enumerate(case.shapes.items()):
        if name == "indices":
            inputs[name] = torch.from_numpy(below(seed + number, shape[0], case.shapes["weight"][0]))
        else:
            inputs[name] = tensor(seed + number, dtype, shape, case.strides.get(name), case.scales.get(name, 1.0))
    return inputs


def widened(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.double() if value.is_floating_point() else value for name, value in inputs.items()}


def decimal(value: float, digits: int) -> float | int:
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e6 else rounded


def golden(operator: str, case: Case, dtype: str) -> dict:
    seed = zlib.crc32(f"{operator}/{case.name}".encode()) * 16
    inputs = make_inputs(case, seed, dtype)
    reference = REFERENCES[operator](widened(inputs), case.attributes)
    result = REFERENCES[operator](inputs, case.attributes)
    assert result.dtype == DTYPES[dtype] and reference.dtype == torch.float64

    flat, count = reference.flatten(), reference.numel()
    rms = flat.square().mean().sqrt()
    error = ((result.flatten().double() - flat).abs() / flat.abs().clamp(min=rms)).max().item()
    tolerance = 0 if operator in EXACT else max(TOLERANCES[dtype], case.minimum_tolerance, error)
    assert operator not in EXACT or error == 0

    entry = {"name": case.name, "dtype": dtype, "seed": seed, "shapes": case.shapes}
    entry |= {key: value for key, value in (("strides", case.strides), ("scales", case.scales)) if value}
    entry |= {"attributes": case.attributes, "shape": list(reference.shape)}
    if count > STORED_WHOLE:
        indices = sorted(set(below(seed + SAMPLE_STREAM, SAMPLES, count).tolist()))
        entry["indices"] = indices
        flat_kept = flat[indices]
    else:
        flat_kept = flat
    digits = 9 if operator in EXACT else DIGITS[dtype]  # 9 digits give back any float32
    entry["expected"] = [decimal(value, digits) for value in flat_kept.tolist()]
    if operator == "argmax":  # torch names no particular one of equal maxima
        values = inputs["values"].reshape(-1, inputs["values"].shape[-1])
        entry["expected_indices"] = [row.eq(row.max()).nonzero()[0].item() for row in values]
    entry |= {
        "rms": decimal(rms.item(), 9),
        "sum": decimal(flat.sum().item(), 12),
        "sum_abs": decimal(flat.abs().sum().item(), 12),
        "tolerance": decimal(tolerance, 3) if tolerance <= TOLERANCES[dtype] else decimal(tolerance * 1.01, 3),
        "torch_error": decimal(error, 3),
    }
    return entry


def generator_check() -> dict:
    """First draws of some streams: raw in hexadecimal, as reals, and as indices below 1000."""
    return {"streams": [
        {
            "seed": seed,
            "draws": [f"{int(u):016x}" for u in draws(seed, 4)],
            "uniform": uniform(seed, 4).tolist(),
            "below_1000": below(seed, 4, 1000).tolist(),
        }
        for seed in (0, 1, 16, 987654321, 2**63)
    ]}


def write(path: Path, document: dict, rows: str) -> int:
    """Compact JSON with one line for each entry of the list `rows`, so that diffs can be read."""
    lines = ",\n".join(json.dumps(entry, separators=(",", ":"), allow_nan=False) for entry in document[rows])
    head = json.dumps({key: value for key, value in document.items() if key != rows}, separators=(",", ":"))[:-1]
    path.write_text(f'{head}{"," if len(head) > 1 else ""}"{rows}":[\n{lines}\n]}}\n')
    return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "Tests/MartletOperatorsTests/Goldens")
    parser.add_argument("--only", choices=sorted(CASES))
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums in one order
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "generator.json", generator_check(), "streams")
    for operator in [options.only] if options.only else CASES:
        cases = [golden(operator, case, dtype) for case in CASES[operator] for dtype in DTYPES]
        size = write(options.out / f"{operator}.json", {"operator": operator, "cases": cases}, "cases")
        worst = {
            dtype: max(case["torch_error"] for case in cases if case["dtype"] == dtype) for dtype in DTYPES}
        print(f"{operator:15} {len(cases):3} cases {size:7} bytes, torch's error: {worst}", file=sys.stderr)


if __name__ == "__main__":
    main()
