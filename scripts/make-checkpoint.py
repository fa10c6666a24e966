#!/usr/bin/env python3
"""Writes a checkpoint of DeepSeek-R1-Distill-Qwen-1.5B's exact shape with random weights, for machines without the real one.

    scripts/make-checkpoint.py FOLDER [--tiny] [--head random|walk] [--dtype bf16] [--seed 1]

The folder can be loaded by transformers, by Martlet and by everything that loads the real model: weights, configuration,
and a tokenizer with the same special tokens and a chat template. Needs PyTorch and safetensors; nothing is fetched.
The full shape takes 3.6 GB of disk and 8 GB of memory, `--tiny` a few hundred KB.

The weights are scaled so that generation behaves: every layer changes the hidden state, attention looks far back, and
greedy decoding neither ends nor repeats itself.

`--head random` makes logits that depend on everything that came before. The best two of 151,936 are sometimes nearer to
each other than the noise of bf16, though, so that greedy tokens are comparable in f32 only. `--head walk` ties each token to
the one that follows it, far above the noise: greedy tokens are comparable in bf16 too, but show gross mistakes only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
SPECIAL = [
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜begin▁of▁sentence｜>",
    "<|EOT|>",
    "<think>",
    "</think>",
]
TEMPLATE = (
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ bos_token }}"
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}"
    "{% else %}{{ '<｜Assistant｜>' + message['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """The sizes of a Qwen2 model; `words` of its vocabulary are text, the special tokens follow them."""

    layers: int
    hidden: int
    heads: int
    key_heads: int
    intermediate: int
    vocabulary: int
    words: int
    positions: int
    head_width: int


FULL = Shape(28, 1536, 12, 2, 8960, 151936, 151643, 131072, 128)
TINY = Shape(3, 64, 4, 2, 160, 1280, 1200, 4096, 16)


# --- Weights ---------------------------------------------------------------------------------------------------------


class Draw:
    """Numbers with a normal distribution, in the type of the checkpoint."""

    def __init__(self, seed: int, dtype: torch.dtype) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype = dtype

    def __call__(self, *shape: int, scale: float, mean: float = 0.0) -> torch.Tensor:
        return (torch.randn(shape, generator=self.generator) * scale + mean).to(self.dtype)


def weights(shape: Shape, head: str, seed: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All tensors of the model under transformers' names."""
    draw = Draw(seed, dtype)
    across, inside = shape.hidden**-0.5, shape.intermediate**-0.5
    tensors = {"model.embed_tokens.weight": draw(shape.vocabulary, shape.hidden, scale=1)}
    sizes = {"q": shape.heads * shape.head_width, "k": shape.key_heads * shape.head_width}
    sizes["v"] = sizes["k"]
    for layer in range(shape.layers):
        name = f"model.layers.{layer}"
        # Scores with a spread of about 2, so that attention chooses; biases and norms that are not what they begin as.
        for part, size in sizes.items():
            tensors[f"{name}.self_attn.{part}_proj.weight"] = draw(size, shape.hidden, scale=1.4 * across)
            tensors[f"{name}.self_attn.{part}_proj.bias"] = draw(size, scale=0.2)
        tensors[f"{name}.self_attn.o_proj.weight"] = draw(shape.hidden, sizes["q"], scale=0.6 * across)
        tensors[f"{name}.mlp.gate_proj.weight"] = draw(shape.intermediate, shape.hidden, scale=1.4 * across)
        tensors[f"{name}.mlp.up_proj.weight"] = draw(shape.intermediate, shape.hidden, scale=across)
        tensors[f"{name}.mlp.down_proj.weight"] = draw(shape.hidden, shape.intermediate, scale=0.6 * inside)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{name}.{norm}.weight"] = draw(shape.hidden, scale=0.1, mean=1)
    tensors["model.norm.weight"] = draw(shape.hidden, scale=0.1, mean=1)
    tensors["lm_head.weight"] = lm_head(shape, head, draw, tensors["model.embed_tokens.weight"])
    return tensors


def lm_head(shape: Shape, kind: str, draw: Draw, embedding: torch.Tensor) -> torch.Tensor:
    """Logits for the tokens of text; all others get 0, which the best of so many is always above."""
    rows = torch.zeros(shape.vocabulary, shape.hidden, dtype=draw.dtype)
    scale = 3 * shape.hidden**-0.5
    if kind == "random":
        rows[: shape.words] = draw(shape.words, shape.hidden, scale=scale)
    else:
        # One cycle through all tokens of text: each is likest to the embedding of the one before it.
        order = torch.randperm(shape.words, generator=draw.generator)
        rows[order.roll(-1)] = embedding[order] * scale
    return rows


