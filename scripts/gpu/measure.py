#!/usr/bin/env python3
"""Measures and checks Martlet on a GPU, a part at a time: what docs/gpu.md and docs/performance.md report.

    scripts/gpu/measure.py PART [--device cuda] [--martlet FILE] [--json FILE] [--small]
    scripts/gpu/measure_all.sh OUT            # every part, within seventeen minutes

Prints a table and ends with status 1 if something is wrong; a speed below its aim is not. Needs the binary ($MARTLET or
--martlet), for some parts libmartlet.so ($MARTLET_LIBRARY), this repository's files, PyTorch and transformers; nothing is
built. `--device cpu --small` tries the scripts on a machine without a GPU. Checkpoints are made in $MARTLET_CHECKPOINT,
else in the folder for temporary files.

parts:
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Callable

import correctness
import serving
import speed
from report import ROOT, Failure, Run, checkpoint


def make_checkpoint(run: Run) -> None:
    """Makes the random checkpoint that `inference` and `serving` use, where it is not there yet."""
    print(checkpoint(run))


PARTS: dict[str, Callable[[Run], None]] = {
    "copy": speed.copy_rate, "doctor": correctness.doctor, "generation": speed.generation, "batches": speed.batches,
    "prompts": speed.prompts, "attention": speed.attention, "operators": speed.operators, "checkpoint": make_checkpoint,
    "serving": serving.serving, "goldens": correctness.goldens, "sampling": correctness.sampling,
    "inference": correctness.inference, "graphs": correctness.graphs, "determinism": correctness.determinism,
    "deterministic": speed.deterministic, "leaks": correctness.leaks,
}


def main() -> int:
    summaries = (f"  {name:12}{(inspect.getdoc(part) or '').splitlines()[0]}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        description=__doc__ + "\n".join(summaries), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=list(PARTS), metavar="PART")
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument(
        "--martlet", type=Path, default=Path(os.environ.get("MARTLET") or ROOT / ".build/release/martlet"), help="the binary")
    parser.add_argument("--json", type=Path, help="also write tables, commands and versions to this file")
    parser.add_argument("--small", action="store_true", help="the smallest shapes, to try the script")
    options = parser.parse_args()
    run = Run(options.part, options.martlet, options.device, options.small)
    if not options.martlet.exists():
        parser.error(f"{options.martlet} is not there: name the binary with --martlet or $MARTLET")
    try:
        PARTS[options.part](run)
    except Failure as failure:
        run.expect(False, str(failure))
    finally:
        # What was found before an error is worth keeping.
        if options.json:
            options.json.write_text(json.dumps(run.document(), indent=1) + "\n")
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
