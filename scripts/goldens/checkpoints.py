#!/usr/bin/env python3
"""Small random checkpoints as Hugging Face folders, with what transformers computes from them.

    scripts/venv.sh
    .venv/bin/python scripts/goldens/checkpoints.py [--out FOLDER] [--only NAME,…]

Every variant of `checkpoint_variants.py` becomes a folder as `save_pretrained` writes it (config.json, generation_config.json, weights in
one file or in shards with an index), with two kinds of files added: `golden.json`, and `config.older*.json`, the same configuration in the
spelling of older releases (`rope_scaling`, `rope_theta`, `torch_dtype`), for which this script demands the same bits from transformers.

Weights are drawn so that logits spread, attention is selective and greedy tokens neither repeat nor meet ties: the first seed whose prompts
all pass is taken. Most 16-bit files hold numbers that both 16-bit types hold.

golden.json:

    {"name", "family", "dtype" (of the file), "seed", "max_new_tokens": 32, "stop_tokens": [ids], "older": [names of files],
     "prompts": [{"prompt_ids": [ids], "generated": [ids without the stop token], "finish": "length" | "stop", "stop_token"?: id,
                  "first": [{"token", "logit", "logprob"} × 20: the most probable first tokens, best first],
                  "margin": smallest lead of the best logit over the second, "margin_step": where (0 = first generated token)}],
     "float64": [{"compute": types with the same weights once they are rounded to the type: ["f16", "bf16"] or one of them,
                  "rows": [{"prompt": index, "positions": [of the prompt], "step": s,
                            "logits": [for each position those of the tokens 0, s, 2s, …]}]}],
     "transformers": {type: {"rows": [errors, one for each of "rows"], "last_mean": the mean over the last positions,
                             "total": over all numbers of all rows, "eager_total": "total" with attention "eager"}}}

`prompts` is float32: the model loaded with `dtype=float32`, a prompt run at once, then one token at a time with the KV cache, checked
against `model.generate`. Each prompt gets a newly loaded model, since `dynamic` rope remembers the longest sequence it has seen.
`float64` has the last position of each prompt with the whole vocabulary, then many positions of the last prompt with a part of it. The
ratio of two programs' errors varies by 10 % with the choice of 16 positions and by 5 % with that of 64; and where the hidden size is 48,
every sixth token says as much as all. Compare "total", and average its ratio over the checkpoints.

The reference is the model loaded in the type, then converted by `model.double()`. What transformers always computes in float32, rotary
angles and norms, stays so; that changes logits by some 1e-6 of their size. An error is |x - reference| / |reference| with Euclidean norms
over all the numbers concerned; `reference` is the logits as written, `x` those of transformers in the type with its default attention,
"sdpa". How processors sum in bf16 differs, so errors made on another machine differ in their last digits.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig
from transformers.utils import logging

from checkpoint_changes import write_changes
from checkpoint_refusals import write_refusals
from checkpoint_variants import SMALL, VARIANTS, Variant

ROOT = Path(__file__).resolve().parents[2]
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
NEW_TOKENS = 32
MINIMUM_MARGIN = 3e-3
MINIMUM_DISTINCT = 12
LONG_POSITIONS = 64
LONG_STEP = 6
TOP = 20


# --- Weights ---------------------------------------------------------------------------------------------------------


def draw(variant: Variant, seed: int, name: str, parameter: torch.Tensor) -> torch.Tensor:
    """The values of one parameter, in float32 that the type of the file holds exactly."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{variant.name}/{seed}/{name}".encode()))
    if name.endswith("norm.weight"):
        values = torch.rand(parameter.shape, generator=generator) + 0.5
    else:
        values = torch.randn(parameter.shape, generator=generator)
        if name.endswith(".bias"):
            values *= 0.3
        elif name.startswith(("model.embed_tokens", "lm_head")):
            values *= 3 / math.sqrt(parameter.shape[1])  # logits spread by about 3
        else:
            values *= 1.4 / math.sqrt(parameter.shape[1])  # scores spread by about 2, layers outweigh the embedding
    if variant.dtype != "f32" and variant.narrow:
        return values.bfloat16().half().float()
    return values.to(DTYPES[variant.dtype]).float()


