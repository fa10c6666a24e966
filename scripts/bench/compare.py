#!/usr/bin/env python3
"""Martlet's speed beside llama.cpp's and PyTorch's: the same model, the same work, the same machine, in turns.

    make compare                                   # everything: half an hour on two cores
    make compare ARGS="--only smollm2 --rounds 5"  # the comparisons whose names begin so
    .venv/bin/python scripts/bench/compare.py .build/release/martlet [--only NAME] [--rounds 3] [--threads 2] [--json FILE]

A round measures Martlet, then the other engine, each in a fresh process (`engines.py` says what is measured). The result is the median of the
rounds' ratios; the table has the smallest and greatest too, and what was aimed at. A speed means something on a machine that does nothing
else: the load average at the beginning is printed. Files of random weights for llama.cpp are made once, in ~/.cache/martlet/bench (4.6 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

import engines
from gguf_shapes import gguf_file

SMOLLM2 = str(Path.home() / ".cache/martlet/models/SmolLM2-135M-Instruct.Q4_1.gguf")
FILES = Path.home() / ".cache/martlet/bench"


@dataclass
class Comparison:
    """What is measured, with whom it is compared, and which figures are wanted.

    `ratios` are wanted quotients of Martlet's and the other's tokens per second; `figures` are wanted figures of Martlet alone.
    """

    name: str
    work: dict
    engine: str | None = None
    ratios: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)


def comparisons() -> list[Comparison]:
    smollm2 = {"file": SMOLLM2, "depth": 0}
    result = [
        Comparison("smollm2-q4_1", {**smollm2, "prompt": 512, "generate": 128}, "llama.cpp", {"prompt": 4.0, "generate": 2.0}),
        Comparison("smollm2-q4_1-depth-4096", {**smollm2, "prompt": 0, "generate": 64, "depth": 4096}, "llama.cpp", {"generate": 2.5}),
        Comparison(
            "smollm2-q4_1-beside-bf16",
            {"shape": "smollm2-135m", "type": "q4_1", "dtype": "bf16", "prompt": 512, "generate": 0, "depth": 0}, "torch", {"prompt": 1.2}),
    ]
    for kind, arithmetic in (("q4_0", 0.45), ("q4_1", 0.45), ("q8_0", 0.45), ("q4_k", 0.40), ("q6_k", 0.40)):
        result.append(
            Comparison(
                f"1b-{kind}", {"shape": "llama-3.2-1b", "type": kind, "prompt": 512, "generate": 32, "depth": 0}, "llama.cpp",
                {"prompt": 1.6, "generate": 1.0}, {"prompt of arithmetic": arithmetic, "generate of bandwidth": 0.9}))
    for shape, dtype, prompt in (
        ("smollm2-135m", "bf16", 1.1), ("llama-3.2-1b", "bf16", 1.1), ("smollm2-135m", "f32", 1.0), ("llama-3.2-1b", "f32", 1.0),
    ):
        figures = {"generate of bandwidth": 0.9} if (shape, dtype) == ("llama-3.2-1b", "bf16") else {}
        work = {"shape": shape, "type": dtype, "dtype": dtype, "prompt": 512, "generate": 16, "depth": 0}
        result.append(Comparison(f"{'1b' if '1b' in shape else 'smollm2'}-{dtype}", work, "torch", {"prompt": prompt}, figures))
    return result


def measure(comparison: Comparison, options: argparse.Namespace) -> list[tuple[dict, dict]]:
    work = {**comparison.work, "threads": options.threads, "repetitions": options.repetitions}
    theirs = dict(work)
    if comparison.engine == "llama.cpp" and "shape" in work:
        theirs["file"] = str(gguf_file(work["shape"], work["type"], FILES))
    rounds = []
    for number in range(options.rounds):
        ours = engines.martlet(str(options.martlet), work)
        rounds.append((ours, engines.other(comparison.engine, theirs)))
        print(f"{comparison.name}: round {number + 1} of {options.rounds}", file=sys.stderr)
    return rounds


def batch_rounds(options: argparse.Namespace) -> list[float]:
    """Tokens of 16 sequences together beside those of one."""
    ratios = []
    for _ in range(options.rounds):
        work = {
            "file": SMOLLM2, "prompt": 0, "generate": 64, "depth": 0, "threads": options.threads, "repetitions": options.repetitions}
        one = engines.martlet(str(options.martlet), work)["generate"]
        ratios.append(engines.martlet(str(options.martlet), {**work, "batch": 16})["generate"] / one)
    return ratios


class Table:
    """Rows as they are found; each is a wanted figure with the one that was measured."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        print(f"{'comparison':28}{'figure':26}{'Martlet':>10}{'other':>10}{'result':>9}{'least':>8}{'most':>8}{'aim':>7}")

    def add(self, name: str, figure: str, ours: float | None, theirs: float | None, values: list[float], aim: float | None) -> None:
        middle = statistics.median(values)
        met = None if aim is None else middle >= aim
        self.rows.append({
            "comparison": name, "figure": figure, "martlet": ours, "other": theirs, "result": middle, "min": min(values), "max": max(values),
            "aim": aim, "met": met})
        speeds = "".join(f"{value:10.1f}" if value is not None else " " * 10 for value in (ours, theirs))
        print(
            f"{name:28}{figure:26}{speeds}{middle:9.2f}{min(values):8.2f}{max(values):8.2f}"
            f"{aim if aim is not None else '':>7}{'' if met is None else '  met' if met else '  MISSED'}", flush=True)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet", type=Path, help="the martlet binary")
    parser.add_argument("--only", default="", help="the beginning of the comparisons' names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=3, help="within a process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for all numbers")
    options = parser.parse_args()

    load = os.getloadavg()[0]
    print(f"{processor()}, {options.threads} threads of {os.cpu_count()} CPUs, load {load:.2f} at the start")
    table = Table()
    for comparison in comparisons():
        if not comparison.name.startswith(options.only):
            continue
        rounds = measure(comparison, options)
        for test in ("prompt", "generate"):
            if comparison.work[test] == 0:
                continue
            ours, theirs = ([pair[side][test] for pair in rounds] for side in (0, 1))
            table.add(
                comparison.name, f"{test} ÷ {comparison.engine}", statistics.median(ours), statistics.median(theirs),
                [a / b for a, b in zip(ours, theirs)], comparison.ratios.get(test))
        for figure, aim in comparison.figures.items():
            table.add(comparison.name, figure, None, None, [ours[figure] for ours, _ in rounds], aim)
    if "smollm2-batch-16".startswith(options.only):
        table.add("smollm2-batch-16", "16 sequences ÷ one", None, None, batch_rounds(options), 5.0)
    if options.json:
        document = {"processor": processor(), "threads": options.threads, "load_at_start": load, "rows": table.rows}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if any(row["met"] is False for row in table.rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
