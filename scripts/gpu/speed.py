"""How fast: the device's memory, generation, batches, prompts, attention and single operators."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable

from report import PYTHON_TESTS, ROOT, Run, import_python_tests

# Share of the copy rate that is aimed at, by shape, weights and tokens in the cache.
GENERATION = [
    ("llama-3.2-1b", "bf16", 128, 0.75), ("llama-3.2-1b", "bf16", 8192, 0.75), ("llama-3.2-3b", "bf16", 128, 0.80),
    ("r1-qwen-1.5b", "bf16", 128, 0.70), ("tinyllama-1.1b", "bf16", 128, 0.72), ("llama-3.2-1b", "q8_0", 128, 0.60),
    ("llama-3.2-1b", "q4_K", 128, 0.45),
]
SHAPES = ["llama-3.2-1b", "llama-3.2-3b", "r1-qwen-1.5b", "tinyllama-1.1b"]
SMALL_SHAPES = ["smollm2-135m"]
# Head size, heads, key heads, tokens.
ATTENTION = [
    (64, 32, 8, 4096), (64, 32, 32, 4096), (64, 16, 16, 4096), (128, 32, 8, 4096), (128, 32, 32, 4096),
    (128, 16, 16, 4096), (128, 12, 2, 4096), (128, 12, 2, 2048),
]


def copy_rate(run: Run) -> None:
    """Bytes read and written a second by a copy of 1 GB within the device: what the other parts call C."""
    import torch

    size = 1 << (24 if run.small else 30)
    source = torch.randint(0, 256, (size,), dtype=torch.uint8, device=run.torch_device)
    target = torch.empty_like(source)
    seconds = median_seconds(run, lambda: target.copy_(source), 20)
    name = torch.cuda.get_device_name() if run.torch_device == "cuda" else "cpu"
    table = run.table("copy within the device, by PyTorch", "device", "GB", "GB/s")
    table.add(name, size / 1e9, 2 * size / seconds / 1e9)


def generation(run: Run) -> None:
    """One sequence, 128 tokens behind a number of others, beside the bytes that a token needs at the copy rate."""
    table = run.table(
        "generation, one sequence", "shape", "weights", "behind", "tokens/s", "least", "most", "of C", "aim", "C, GB/s")
    rows = [("smollm2-135m", "q4_0", 16, None)] if run.small else GENERATION
    for shape, kind, depth, aim in rows:
        results, rate = run.bench(
            shape, kind, prompt_tokens=0, depth=depth, generate_tokens=8 if run.small else 128, repetitions=3)
        result = results["generate"]
        speed = result["tokens_per_s"]
        table.add(
            shape, kind, depth, speed["median"], speed["min"], speed["max"], result["share_of_bandwidth"], aim, rate / 1e9)


def batches(run: Run) -> None:
    """Several sequences at once, 256 tokens each, beside the bytes of weights and caches at the copy rate."""
    table = run.table(
        "generation, several sequences of 256 tokens", "shape", "sequences", "tokens/s", "of C", "aim", "C, GB/s")
    shape, kind = ("smollm2-135m", "q4_0") if run.small else ("llama-3.2-1b", "bf16")
    for count, aim in [(2, None)] if run.small else [(8, None), (64, 0.30)]:
        results, rate = run.bench(
            shape, kind, prompt_tokens=0, depth=0, generate_tokens=8 if run.small else 256, batch=count, repetitions=2)
        result = results["generate"]
        table.add(shape, count, result["tokens_per_s"]["median"], result["share_of_bandwidth"], aim, rate / 1e9)


def deterministic(run: Run) -> None:
    """Generation with and without `--deterministic`, in turns: what it costs to keep a sequence's bits in any company."""
    table = run.table(
        "generation with and without --deterministic", "shape", "weights", "sequences", "tokens/s", "with the mode",
        "ratio")
    shapes = [("smollm2-135m", "q4_0")] if run.small else [("llama-3.2-1b", "bf16"), ("llama-3.2-1b", "q8_0")]
    for shape, kind in shapes:
        for count in (1, 2) if run.small else (1, 8, 16, 64):
            rates: tuple[list[float], list[float]] = ([], [])
            for _ in range(2):
                for flags, found in zip(([], ["--deterministic"]), rates):
                    report = run.tool(
                        "bench", "--shape", shape, "--type", kind, "--device", run.device, "--prompt-tokens", 0,
                        "--generate-tokens", 8 if run.small else 128, "--batch", count, "--repetitions", 2, *flags)
                    found.append(report["results"][0]["tokens_per_s"]["median"])
            usual, kept = (statistics.median(found) for found in rates)
            table.add(shape, kind, count, usual, kept, kept / usual)