@torch.no_grad()
def save(variant: Variant, seed: int, folder: Path) -> None:
    """Writes the checkpoint as a user of transformers would."""
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.for_model(variant.family, **{**SMALL, **variant.config})
    model = AutoModelForCausalLM.from_config(config, dtype=DTYPES[variant.dtype])
    for name, parameter in model.named_parameters():
        parameter.copy_(draw(variant, seed, name, parameter))
    model.generation_config = GenerationConfig.from_model_config(model.config)
    model.generation_config.update(**variant.generation)
    model.save_pretrained(folder, max_shard_size=variant.max_shard_size)


def write_older(variant: Variant, folder: Path) -> list[str]:
    """Writes config.json again as older releases spelled it; returns the names of the files."""
    config = json.loads((folder / "config.json").read_text())
    parameters = config.pop("rope_parameters")
    config["torch_dtype"] = config.pop("dtype")
    config["rope_theta"] = parameters.pop("rope_theta")
    config.pop("head_dim", None)
    config["transformers_version"] = "4.40.0"
    rope_type = parameters.pop("rope_type")
    for key, value in variant.older.items():
        config[key] = value
        if value is None and key != "sliding_window":
            del config[key]
    if rope_type == "default":
        spellings = {"config.older.json": None}
    else:
        spellings = {
            f"config.older-{key}.json": {key: rope_type, **parameters} for key in ("type", "rope_type")}
    for name, scaling in spellings.items():
        text = json.dumps({**config, "rope_scaling": scaling}, indent=2, sort_keys=True)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    return list(spellings)


# --- What transformers computes --------------------------------------------------------------------------------------


def load(folder: Path, compute: str, **options):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=DTYPES[compute], **options).eval()
    expected = options.get("attn_implementation", "sdpa")
    if model.config._attn_implementation != expected:
        raise SystemExit(f"{folder.name}: attention is {model.config._attn_implementation}, expected {expected}")
    return model


@torch.inference_mode()
def greedy(folder: Path, prompt: list[int], **options) -> dict:
    """Up to NEW_TOKENS tokens after `prompt`, with what makes them checkable."""
    model = load(folder, "f32", **options)
    stop_tokens = stop_tokens_of(model)
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
            top = torch.topk(logits, TOP)
            logprobs = torch.log_softmax(logits, -1)[top.indices]
            first = [
                {"token": t, "logit": round(v, 5), "logprob": round(p, 5)}
                for t, v, p in zip(top.indices.tolist(), top.values.tolist(), logprobs.tolist())]
        token = int(torch.argmax(logits))
        if token in stop_tokens:
            finish = {"finish": "stop", "stop_token": token}
            break
        generated.append(token)
        ids = torch.tensor([[token]])
    return {
        "prompt_ids": prompt, "generated": generated, **finish, "first": first, "margin": round(margin, 5), "margin_step": margin_step}


def stop_tokens_of(model) -> list[int]:
    tokens = model.generation_config.eos_token_id
    return tokens if isinstance(tokens, list) else [tokens]


@torch.inference_mode()
def check_generate(folder: Path, entry: dict) -> None:
    """Raises unless transformers' own generation loop agrees with `entry`."""
    model, ids = load(folder, "f32"), torch.tensor([entry["prompt_ids"]])
    output = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW_TOKENS, pad_token_id=0)
    expected = entry["generated"] + ([entry["stop_token"]] if "stop_token" in entry else [])
    if output[0, ids.shape[1]:].tolist() != expected:
        raise SystemExit(f"{folder.name}: model.generate disagrees with the loop of this script")


