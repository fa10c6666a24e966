#!/usr/bin/env python3
"""Greedy continuations by Hugging Face transformers in float32: what `--compute f32` must reproduce token for token.

    scripts/venv.sh
    .venv/bin/python scripts/goldens/greedy.py [--model M.gguf] [--out FILE] [--only NAME,…] [--verify]

transformers loads the GGUF file and dequantises it to float32. Each prompt of `greedy_prompts.py` is tokenized by the file's tokenizer
(conversations through its chat template), the ids are checked against llama.cpp's, and the prompt is run once, then one token at a time with
the KV cache: the arg max of the logits (the lowest id among equals) for 96 tokens, or until a stop token. `--verify` also runs
`model.generate(do_sample=False)` and demands the same ids.

A token whose logit leads the second by less than 0.001 could change with the order of additions. The script refuses prompts that meet one;
replace them in `greedy_prompts.py`.

Written to Tests/MartletTests/Goldens/greedy-smollm2.json:

    {"model": file name, "sha256": of the file, "compute": "f32", "max_new_tokens": 96, "stop_tokens": [ids],
     "prompts": [{"name", "messages"? (a conversation), "text" (raw, or the rendered conversation),
                  "prompt_ids": [ids], "generated": [ids without the stop token], "finish": "length" | "stop", "stop_token"?: id,
                  "first": [{"token", "logprob"} × 5: the most probable first tokens, best first],
                  "margin": smallest lead of the best logit over the second, "margin_step": where (0 = first generated token)}]}
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/reference"))

import torch

from greedy_prompts import PROMPTS
from llama import Llama
from transformers_gguf import DEFAULT_MODEL, load_model, load_tokenizer

NEW_TOKENS = 96
MINIMUM_MARGIN = 1e-3


@torch.inference_mode()
def greedy(model, prompt: list[int], stop_tokens: list[int]) -> dict:
    """Up to NEW_TOKENS tokens after `prompt`, with what makes them checkable."""
    generated: list[int] = []
    margin, margin_step, first, finish = float("inf"), 0, [], {"finish": "length"}
    ids, cache = torch.tensor([prompt]), None
    for step in range(NEW_TOKENS):
        output = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache, logits = output.past_key_values, output.logits[0, -1]
        best, second = torch.topk(logits, 2).values.tolist()
        if best - second < margin:
            margin, margin_step = best - second, step
        if step == 0:
            top = torch.topk(torch.log_softmax(logits.double(), -1), 5)
            first = [{"token": t, "logprob": round(p, 6)} for p, t in zip(top.values.tolist(), top.indices.tolist())]
        token = int(torch.argmax(logits))
        if token in stop_tokens:
            finish = {"finish": "stop", "stop_token": token}
            break
        generated.append(token)
        ids = torch.tensor([[token]])
    return {"generated": generated, **finish, "first": first, "margin": round(margin, 6), "margin_step": margin_step}


@torch.inference_mode()
def verify(model, prompt: list[int], stop_tokens: list[int], entry: dict) -> None:
    """Raises unless transformers' own generation loop agrees with `entry`."""
    ids = torch.tensor([prompt])
    output = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW_TOKENS,
        eos_token_id=stop_tokens, pad_token_id=stop_tokens[0])
    expected = entry["generated"] + ([entry["stop_token"]] if "stop_token" in entry else [])
    if output[0, len(prompt):].tolist() != expected:
        raise SystemExit("model.generate disagrees with the loop of this script")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--out", type=Path, default=ROOT / "Tests/MartletTests/Goldens/greedy-smollm2.json")
    parser.add_argument("--only", help="names of prompts, separated by commas; writes nothing")
    parser.add_argument("--verify", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    selected = options.only.split(",") if options.only else [name for name, _ in PROMPTS]

    tokenizer, model = load_tokenizer(options.model), load_model(options.model)
    stop_tokens = sorted(tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"]))
    entries, refused = [], []
    with Llama(options.model, vocabulary_only=True) as llama:
        for name, prompt in PROMPTS:
            if name not in selected:
                continue
            began = time.perf_counter()
            is_chat = isinstance(prompt, list)
            text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True) if is_chat else prompt
            ids = tokenizer(text)["input_ids"]
            if ids != llama.tokenize(text, add_special=True, parse_special=True):
                raise SystemExit(f"{name}: transformers and llama.cpp tokenize the prompt differently")
            entry = greedy(model, ids, stop_tokens)
            if options.verify:
                verify(model, ids, stop_tokens, entry)
            if entry["margin"] < MINIMUM_MARGIN:
                refused.append(name)
            messages = {"messages": prompt} if is_chat else {}
            entries.append({"name": name, **messages, "text": text, "prompt_ids": ids, **entry})
            print(
                f"{name:16} {len(ids):4} + {len(entry['generated']):2} {entry['finish']:6} margin {entry['margin']:.5f} "
                f"at {entry['margin_step']:2}  {time.perf_counter() - began:4.1f} s  "
                f"{tokenizer.decode(entry['generated'])[:60]!r}", file=sys.stderr)
    if refused:
        raise SystemExit(f"too close to a tie (below {MINIMUM_MARGIN}), replace: {', '.join(refused)}")
    if options.only:
        return
    document = {
        "model": options.model.name,
        "sha256": hashlib.sha256(options.model.read_bytes()).hexdigest(),
        "compute": "f32",
        "max_new_tokens": NEW_TOKENS,
        "stop_tokens": stop_tokens,
        "prompts": entries,
    }
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in document.pop("prompts"))
    head = json.dumps(document, separators=(",", ":"))[:-1]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(f'{head},"prompts":[\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(entries)} prompts, {options.out.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
