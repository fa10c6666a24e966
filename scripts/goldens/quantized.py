#!/usr/bin/env python3
"""Goldens of block-quantised types: bytes of blocks, and the float32 values that gguf-py makes of them.

    scripts/venv.sh
    .venv/bin/python scripts/goldens/quantized.py [--out FILE]

The bytes are the draws of `generator.py`, little-endian, one stream a type; the half-precision scales inside are then replaced by random ones
up to 1/16 (minima up to 1/4). Of the 8 blocks of a type, block 5 has negative scales, block 6 subnormal ones, block 7 zeros. In all of these
formats every product fits float32's 24 bits or is rounded once at the end, and at most one addition follows, so that any order of evaluation
gives the same values: they are to be met exactly.

Written to Tests/MartletOperatorsTests/Goldens/quantized.json:

    {"types": [{"type": "Q4_1", "block_bytes": 20, "block_values": 32, "seed": …,
                "blocks": [hexadecimal, one string a block], "values": [block_values numbers a block, one list a block]}]}
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

from generator import draws, uniform

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = 8
# Byte offsets of the half-precision scale and, where there is one, minimum within a block.
SCALES = {
    "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
LARGEST = [1 / 16, 1 / 4]  # of the scale and of the minimum


def make_blocks(size: int, offsets: list[int], seed: int) -> np.ndarray:
    """BLOCKS × size bytes."""
    count = BLOCKS * size
    blocks = draws(seed, (count + 7) // 8).astype("<u8").view(np.uint8)[:count].reshape(BLOCKS, size).copy()
    for number, (offset, largest) in enumerate(zip(offsets, LARGEST)):
        values = np.abs(uniform(seed + 1 + number, BLOCKS, largest))
        values[5] *= -1
        values[6] = (2 + number) * 2.0**-24  # subnormal in half precision
        values[7] = 0
        blocks[:, offset : offset + 2] = values.astype("<f2").view(np.uint8).reshape(BLOCKS, 2)
    return blocks


def shortest(value: np.float32) -> float | int:
    """The shortest decimal that reads back as the same float32; zero without a sign."""
    number = float(str(value))
    return int(number) if number == int(number) else number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "Tests/MartletOperatorsTests/Goldens/quantized.json")
    options = parser.parse_args()
    lines = []
    for number, (name, offsets) in enumerate(SCALES.items()):
        kind = GGMLQuantizationType[name]
        values_per_block, size = GGML_QUANT_SIZES[kind]
        seed = 7000 + 16 * number
        blocks = make_blocks(size, offsets, seed)
        values = quants.dequantize(blocks, kind)
        assert values.dtype == np.float32 and values.shape == (BLOCKS, values_per_block) and np.isfinite(values).all()
        lines.append(json.dumps({
            "type": name,
            "block_bytes": size,
            "block_values": values_per_block,
            "seed": seed,
            "blocks": [block.tobytes().hex() for block in blocks],
            "values": [[shortest(value) for value in row] for row in values],
        }, separators=(",", ":")))
        print(f"{name:5} {size:3} bytes, values {values.min():9.4f} … {values.max():8.4f}", file=sys.stderr)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text('{"types":[\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{options.out.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