@torch.inference_mode()
def check_older(folder: Path, name: str, prompt: list[int]) -> None:
    """Raises unless transformers reads the older spelling as the newer one, to the bit."""
    config = AutoConfig.from_pretrained(folder / name)
    ids, newer = torch.tensor([prompt]), load(folder, "f32")
    older = load(folder, "f32", config=config)
    saved = AutoConfig.from_pretrained(folder)
    if config.dtype != saved.dtype or config.eos_token_id != saved.eos_token_id:
        raise SystemExit(f"{folder.name}/{name}: dtype or end tokens are not those of config.json")
    if not torch.equal(newer(ids).logits, older(ids).logits):
        raise SystemExit(f"{folder.name}/{name}: other logits than from config.json")


def check_mistake(folder: Path, mistake: dict, entries: list[dict]) -> None:
    """Raises unless reading the configuration wrongly, as in `mistake`, shows in the tokens of some prompt."""
    config = AutoConfig.from_pretrained(folder)
    for key, value in mistake.items():
        setattr(config, key, dict(value) if isinstance(value, dict) else value)
    if all(greedy(folder, e["prompt_ids"], config=config)["generated"] == e["generated"] for e in entries):
        raise SystemExit(f"{folder.name}: with {mistake} the tokens are the same, so they do not test it")


@dataclass(frozen=True)
class Rows:
    """Which logits of a prompt are kept: those of every `step`-th token at each of `positions`."""

    prompt: int
    positions: list[int]
    step: int

    @torch.inference_mode()
    def logits(self, model, prompts: list[list[int]]) -> torch.Tensor:
        """[positions, tokens] in float64, computed in the model's type, the whole prompt at once."""
        output = model(torch.tensor([prompts[self.prompt]]), logits_to_keep=torch.tensor(self.positions))
        return output.logits[0, :, :: self.step].double()


