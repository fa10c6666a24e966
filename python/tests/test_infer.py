#!/usr/bin/env python3
"""A whole Qwen2 model in Martlet and in transformers: the same tokens, the same numbers, and the time of both.

    python python/tests/test_infer.py --model FOLDER --test [--dtype f32|bf16] [--device cpu|nvidia|metax]

With `--test` decoding is greedy, and the script fails unless all is as it must be: in f32 the tokens are equal; in bf16 the
log-probabilities of the 100 likeliest tokens of each step are as near to float64 as transformers' own, and with
`--equal` the tokens are equal too. Without a real checkpoint, scripts/make-checkpoint.py makes one of the same shape.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[:2]))

import pytest
import torch

import martlet
from support import transformers_model as reference
from support.checkpoint import tiny
from support.command import DEVICES, torch_device
from support.operators import DTYPES

# Beside transformers' own error against float64: of all steps together, and of the worst step.
MEAN_FACTOR, WORST_FACTOR = 1.1, 1.25
TOP = 100


@dataclass
class Answer:
    """What one side made of a prompt."""

    tokens: list[int]
    load_s: float
    seconds: float
    result: martlet.Result | None = None

    def show(self, name: str, folder: Path, prompt: int) -> None:
        count = len(self.tokens) - prompt
        print(f"\n=== {name} ===\nTokens:\n{self.tokens}\n\nContents:\n{reference.decoded(folder, self.tokens)}\n")
        print(
            f"Loading {self.load_s:.2f} s, {count} tokens in {self.seconds:.2f} s: {count / self.seconds:.2f} tokens/s"
        )


def by_martlet(folder: Path, prompt: list[int], dtype: str, device: str, threads: int | None, sampling) -> Answer:
    start = time.perf_counter()
    with martlet.Model.load(folder, device=device, compute=dtype, threads=threads) as model:
        loaded = time.perf_counter()
        result = model.generate(prompt, sampling).result()
        return Answer(prompt + result.tokens, loaded - start, time.perf_counter() - loaded, result)


def by_transformers(
    folder: Path, prompt: list[int], dtype: str, device: torch.device, options: dict
) -> tuple[Answer, object]:
    start = time.perf_counter()
    model = reference.load(folder, DTYPES[dtype], device)
    loaded = time.perf_counter() - start
    tokens, seconds = reference.generate(model, prompt, **options)
    return Answer(tokens, loaded, seconds), model


def without_end(tokens: list[int], model) -> list[int]:
    """transformers' tokens as Martlet's `Result` has them: the one that ended the text is not among them."""
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return tokens[:-1] if tokens[-1] in ends else tokens


def errors(answer: Answer, prompt: int, model) -> tuple[torch.Tensor, torch.Tensor]:
    """The errors of Martlet's and of transformers' log-probabilities against float64, for each step of Martlet's answer.

    Both are teacher-forced with the same tokens, and read at the tokens that Martlet thinks likeliest.
    """
    ids = torch.tensor([[token for token, _ in step] for step in answer.result.top])
    ours = torch.tensor([[logprob for _, logprob in step] for step in answer.result.top], dtype=torch.float64)
    exact = reference.exact_log_probabilities(model, answer.tokens, prompt).cpu().gather(1, ids)
    theirs = reference.log_probabilities(model, answer.tokens, prompt).cpu().gather(1, ids)
    return tuple((found - exact).square().mean(1).sqrt() for found in (ours, theirs))


def check_errors(ours: torch.Tensor, theirs: torch.Tensor) -> str:
    """Raises AssertionError unless Martlet is as near to float64 as transformers; returns how near both are."""
    mean = float(ours.square().mean().sqrt()), float(theirs.square().mean().sqrt())
    worst = float(ours.max()), float(theirs.max())
    text = (
        f"error of log-probabilities against float64, Martlet and transformers: mean {mean[0]:.5f} and {mean[1]:.5f}, "
        f"worst step {worst[0]:.5f} and {worst[1]:.5f}"
    )
    assert mean[0] <= MEAN_FACTOR * mean[1] and worst[0] <= WORST_FACTOR * worst[1], text
    return text


# --- Tests of a tiny checkpoint --------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def one_thread():
    """Operators on so little data take longer to share than to do, on a busy machine a hundred times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_tokens_are_those_of_transformers_in_f32():
    folder = tiny("random")
    prompt = reference.encoded(folder, "Who are you?")
    ours = by_martlet(folder, prompt, "f32", "cpu", 2, martlet.Sampling(max_tokens=128))
    theirs, model = by_transformers(folder, prompt, "f32", torch.device("cpu"), greedy(128))
    assert ours.tokens == without_end(theirs.tokens, model)
    assert len(set(ours.tokens)) > 60


