#!/usr/bin/env python3
"""Compares the files that `martlet quantize` writes: their perplexity in Martlet and in llama.cpp.

    scripts/venv.sh
    .venv/bin/python scripts/reference/quantize.py [--martlet .build/release/martlet] [--folder DIR] [--models smollm2,…]
                                                   [--types q8_0,…] [--file TEXT] [--context 512] [--tolerance 0.01]

Models, made in DIR as folders of safetensors where they are not there yet:

- `smollm2`: SmolLM2-135M-Instruct as its GGUF file has it, in bf16. Rows of 576 are no whole K-blocks.
- `llama`, `qwen2`, `qwen3`: random weights with SmolLM2's vocabulary, with rows that are multiples of 256; Llama 3.1's scaling of
  rotary speeds in the first, biases in the second. They know no English, so their perplexity is enormous; it is the same in both
  programs only if both compute the same.

Prints a line for each model and type; the exit status is 1 if any two perplexities differ by more than the tolerance.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from llama import Llama
from perplexity import score
from transformers_gguf import DEFAULT_MODEL, load_model, load_tokenizer

ROOT = Path(__file__).resolve().parents[2]
TYPES = ["f16", "bf16", "q8_0", "q6_k", "q5_k", "q4_k", "q4_1", "q4_0"]
SMALL = {
    "vocab_size": 49152, "hidden_size": 512, "intermediate_size": 768, "num_hidden_layers": 8, "num_attention_heads": 8,
    "num_key_value_heads": 2, "max_position_embeddings": 2048, "bos_token_id": 1, "eos_token_id": 2,
}
RANDOM = {
    "llama": ("llama", {
        "tie_word_embeddings": False, "rope_parameters": {
            "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 256}}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {"tie_word_embeddings": False, "head_dim": 128}),
}


def make(name: str, folder: Path) -> None:
    """Writes a model and SmolLM2's tokenizer as transformers' `save_pretrained` does."""
    if name == "smollm2":
        loaded = load_model(DEFAULT_MODEL)
        config = AutoConfig.for_model("llama", **{
            key: value for key, value in loaded.config.to_dict().items() if key not in ("quantization_config", "model_type")})
        model = AutoModelForCausalLM.from_config(config)
        model.load_state_dict(loaded.state_dict())
    else:
        torch.manual_seed(20)
        kind, fields = RANDOM[name]
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL, **fields))
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() == 1:
                    weight.add_(torch.randn_like(weight) * 0.2)
                else:
                    weight.mul_(3)  # else all tokens are nearly alike, whatever is computed
    model.to(torch.bfloat16).save_pretrained(folder)
    load_tokenizer(DEFAULT_MODEL).save_pretrained(folder)


def martlet(binary: Path, *arguments: object) -> dict:
    process = subprocess.run([binary, *map(str, arguments), "--json"], capture_output=True, text=True)
    if process.returncode != 0:
        raise SystemExit(process.stderr)
    return json.loads(process.stdout)


def llama_perplexity(path: Path, text: str, context: int) -> float:
    first = context // 2
    with Llama(path, context=context, batch=context) as llama:
        bos = llama.bos if llama.adds_bos else None
        ids = llama.tokenize(text, add_special=True, parse_special=False)

        def logits(chunk: list[int]):
            llama.clear()
            llama.decode(chunk, start=0, logits_from=first)
            return llama.logits(context - first)[:-1]

        return score(ids, context, bos, logits)["perplexity"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--martlet", type=Path, default=ROOT / ".build/release/martlet")
    parser.add_argument("--folder", type=Path, help="where models and files go (default: a temporary folder)")
    parser.add_argument("--models", default=",".join(["smollm2", *RANDOM]))
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--file", type=Path, default=Path("/usr/share/common-licenses/GPL-3"))
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--tolerance", type=float, default=0.01)
    options = parser.parse_args()
    text = options.file.read_text(encoding="utf-8").removesuffix("\n")
    is_fine = True
    with tempfile.TemporaryDirectory() as temporary:
        root = options.folder or Path(temporary)
        for name in options.models.split(","):
            folder = root / name
            if not folder.exists():
                make(name, folder)
            for kind in options.types.split(","):
                path = root / f"{name}.{kind}.gguf"
                summary = martlet(options.martlet, "quantize", folder, path, "--type", kind, "--force")
                own = martlet(options.martlet, "perplexity", path, "--file", options.file, "--context", options.context)
                theirs = llama_perplexity(path, text, options.context)
                ratio = own["perplexity"] / theirs
                is_fine &= abs(ratio - 1) <= options.tolerance
                print(
                    f"{name:8} {kind:5} {summary['bytes_written'] / 1e6:7.1f} MB  martlet {own['perplexity']:.6g}  "
                    f"llama.cpp {theirs:.6g}  ratio {ratio:.5f}", flush=True)
                path.unlink()
    sys.exit(0 if is_fine else 1)


if __name__ == "__main__":
    main()
