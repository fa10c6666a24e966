"""Checkpoints of `checkpoints.py` with a thing changed that transformers reads in its own way, and the tokens it generates then.

Written beside the checkpoints (run by `checkpoints.py`, or alone):

    checkpoint-changes.json  [{"name", "why", "base": the checkpoint, "config": the text of config.json,
                               "files": {name: text of a file more}, "renames": {weight: its new name},
                               "prompts": [{"prompt": index in golden.json, "generated": [ids]}]}]

Where `wrong` says what a reader could take the change for, the tokens must differ from those of that configuration.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from checkpoint_refusals import REMOVED, apply

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ROOT / "Tests/MartletTests/Goldens/checkpoints"
NEW_TOKENS = 12


@dataclass(frozen=True)
class Change:
    name: str
    why: str
    base: str
    change: dict = field(default_factory=dict)  # as of a `Refusal`
    wrong: dict | None = None  # the same
    files: dict = field(default_factory=dict)
    renames: dict = field(default_factory=dict)


FULL, SLIDING = ["full_attention"] * 2, ["sliding_attention"] * 2
ORIGINAL = "original_max_position_embeddings"

CHANGES = [
    # --- Weights
    Change("tied-other-head", "a head that differs from the embedding is not tied to it", "llama-gqa", {"tie_word_embeddings": True}),
    Change(
        "tied-head-alone", "the head is the embedding too", "llama-tied",
        renames={"model.embed_tokens.weight": "lm_head.weight"}),
    Change(
        "file-and-index", "the single file wins", "llama-gqa",
        files={"model.safetensors.index.json": '{"weight_map": {"lm_head.weight": "model-00001-of-00001.safetensors"}}\n'}),
    # --- Layers
    Change("activation-swish", "another name of silu", "llama-gqa", {"hidden_act": "swish"}),
    Change("mistral-full-layers", "no layer has the window", "mistral-window", {"layer_types": FULL}, wrong={}),
    Change(
        "mistral-sliding-layers", "all layers have the window", "mistral-window", {"layer_types": SLIDING},
        wrong={"sliding_window": None}),
    Change("mistral-null-layers", "the window decides", "mistral-window", {"layer_types": None}, wrong={"sliding_window": None}),
    Change("llama-full-layers", "no layer has the window", "llama-gqa", {"layer_types": FULL, "sliding_window": 8}),
    Change(
        "qwen2-no-window", "a window that is null is none", "qwen2-tied",
        {"use_sliding_window": True, "sliding_window": None, "layer_types": REMOVED}),
    # --- Rotary embedding
    Change("yarn-original-outside", "the field outside wins", "rope-yarn", {ORIGINAL: 512}, wrong={}),
    Change("llama3-original-outside", "the field outside wins", "rope-llama3", {ORIGINAL: 512}, wrong={}),
    Change(
        "llama3-no-original", "max_position_embeddings stands for it", "rope-llama3", {f"rope_parameters.{ORIGINAL}": REMOVED},
        wrong={}),
    Change(
        "rope-both", "rope_scaling wins over rope_parameters", "rope-linear",
        {"rope_scaling": {"rope_type": "linear", "factor": 8.0}}, wrong={}),
    Change("rope-both-empty", "an empty rope_scaling does not", "rope-linear", {"rope_scaling": {}}, wrong={"rope_parameters": {}}),
    Change(
        "yarn-beta-zero", "zero counts as not given", "rope-yarn-attention-factor",
        {"rope_parameters.beta_fast": 0, "rope_parameters.beta_slow": 0.0}, wrong={}),
    Change(
        "yarn-truncate-null", "null is false", "rope-yarn-mscale", {"rope_parameters.truncate": None},
        wrong={"rope_parameters.truncate": REMOVED}),
]


def write_folder(change: Change, parts: dict, folder: Path) -> None:
    """The base with `parts` of its configuration changed, and all else that `change` asks for."""
    shutil.copytree(CHECKPOINTS / change.base, folder, dirs_exist_ok=True)
    config = apply(json.loads((folder / "config.json").read_text()), parts)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for name, text in change.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    if change.renames:
        path = folder / "model.safetensors"
        tensors = {change.renames.get(name, name): tensor for name, tensor in load_file(path).items()}
        save_file(tensors, path, metadata={"format": "pt"})


@torch.inference_mode()
def generate(folder: Path, prompts: list[list[int]]) -> list[list[int]]:
    generated = []
    for prompt in prompts:
        model, ids = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), torch.tensor([prompt])
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW_TOKENS, pad_token_id=0, eos_token_id=-1)
        generated.append(output[0, ids.shape[1]:].tolist())
    return generated


def row(change: Change) -> dict:
    golden = json.loads((CHECKPOINTS / change.base / "golden.json").read_text())
    indices = range(2, len(golden["prompts"]))  # the longer ones
    prompts = [golden["prompts"][index]["prompt_ids"] for index in indices]
    with tempfile.TemporaryDirectory() as folder:
        write_folder(change, change.change, Path(folder))
        generated = generate(Path(folder), prompts)
        config = (Path(folder) / "config.json").read_text()
    if change.wrong is not None:
        with tempfile.TemporaryDirectory() as folder:
            write_folder(change, change.wrong, Path(folder))
            if generate(Path(folder), prompts) == generated:
                raise SystemExit(f"{change.name}: read as {change.wrong} the tokens are the same, so they do not test it")
    return {
        "name": change.name, "why": change.why, "base": change.base, "config": config, "files": change.files,
        "renames": change.renames,
        "prompts": [{"prompt": index, "generated": tokens} for index, tokens in zip(indices, generated)]}


def write_changes(path: Path) -> None:
    lines = ",\n".join(json.dumps(row(change), ensure_ascii=False) for change in CHANGES)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    write_changes(CHECKPOINTS.parent / "checkpoint-changes.json")
