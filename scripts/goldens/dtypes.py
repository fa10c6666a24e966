#!/usr/bin/env python3
"""Goldens of element types: block sizes of GGUF's types, and f32 to bf16 as PyTorch rounds it.

Needs gguf and torch. Writes Tests/MartletTensorTests/Goldens/{block_sizes,bfloat16}.json:

    python3 scripts/goldens/dtypes.py
"""

import json
import random
import struct
from pathlib import Path

import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

OUT = Path(__file__).resolve().parents[2] / "Tests/MartletTensorTests/Goldens"
TYPES = "F32 F16 BF16 I32 I64 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K".split()

# Zeros, the smallest and largest subnormals, the smallest normal, infinities, NaNs quiet and signalling, the values
# around the largest bf16 (above the tie they round to infinity), and a subnormal that rounds up to a normal.
CORNERS = [
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x00007FFF, 0x00008000, 0x00008001, 0x00018000, 0x007FFFFF,
    0x00800000, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF,
    0x7F7F0000, 0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF, 0xFF7F8000, 0x3F800000, 0x3F808000, 0x3F818000, 0x3F807FFF,
    0x3F808001, 0x007F8000, 0x807F8000,
]


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    sizes = {t.lower() if "_K" not in t else "q" + t[1:]: list(GGML_QUANT_SIZES[GGMLQuantizationType[t]]) for t in TYPES}
    (OUT / "block_sizes.json").write_text(json.dumps(sizes, indent=1) + "\n")

    rng = random.Random(20260102)
    bits = CORNERS + [rng.getrandbits(32) for _ in range(500)]
    bits += [rng.getrandbits(16) << 16 | 0x8000 for _ in range(200)]  # exact ties
    values = torch.tensor([struct.unpack("<i", struct.pack("<I", b))[0] for b in bits], dtype=torch.int32)
    rounded = values.view(torch.float32).to(torch.bfloat16)
    result = [
        # A NaN's payload differs between PyTorch's scalar and vector code: null says only that it is one.
        [b, None if nan else r & 0xFFFF]
        for b, r, nan in zip(bits, rounded.view(torch.int16).tolist(), rounded.isnan().tolist())
    ]
    (OUT / "bfloat16.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in result) + "\n]\n")


if __name__ == "__main__":
    main()
