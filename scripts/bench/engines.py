"""One measurement of one engine, in a process of its own: neither finds the other's threads spinning or its own caches warm.

    python engines.py llama.cpp '{"file": …, "prompt": 512, "generate": 128, "depth": 0, "threads": 2, "repetitions": 3}'
    python engines.py torch '{"shape": "llama-3.2-1b", "dtype": "bf16", …}'

prints the tokens per second of each repetition as JSON, `{"prompt": […], "generate": […]}`. The definitions are those of `martlet bench` and
`llama-bench`: a prompt is read into an empty cache with the logits of its last token; generation makes one token a step behind `depth` tokens,
without sampling. Token ids do not matter. Everything runs once before the clock does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def martlet(binary: str, work: dict) -> dict:
    """Medians of `martlet bench`, and the shares of what the machine can do: `{"prompt": …, "prompt_ops": …, …}`."""
    command = [binary, "bench"]
    command += [work["file"]] if "file" in work and "shape" not in work else ["--shape", work["shape"], "--type", work["type"]]
    command += [
        "--threads", str(work["threads"]), "--prompt-tokens", str(work["prompt"]), "--generate-tokens", str(work["generate"]),
        "--depth", str(work["depth"]), "--batch", str(work.get("batch", 1)), "--repetitions", str(work["repetitions"]),
        "--context", "8192", "--json", *work.get("flags", [])]
    figures = {}
    for result in json.loads(run(command))["results"]:
        test = result["test"]
        figures[test] = result["tokens_per_s"]["median"]
        figures[f"{test} of bandwidth"] = result["share_of_bandwidth"]
        figures[f"{test} of arithmetic"] = result["share_of_ops"]
    return figures


def other(engine: str, work: dict) -> dict:
    """Medians of llama.cpp or PyTorch."""
    rates = json.loads(run([sys.executable, __file__, engine, json.dumps(work)]))
    return {test: sorted(values)[len(values) // 2] for test, values in rates.items() if values}


def run(command: list[str]) -> str:
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with status {finished.returncode}:\n{finished.stderr[-2000:]}")
    return finished.stdout


def repeat(work: dict, prompt: Callable[[int], None], generate: Callable[[int], None]) -> dict[str, list[float]]:
    """Tokens per second of both tests; a count of 0 leaves one out."""
    rates: dict[str, list[float]] = {}
    for test, function in (("prompt", prompt), ("generate", generate)):
        count = work[test]
        if count == 0:
            continue
        rates[test] = []
        function(count if test == "prompt" else min(count, 8))
        for _ in range(work["repetitions"]):
            rates[test].append(count / timed(lambda: function(count)))
    return rates


def timed(function: Callable[[], float | None]) -> float:
    """Seconds of the whole call, or those that it returns because it prepared something first."""
    began = time.perf_counter()
    own = function()
    return own if own is not None else time.perf_counter() - began


def measure_llama(work: dict) -> dict[str, list[float]]:
    sys.path.insert(0, str(ROOT / "scripts/reference"))
    from llama import Llama

    step = 512
    total = max(work["prompt"], work["depth"] + work["generate"])
    with Llama(work["file"], context=(total + 255) // 256 * 256, batch=step, threads=work["threads"]) as llama:
        ids = [1000 + i * 37 % 20000 for i in range(total)]

        def read(count: int) -> None:
            for start in range(0, count, step):
                end = min(start + step, count)
                llama.decode(ids[start:end], start=start, logits_from=count - 1)
            llama.synchronize()

        def prompt(count: int) -> None:
            llama.clear()
            read(count)

        def generate(count: int) -> float:
            llama.clear()
            read(work["depth"])
            began = time.perf_counter()
            for position in range(work["depth"], work["depth"] + count):
                llama.decode(ids[position : position + 1], start=position, logits_from=position)
                llama.synchronize()
            return time.perf_counter() - began

        return repeat(work, prompt, generate)


def measure_torch(work: dict) -> dict[str, list[float]]:
    import torch
    from shapes import torch_model

    torch.set_num_threads(work["threads"])
    model = torch_model(work["shape"], work["dtype"])
    total = max(work["prompt"], work["depth"] + work["generate"])
    ids = torch.tensor([[1000 + i * 37 % 20000 for i in range(total)]])

    def prompt(count: int) -> None:
        model(ids[:, :count], use_cache=True, logits_to_keep=1)

    def generate(count: int) -> float:
        cache = model(ids[:, : work["depth"]], use_cache=True, logits_to_keep=1).past_key_values if work["depth"] else None
        began = time.perf_counter()
        for position in range(work["depth"], work["depth"] + count):
            cache = model(ids[:, position : position + 1], past_key_values=cache, use_cache=True).past_key_values
        return time.perf_counter() - began

    with torch.inference_mode():
        return repeat(work, prompt, generate)


if __name__ == "__main__":
    measure = {"llama.cpp": measure_llama, "torch": measure_torch}[sys.argv[1]]
    print(json.dumps(measure(json.loads(sys.argv[2]))))
