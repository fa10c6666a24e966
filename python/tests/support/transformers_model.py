"""The reference: a checkpoint in transformers, in its own types or layer by layer in float64."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()

# So many rows of the last matrix at a time: all of them in float64 would take as much memory as the model.
HEAD_ROWS = 16384


def encoded(folder: Path, prompt: str) -> list[int]:
    """A question through the chat template, as LLAISYS's test asks it."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    conversation = [{"role": "user", "content": prompt}]
    return tokenizer.encode(tokenizer.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False))


def decoded(folder: Path, tokens: list[int]) -> str:
    return AutoTokenizer.from_pretrained(folder).decode(tokens, skip_special_tokens=True)


def load(folder: Path, dtype: torch.dtype, device: torch.device):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device).eval()


@torch.inference_mode()
def generate(model, prompt: list[int], **options) -> tuple[list[int], float]:
    """Prompt and answer, and the seconds of the answer."""
    ids = torch.tensor([prompt], device=model.device)
    start = time.perf_counter()
    output = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return output[0].tolist(), time.perf_counter() - start


@torch.inference_mode()
def log_probabilities(model, tokens: list[int], first: int) -> torch.Tensor:
    """What the model says of the tokens from place `first` on: `[steps, vocabulary]`, in the model's own arithmetic."""
    ids = torch.tensor([tokens[:-1]], device=model.device)
    logits = model(ids, logits_to_keep=len(tokens) - first).logits[0]
    return torch.log_softmax(logits.float(), -1).double()


@torch.inference_mode()
def exact_log_probabilities(model, tokens: list[int], first: int) -> torch.Tensor:
    """The same calculated in float64, one layer of the model at a time, so that a large model needs little more memory."""
    original = next(model.parameters()).dtype
    ids = torch.tensor([tokens[:-1]], device=model.device)
    hidden = []

    def widen(module, arguments) -> None:
        module.double()

    def narrow(module, arguments, output) -> None:
        module.to(original)  # what was widened is narrowed to the same bits

    hooks = [model.model.embed_tokens.register_forward_hook(lambda module, arguments, output: output.double())]
    for module in [*model.model.layers, model.model.norm]:
        hooks += [module.register_forward_pre_hook(widen), module.register_forward_hook(narrow)]
    try:
        hidden = model.model(ids).last_hidden_state[0, first - 1 :]
    finally:
        for hook in hooks:
            hook.remove()
    head = model.lm_head.weight
    logits = [hidden @ head[start : start + HEAD_ROWS].double().T for start in range(0, head.shape[0], HEAD_ROWS)]
    return torch.log_softmax(torch.cat(logits, -1), -1)