def prompts(run: Run) -> None:
    """A prompt read into an empty cache, beside transformers with SDPA.

    Both in turns, twice, and the better one of each, since transformers' speed varies with what the host does meanwhile.
    """
    sys.path.append(str(ROOT / "scripts/bench"))
    tokens, kind = (64, "bf16") if run.small else (2048, "bf16")
    table = run.table(
        f"prompts of {tokens} tokens", "shape", "tokens/s", "of products", "transformers", "ratio", "aim")
    for shape in SMALL_SHAPES if run.small else SHAPES:
        ours, theirs, share = 0.0, 0.0, 0.0
        for _ in range(1 if run.small else 2):
            results, _ = run.bench(
                shape, kind, prompt_tokens=tokens, generate_tokens=0, repetitions=2 if run.small else 5)
            if (speed := results["prompt"]["tokens_per_s"]["median"]) > ours:
                ours, share = speed, results["prompt"]["share_of_ops"]
            theirs = max(theirs, transformers_prompt(run, shape, kind, tokens))
        table.add(shape, ours, share, theirs, ours / theirs, 1.3)


def transformers_prompt(run: Run, shape: str, kind: str, tokens: int) -> float:
    """Tokens a second that transformers reads, with the logits of the last."""
    import torch
    from shapes import torch_model

    model = torch_model(shape, kind, run.torch_device)
    ids = torch.randint(3, 20_000, (1, tokens), device=run.torch_device)
    with torch.inference_mode():
        seconds = median_seconds(run, lambda: model(ids, use_cache=True, logits_to_keep=1), 3 if run.small else 15)
    del model
    if run.torch_device == "cuda":
        torch.cuda.empty_cache()
    return tokens / seconds


def attention(run: Run) -> None:
    """Causal attention forward in bf16 beside PyTorch's SDPA as it comes and its FlashAttention-2.

    In TFLOP/s of what is not masked. Keys and values are repeated for PyTorch where heads share them, before the clock starts.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    import_python_tests()
    import martlet
    from support.operators import shared

    table = run.table(
        "attention, causal, bf16", "head size", "heads", "key heads", "tokens", "TFLOP/s", "SDPA", "ratio", "aim", "flash")
    for width, heads, key_heads, tokens in [(64, 4, 2, 64)] if run.small else ATTENTION:
        def draw(count: int):
            return torch.randn(tokens, count, width, device=run.torch_device).bfloat16()

        q, k, v = draw(heads), draw(key_heads), draw(key_heads)
        x = shared({"q": q, "k": k, "v": v, "out": torch.empty_like(q)})
        by_head = [q.transpose(0, 1)[None].contiguous()]
        by_head += [t.transpose(0, 1)[None].repeat_interleave(heads // key_heads, 1).contiguous() for t in (k, v)]

        def ours() -> None:
            martlet.ops.self_attention(x["q"], x["k"], x["v"], width**-0.5, out=x["out"])

        def theirs() -> None:
            torch.nn.functional.scaled_dot_product_attention(*by_head, is_causal=True)

        times = ([], [])
        for _ in range(3):  # in turns
            for call, found in zip((ours, theirs), times):
                found.append(median_seconds(run, call, 10))
        flash = None
        if run.torch_device == "cuda":
            with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
                flash = median_seconds(run, theirs, 10)
        work = 4 * tokens * tokens * width * heads / 2 / 1e12
        mine, other = (work / statistics.median(found) for found in times)
        table.add(width, heads, key_heads, tokens, mine, other, mine / other, 0.9, work / flash if flash else None)


def operators(run: Run) -> None:
    """Every operator that programs can call, at the shapes of models, beside PyTorch: python/tests/profile_operators.py."""
    with TemporaryDirectory() as folder:
        found = Path(folder, "operators.json")
        narrow = ["--only", "add", "--dtype", "f32"] if run.small else []
        run.call(
            sys.executable, PYTHON_TESTS / "profile_operators.py", "--device", run.python_device, "--seconds",
            0.05, "--json", found, *narrow)
        rows = json.loads(found.read_text())
    table = run.table("operators beside PyTorch, ms", "operator", "type", "Martlet", "PyTorch", "ratio", "shape")
    for row in rows:
        call = " (the call, not the operator)" if row["is_call"] else ""
        table.add(row["operator"], row["dtype"], row["martlet_ms"], row["torch_ms"], row["ratio"], row["shape"] + call)


def median_seconds(run: Run, call: Callable[[], object], count: int) -> float:
    """The median of some calls, after one that does not count, each until the device has finished."""
    import torch

    wait = torch.cuda.synchronize if run.torch_device == "cuda" else lambda: None
    call()
    wait()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
