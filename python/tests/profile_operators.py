#!/usr/bin/env python3
"""Measures all operators at their real shapes beside PyTorch and prints one table.

    python python/tests/profile_operators.py [--json FILE] [--only linear,rope] [--dtype f32,bf16]

The ratio is PyTorch's time over Martlet's, above 1 where Martlet is the faster one; what is asked for is 0.9. It is the
median of neighbouring turns; "best" is that of the fastest turns; "others" is the share of the machine that other programs had meanwhile.
Beyond a few percent measure again later: PyTorch's threads wait for each other, and the table says more of that.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[:2]))

import torch

import martlet
from support.command import DEVICES, torch_device
from support.operators import DTYPES
from support.race import Result, race

NAMES = sorted(path.stem for path in Path(__file__).with_name("ops").glob("*.py") if path.stem != "__init__")
BAR = 0.9


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=list(DEVICES))
    parser.add_argument("--threads", type=int, default=2, help="threads on both sides")
    parser.add_argument("--only", default=",".join(NAMES), help="operators, separated by commas")
    parser.add_argument("--shape", default="", help="only shapes whose name contains this")
    parser.add_argument("--dtype", default=",".join(DTYPES), help="types, separated by commas")
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each shape")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--check", action="store_true", help=f"fail if a ratio is below {BAR} in f32 or bf16")
    options = parser.parse_args()
    device = torch_device(options.device)
    print(f"PyTorch {torch.__version__}, Martlet {martlet.__version__}, {options.threads} threads, {options.device}")
    print(Result.header())
    results: list[Result] = []
    for name in options.only.split(","):
        operator = importlib.import_module(f"ops.{name}").OPERATOR
        for shape in operator.shapes:
            if not shape.real or options.shape not in str(shape):
                continue
            for dtype in options.dtype.split(","):
                results.append(race(operator, shape, dtype, device, options.threads, options.seconds))
                print(results[-1].line(), flush=True)
    slow = [result for result in results if result.dtype != "f16" and min(result.ratio, result.best_ratio) < BAR]
    print(f"{len(results)} measured, {len(slow)} below {BAR} in f32 and bf16")
    if options.json:
        options.json.write_text(json.dumps([result.as_json() for result in results], indent=1) + "\n")
    return 1 if slow and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
