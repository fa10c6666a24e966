"""Hugging Face transformers on a GGUF file: the weights dequantised to float32, the tokenizer rebuilt from the file."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # everything comes from the file

import torch
from gguf import GGUFReader
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

DEFAULT_MODEL = Path.home() / ".cache/martlet/models/SmolLM2-135M-Instruct.Q4_1.gguf"


def load_model(path: Path):
    """The causal language model in float32 and evaluation mode."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32)
    return model.eval()


def load_tokenizer(path: Path):
    """The tokenizer of the file's vocabulary, merges and chat template, with the pre-tokenizer that the file names.

    transformers rebuilds a byte-level BPE without looking at `tokenizer.ggml.pre`. The published tokenizer of SmolLM ("smollm") splits
    off single digits before the usual byte-level split, so that white space before a digit is one piece; that is put back here.
    """
    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    pre = GGUFReader(path).get_field("tokenizer.ggml.pre").contents()
    if pre != "smollm":
        raise SystemExit(f"{path.name}: pre-tokenizer {pre!r} is not known here; add it to load_tokenizer")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer
