#!/usr/bin/env python3
"""Martlet's speed beside llama.cpp's: the same model, the same work, the same machine, in turns.

    scripts/venv.sh
    .venv/bin/python scripts/bench/compare_llama.py .build/release/martlet [--model M.gguf] [--rounds 5] [--threads 2]
                     [--prompt-tokens 512] [--generate-tokens 128] [--json FILE]
    .venv/bin/python scripts/bench/compare_llama.py --llama-only

Each round measures Martlet, then llama.cpp, each in a process of its own: neither finds the other's threads spinning or its own caches warm.
Two figures each, as `martlet bench` and `llama-bench` define them:

- prompt: P tokens in one batch into an empty KV cache, P / seconds;
- generate: G tokens, one a step, from an empty cache (depth 0), G / seconds, without sampling.

llama.cpp runs through llama-cpp-python's low-level interface: an untimed warm-up of each kind first, `n_batch` and `n_ubatch` of P, logits for the
last token only, the clock stopped after `llama_synchronize`. Token ids do not matter to either. Martlet is called as
`martlet bench MODEL --threads T --prompt-tokens P --generate-tokens G --repetitions R --json`, and its medians are taken.
Within a process both repeat the measurement R times.

Prints a table (medians over rounds, with the smallest and greatest) and the ratios Martlet / llama.cpp of each round's neighbours, whose median
is the result; `--json FILE` ("-" for standard output) has all numbers. A speed means something on a machine that does nothing else: the load
average at the beginning is printed and stored.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_MODEL = Path.home() / ".cache/martlet/models/SmolLM2-135M-Instruct.Q4_1.gguf"
TESTS = ("prompt", "generate")


def measure_llama(options: argparse.Namespace) -> dict[str, list[float]]:
    """Tokens per second of each repetition; runs in the child process."""
    sys.path.insert(0, str(ROOT / "scripts/reference"))
    from llama import Llama

    prompt, generate = options.prompt_tokens, options.generate_tokens
    rates: dict[str, list[float]] = {test: [] for test in TESTS}
    with Llama(options.model, context=max(prompt, generate), batch=prompt, threads=options.threads) as llama:
        ids = [1000 + i * 37 % 20000 for i in range(max(prompt, generate))]

        def run_prompt(count: int) -> float:
            llama.clear()
            began = time.perf_counter()
            llama.decode(ids[:count], start=0, logits_from=count - 1)
            llama.synchronize()
            return count / (time.perf_counter() - began)

        def run_generate(count: int) -> float:
            llama.clear()
            began = time.perf_counter()
            for position in range(count):
                llama.decode(ids[position : position + 1], start=position, logits_from=position)
                llama.synchronize()
            return count / (time.perf_counter() - began)

        run_prompt(prompt)
        run_generate(min(generate, 8))
        for _ in range(options.repetitions):
            rates["prompt"].append(run_prompt(prompt))
            rates["generate"].append(run_generate(generate))
    return rates


def llama_round(options: argparse.Namespace) -> dict[str, float]:
    command = [
        sys.executable, __file__, "--child", "--model", str(options.model), "--threads", str(options.threads),
        "--prompt-tokens", str(options.prompt_tokens), "--generate-tokens", str(options.generate_tokens),
        "--repetitions", str(options.repetitions),
    ]
    rates = json.loads(run(command))
    return {test: statistics.median(rates[test]) for test in TESTS}


def martlet_round(options: argparse.Namespace) -> dict[str, float]:
    command = [
        str(options.martlet), "bench", str(options.model), "--threads", str(options.threads),
        "--prompt-tokens", str(options.prompt_tokens), "--generate-tokens", str(options.generate_tokens),
        "--repetitions", str(options.repetitions), "--json",
    ]
    results = {result["test"]: result for result in json.loads(run(command))["results"]}
    expected = {"prompt": options.prompt_tokens, "generate": options.generate_tokens}
    for test, tokens in expected.items():
        if test not in results or results[test]["tokens"] != tokens:
            raise SystemExit(f"martlet bench reports no test {test!r} of {tokens} tokens: {results}")
    return {test: results[test]["tokens_per_s"]["median"] for test in TESTS}


def run(command: list[str]) -> str:
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with status {finished.returncode}:\n{finished.stderr}")
    return finished.stdout


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def summary(values: list[float]) -> dict[str, float]:
    return {key: round(function(values), 3) for key, function in
            (("median", statistics.median), ("min", min), ("max", max))}


def report(options: argparse.Namespace, rounds: dict[str, list[dict[str, float]]]) -> dict:
    engines = {
        engine: {test: summary([entry[test] for entry in entries]) for test in TESTS}
        for engine, entries in rounds.items() if entries
    }
    document = {
        "model": options.model.name,
        "processor": processor(),
        "cpus": os.cpu_count(),
        "load_at_start": options.load,
        "threads": options.threads,
        "prompt_tokens": options.prompt_tokens,
        "generate_tokens": options.generate_tokens,
        "rounds": rounds,
        "tokens_per_s": engines,
    }
    if rounds["martlet"]:
        document["ratio"] = {
            test: summary([ours[test] / theirs[test] for ours, theirs in zip(rounds["martlet"], rounds["llama.cpp"])])
            for test in TESTS
        }
    return document


def table(document: dict) -> str:
    def row(name: str, entry: dict[str, dict[str, float]], form: str) -> str:
        cells = (f"{entry[t]['median']:{form}} ({entry[t]['min']:{form}} … {entry[t]['max']:{form}})" for t in TESTS)
        return f"{name:12}" + "".join(f"{cell:>30}" for cell in cells)

    titles = (f"prompt {document['prompt_tokens']}", f"generate {document['generate_tokens']}")
    lines = [
        f"{document['model']}, {document['threads']} threads of {document['cpus']} CPUs ({document['processor']}), "
        f"load {document['load_at_start']:.2f} at the start",
        f"{'tokens/s':12}" + "".join(f"{title:>30}" for title in titles),
    ]
    lines += [row(engine, entry, ".1f") for engine, entry in document["tokens_per_s"].items()]
    if "ratio" in document:
        lines.append(row("ratio", document["ratio"], ".3f"))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet", type=Path, nargs="?", help="the martlet binary")
    parser.add_argument("--llama-only", action="store_true", help="measure llama.cpp alone")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=3, help="within a process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--generate-tokens", type=int, default=128)
    parser.add_argument("--json", help="file for all numbers; - for standard output")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure_llama(options)))
        return
    if not options.martlet and not options.llama_only:
        parser.error("give the martlet binary, or --llama-only")

    options.load = os.getloadavg()[0]
    rounds: dict[str, list[dict[str, float]]] = {"martlet": [], "llama.cpp": []}
    for number in range(options.rounds):
        if not options.llama_only:
            rounds["martlet"].append(martlet_round(options))
        rounds["llama.cpp"].append(llama_round(options))
        done = {engine: entries[-1] for engine, entries in rounds.items() if entries}
        print(f"round {number + 1} of {options.rounds}: {done}", file=sys.stderr)
    document = report(options, rounds)
    print(table(document), file=sys.stderr if options.json == "-" else sys.stdout)
    if options.json == "-":
        print(json.dumps(document, indent=2))
    elif options.json:
        Path(options.json).write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
