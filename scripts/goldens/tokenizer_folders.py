#!/usr/bin/env python3
"""What transformers makes of the smaller files of a tokenizer: which template it renders, with which special tokens, and what it puts
around a text.

    scripts/venv.sh
    .venv/bin/python scripts/goldens/tokenizer_folders.py

Writes Tests/MartletTests/Goldens/tokenizer-folders.json:

    [{"name", "files": {name: text}, "ids": of "ab" with special tokens,
      "plain", "tools": what `apply_chat_template` renders for a message without and with tools; where it refuses, null and "names": [those of
      the templates that there are]}]
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from transformers import AutoTokenizer
from transformers.utils import logging

OUT = Path(__file__).resolve().parents[2] / "Tests/MartletTests/Goldens/tokenizer-folders.json"

TOKENS = ["<s>", "</s>", "<unk>", "<pad>", "<mask>"]
BEGIN = {
    "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}}


def tokenizer(post_processor=None) -> dict:
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": 3 + index, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True} for index, content in enumerate(TOKENS)],
        "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": post_processor,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": {"a": 0, "b": 1, "ab": 2},
            "merges": [["a", "b"]]}}


def named(*names: str) -> list[dict]:
    return [{"name": name, "template": f"{name} {{{{ messages[0].content }}}}"} for name in names]


ROLES = {"bos_token": "<s>", "eos_token": "</s>"}
SHOWN = "{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token }}{{ mask_token }}{{ cls_token }}{{ sep_token is defined }}"

# Name, tokenizer_config.json, post-processor, other files.
FOLDERS = [
    ("one template", {"chat_template": "one {{ messages[0].content }}"}, None, {}),
    ("a list", {"chat_template": named("default", "tool_use", "rag")}, None, {}),
    ("a list without tool_use", {"chat_template": named("default", "rag")}, None, {}),
    ("a list without default", {"chat_template": named("tool_use", "rag")}, None, {}),
    ("a list of others", {"chat_template": named("rag", "code")}, None, {}),
    ("an object", {"chat_template": {entry["name"]: entry["template"] for entry in named("default", "tool_use")}}, None, {}),
    ("a file", {"chat_template": named("default", "tool_use")}, None, {"chat_template.jinja": "file"}),
    ("files", {"chat_template": "one"}, None, {"chat_template.jinja": "file", "additional_chat_templates/tool_use.jinja": "tools"}),
    ("additional files", {"chat_template": "one"}, None, {"additional_chat_templates/rag.jinja": "rag"}),
    (
        "special tokens",
        {"chat_template": SHOWN, "unk_token": {"__type": "AddedToken", "content": "<unk>", "special": True}, "pad_token": "<pad>",
         "cls_token": None}, None, {"special_tokens_map.json": json.dumps({"mask_token": {"content": "<mask>"}})}),
    ("add both", {"add_bos_token": True, "add_eos_token": True}, None, {}),
    ("add neither", {"add_bos_token": False, "add_eos_token": False}, BEGIN, {}),
    ("add an end", {"add_bos_token": False, "add_eos_token": True}, BEGIN, {}),
]


def render(tokenizer, tools) -> str | None:
    try:
        return tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tools=tools, tokenize=False)
    except ValueError:
        return None


def row(name: str, config: dict, post_processor: dict | None, files: dict) -> dict:
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **ROLES, **config}
    files = {
        "tokenizer.json": json.dumps(tokenizer(post_processor)), "tokenizer_config.json": json.dumps(config), **files}
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            (Path(folder) / path).parent.mkdir(exist_ok=True)
            (Path(folder) / path).write_text(text, encoding="utf-8")
        (Path(folder) / "config.json").write_text('{"model_type": "llama"}')
        reference = AutoTokenizer.from_pretrained(folder)
        templates = reference.chat_template
        result = {
            "name": name, "files": files, "ids": reference("ab")["input_ids"], "plain": render(reference, None),
            "tools": render(reference, [{"type": "function", "function": {"name": "look"}}])}
        if result["plain"] is None:
            result["names"] = sorted(templates) if isinstance(templates, dict) else []
        return result


if __name__ == "__main__":
    logging.set_verbosity_error()
    lines = ",\n".join(json.dumps(row(*folder), ensure_ascii=False) for folder in FOLDERS)
    OUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