def test_tokens_are_those_of_transformers_in_bf16():
    folder = tiny("walk")
    prompt = reference.encoded(folder, "Who are you?")
    ours = by_martlet(folder, prompt, "bf16", "cpu", 2, martlet.Sampling(max_tokens=64))
    theirs, model = by_transformers(folder, prompt, "bf16", torch.device("cpu"), greedy(64))
    assert ours.tokens == without_end(theirs.tokens, model)


def test_numbers_are_as_near_to_float64_as_those_of_transformers():
    folder = tiny("random")
    prompt = reference.encoded(folder, "Who are you, and what can you do for me today?")
    ours = by_martlet(folder, prompt, "bf16", "cpu", 2, martlet.Sampling(max_tokens=96, logprobs=TOP))
    model = reference.load(folder, torch.bfloat16, torch.device("cpu"))
    check_errors(*errors(ours, len(prompt), model))


# --- The command line ------------------------------------------------------------------------------------------------


def greedy(count: int) -> dict:
    """How LLAISYS's test asks transformers for greedy tokens."""
    return {"max_new_tokens": count, "top_k": 1, "top_p": 1.0, "temperature": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=list(DEVICES))
    parser.add_argument(
        "--model", required=True, type=Path, help="a folder with config.json, safetensors and tokenizer.json"
    )
    parser.add_argument("--prompt", default="Who are you?")
    parser.add_argument("--max_steps", default=128, type=int)
    parser.add_argument("--top_p", default=0.8, type=float)
    parser.add_argument("--top_k", default=50, type=int)
    parser.add_argument("--temperature", default=1.0, type=float)
    parser.add_argument(
        "--dtype", default="bf16", choices=["f32", "bf16"], help="the type to calculate in, on both sides"
    )
    parser.add_argument("--threads", default=None, type=int, help="threads on both sides; all cores if left out")
    parser.add_argument("--test", action="store_true", help="greedy decoding, and an error unless the results agree")
    parser.add_argument("--equal", action="store_true", help="want equal tokens in bf16 too")
    options = parser.parse_args()
    device = torch_device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    prompt = reference.encoded(options.model, options.prompt)

    asked = {"max_new_tokens": options.max_steps, "top_k": options.top_k, "top_p": options.top_p}
    asked["temperature"] = options.temperature
    sampling = martlet.Sampling(options.max_steps, options.temperature, options.top_k, options.top_p)
    if options.test:
        asked, sampling = greedy(options.max_steps), martlet.Sampling(options.max_steps, logprobs=TOP)
    # One after the other: two copies of a large model may be more than there is memory.
    ours = by_martlet(options.model, prompt, options.dtype, options.device, options.threads, sampling)
    gc.collect()
    theirs, model = by_transformers(options.model, prompt, options.dtype, device, asked)
    theirs.show("transformers", options.model, len(prompt))
    ours.show("Martlet", options.model, len(prompt))
    speeds = [(len(answer.tokens) - len(prompt)) / answer.seconds for answer in (ours, theirs)]
    print(f"Martlet is {speeds[0] / speeds[1]:.2f} times as fast")

    if options.test:
        same = ours.tokens == without_end(theirs.tokens, model)
        if options.dtype == "f32" or options.equal:
            assert same, "the tokens differ"
        print(
            "the tokens are " + ("equal" if same else "not equal, which rounding to bf16 explains if the numbers agree")
        )
        if options.dtype == "bf16":
            print(check_errors(*errors(ours, len(prompt), model)))
        print("\033[92mTest passed!\033[0m\n")


if __name__ == "__main__":
    main()