def kept_rows(prompts: list[list[int]]) -> list[Rows]:
    length = len(prompts[-1])
    spread = [length * (i + 1) // LONG_POSITIONS - 1 for i in range(LONG_POSITIONS)]
    return [Rows(i, [len(prompt) - 1], 1) for i, prompt in enumerate(prompts)] + [Rows(len(prompts) - 1, spread, LONG_STEP)]


def reference(folder: Path, compute: str, prompts: list[list[int]], rows: list[Rows]) -> list[list[list[float]]]:
    """Logits in float64 of the weights rounded to `compute`, to 4 decimals: about 1e-5 of their size."""
    logits = [kept.logits(load(folder, compute).double(), prompts) for kept in rows]
    return [[[round(x, 4) for x in row] for row in kept.tolist()] for kept in logits]


def relative(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """|x - y| / |y| over all pairs (x, y), to 5 significant digits."""
    difference = math.sqrt(sum(float((x - y).square().sum()) for x, y in pairs))
    return significant(difference / math.sqrt(sum(float(y.square().sum()) for _, y in pairs)))


def significant(value: float) -> float:
    return float(f"{value:.5g}")


def measure(folder: Path, compute: str, prompts: list[list[int]], rows: list[Rows], expected: list) -> dict:
    """The errors of transformers in `compute` against `expected`."""
    def run(**options) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [
            (kept.logits(load(folder, compute, **options), prompts), torch.tensor(logits, dtype=torch.float64))
            for kept, logits in zip(rows, expected)]

    pairs = run()
    each = [relative([pair]) for pair in pairs]
    return {
        "rows": each, "last_mean": significant(sum(each[:len(prompts)]) / len(prompts)), "total": relative(pairs),
        "eager_total": relative(run(attn_implementation="eager"))}


def same_weights(folder: Path) -> bool:
    """Whether the file's weights are the same numbers in f16 and in bf16."""
    half, brain = (load(folder, compute).state_dict() for compute in ("f16", "bf16"))
    return all(torch.equal(half[name].float(), brain[name].float()) for name in half)


# --- One folder ------------------------------------------------------------------------------------------------------


def prompts_of(variant: Variant) -> list[list[int]]:
    """Random ids, the same whatever the weights; 0 to 9 serve as special tokens in these vocabularies."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{variant.name}/prompts".encode()))
    vocabulary = {**SMALL, **variant.config}["vocab_size"]
    return [torch.randint(10, vocabulary, (length,), generator=generator).tolist() for length in variant.prompts]


def is_healthy(variant: Variant, entries: list[dict]) -> bool:
    """No ties, no loops, and stop tokens met where that is what the variant is for, and nowhere else."""
    stopped = [entry["finish"] == "stop" for entry in entries]
    if any(stopped) != variant.must_stop or all(stopped):
        return False
    return all(
        entry["margin"] >= MINIMUM_MARGIN
        and (entry["finish"] == "stop" or len(set(entry["generated"])) >= MINIMUM_DISTINCT)
        for entry in entries)


def write_golden(path: Path, golden: dict) -> None:
    """JSON with a line for each prompt and each row of logits."""
    def compact(value) -> str:
        return json.dumps(value, separators=(",", ":"))

    def block(items: list[str]) -> str:
        return "[\n" + ",\n".join(items) + "\n]"

    parts = []
    for key, value in golden.items():
        if key == "prompts":
            value = block([compact(entry) for entry in value])
        elif key == "float64":
            groups = []
            for group in value:
                rows = [
                    f'{compact({k: v for k, v in kept.items() if k != "logits"})[:-1]},'
                    f'"logits":{block([compact(row) for row in kept["logits"]])}}}' for kept in group["rows"]]
                groups.append(f'{{"compute":{compact(group["compute"])},"rows":{block(rows)}}}')
            value = block(groups)
        else:
            value = compact(value)
        parts.append(f'"{key}":{value}')
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


def make(variant: Variant, folder: Path) -> None:
    prompts = prompts_of(variant)
    for seed in range(100):
        save(variant, seed, folder)
        entries = [greedy(folder, prompt) for prompt in prompts]
        if is_healthy(variant, entries):
            break
    else:
        raise SystemExit(f"{variant.name}: no seed gives prompts without ties and loops")
    for entry in entries:
        check_generate(folder, entry)
    older = write_older(variant, folder)
    for name in older:
        check_older(folder, name, prompts[-1])
    for mistake in variant.mistakes:
        check_mistake(folder, mistake, entries)

    rows, float64, errors = kept_rows(prompts), [], {}
    for group in [["f16", "bf16"]] if same_weights(folder) else [["f16"], ["bf16"]]:
        expected = reference(folder, group[0], prompts, rows)
        float64.append({
            "compute": group, "rows": [{**asdict(kept), "logits": logits} for kept, logits in zip(rows, expected)]})
        for compute in group:
            errors[compute] = measure(folder, compute, prompts, rows, expected)
    write_golden(folder / "golden.json", {
        "name": variant.name, "family": variant.family, "dtype": variant.dtype, "seed": seed, "max_new_tokens": NEW_TOKENS,
        "stop_tokens": stop_tokens_of(load(folder, "f32")), "older": older, "prompts": entries, "float64": float64,
        "transformers": errors})

    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    half, brain = errors["f16"], errors["bf16"]
    print(
        f"{variant.name:26} {variant.dtype:4} {weights:6} + {(folder / 'golden.json').stat().st_size:6}  seed {seed:2}  "
        f"margin {min(e['margin'] for e in entries):.4f}  distinct {min(len(set(e['generated'])) for e in entries):2}  "
        f"f16 {half['last_mean']:.2e} {half['total']:.2e} (eager {half['eager_total']:.2e})  "
        f"bf16 {brain['last_mean']:.2e} {brain['total']:.2e} (eager {brain['eager_total']:.2e})", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "Tests/MartletTests/Goldens/checkpoints")
    parser.add_argument("--only", help="names of variants, separated by commas")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    selected = options.only.split(",") if options.only else [variant.name for variant in VARIANTS]
    for variant in VARIANTS:
        if variant.name in selected:
            make(variant, options.out / variant.name)
    if not options.only:
        write_refusals(options.out)
        write_changes(options.out.parent / "checkpoint-changes.json")


if __name__ == "__main__":
    main()