# --- Tokenizer -------------------------------------------------------------------------------------------------------


def byte_letters() -> list[str]:
    """The letters by which byte-level BPE writes the 256 bytes."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def vocabulary(shape: Shape, seed: int) -> tuple[dict[str, int], list[str]]:
    """Bytes, the pairs that merges make of common letters, and invented words up to the size."""
    words = byte_letters()
    merges = [f"{a} {b}" for a, b in itertools.product("Ġaeiou", "hlmnrstw")] + ["t h", "th e", "Ġt he"]
    merges += [f"{a} {b}" for a, b in itertools.product("hlmnrst", "aeiou")]
    known = set(words)
    for merge in merges:
        if (word := merge.replace(" ", "")) not in known:
            words.append(word)
            known.add(word)
    syllables = ["".join(pair) for pair in itertools.product("bcdfghjklmnprstvwxyz", "aeiou")]
    for count in itertools.count(2):
        invented = [
            "Ġ" + "".join(parts) for parts in itertools.islice(itertools.product(syllables, repeat=count), 1 << 20)
        ]
        random.Random(seed).shuffle(invented)
        words += [word for word in invented if word not in known][: shape.words - len(words)]
        if len(words) == shape.words:
            break
    return {word: i for i, word in enumerate(words)}, merges


def write_tokenizer(shape: Shape, seed: int, folder: Path) -> None:
    words, merges = vocabulary(shape, seed)
    added = [
        {
            "id": shape.words + i,
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": not content.endswith("think>"),
        }
        for i, content in enumerate(SPECIAL)
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}
    begin = SPECIAL[3]
    post = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": begin, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            {"SpecialToken": {"id": begin, "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": begin, "type_id": 1}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {begin: {"id": begin, "ids": [shape.words + 3], "tokens": [begin]}},
    }
    write_json(
        folder / "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": post,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": False,
                "byte_fallback": False,
                "vocab": words,
                "merges": merges,
            },
        },
        indent=None,
    )
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": begin,
            "eos_token": SPECIAL[0],
            "pad_token": SPECIAL[0],
            "clean_up_tokenization_spaces": False,
            "model_max_length": 16384,
            "chat_template": TEMPLATE,
        },
    )


# --- The rest --------------------------------------------------------------------------------------------------------


def write_json(path: Path, value: object, indent: int | None = 2) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


def write_configuration(shape: Shape, dtype: torch.dtype, folder: Path) -> None:
    end, begin = shape.words, shape.words + 3
    write_json(
        folder / "config.json",
        {
            "architectures": ["Qwen2ForCausalLM"],
            "attention_dropout": 0.0,
            "bos_token_id": end,
            "eos_token_id": end,
            "hidden_act": "silu",
            "hidden_size": shape.hidden,
            "initializer_range": 0.02,
            "intermediate_size": shape.intermediate,
            "max_position_embeddings": shape.positions,
            "max_window_layers": 21,
            "model_type": "qwen2",
            "num_attention_heads": shape.heads,
            "num_hidden_layers": shape.layers,
            "num_key_value_heads": shape.key_heads,
            "rms_norm_eps": 1e-06,
            "rope_theta": 10000,
            "sliding_window": 4096,
            "tie_word_embeddings": False,
            "torch_dtype": str(dtype).removeprefix("torch."),
            "use_cache": True,
            "use_mrope": False,
            "use_sliding_window": False,
            "vocab_size": shape.vocabulary,
        },
    )
    write_json(
        folder / "generation_config.json",
        {
            "_from_model_config": True,
            "bos_token_id": begin,
            "do_sample": True,
            "eos_token_id": end,
            "temperature": 0.6,
            "top_p": 0.95,
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true", help="a model of the same kind that is made and run in a moment")
    parser.add_argument("--head", default="random", choices=["random", "walk"])
    parser.add_argument("--dtype", default="bf16", choices=list(DTYPES))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shape, dtype = (TINY if options.tiny else FULL), DTYPES[options.dtype]
    options.folder.mkdir(parents=True, exist_ok=True)
    write_configuration(shape, dtype, options.folder)
    write_tokenizer(shape, options.seed, options.folder)
    tensors = weights(shape, options.head, options.seed, dtype)
    save_file(tensors, options.folder / "model.safetensors", metadata={"format": "pt"})
    print(f"{options.folder}: {sum(t.numel() for t in tensors.values()):,} numbers in {options.dtype}")


if __name__ == "__main__":
    main()
