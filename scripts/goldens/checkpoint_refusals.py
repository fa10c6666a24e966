"""Configurations that must be refused, each with the field that the error has to name.

Every one is a config.json of `checkpoints.py` that loads, with one thing changed. Written beside the checkpoints:

    refused/NAME.json   the configuration
    refused/table.json  [{"name", "base": the checkpoint it was made from,
                          "fields": [names, one of which the error must contain; empty if it is enough to name the file], "why"}]
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Refusal:
    name: str
    why: str
    fields: list[str]
    change: dict = field(default_factory=dict)  # "a.b" reaches into an object; `REMOVED` takes the field out
    base: str = "llama-gqa"
    file: str = "config.json"  # of the base
    text: str | None = None  # instead of JSON


REMOVED = object()


def quantized(name: str, method: str, **parameters) -> Refusal:
    return Refusal(
        f"quantized-{name}", "the weights are stored in a form that needs the method's own reader", ["quantization_config"],
        {"quantization_config": {"quant_method": method, **parameters}})


def architecture(name: str, model_type: str, classes: list[str], **change) -> Refusal:
    return Refusal(
        f"model-type-{name}", "another model than the decoder computes", ["model_type"],
        {"model_type": model_type, "architectures": classes, **change})


def missing(key: str) -> Refusal:
    return Refusal(f"missing-{key.replace('_', '-')}", "a size is not to be guessed", [key], {key: REMOVED})


def number(name: str, key: str, value, why: str, fields: list[str] | None = None, **options) -> Refusal:
    return Refusal(name, why, fields or [key], {key: value}, **options)


REFUSALS = [
    # --- The architecture
    architecture("gpt-neox", "gpt_neox", ["GPTNeoXForCausalLM"]),
    architecture("gemma2", "gemma2", ["Gemma2ForCausalLM"], final_logit_softcapping=30.0),
    architecture("phi3", "phi3", ["Phi3ForCausalLM"]),
    architecture("bert", "bert", ["BertForMaskedLM"]),
    architecture("qwen2-moe", "qwen2_moe", ["Qwen2MoeForCausalLM"], num_experts=8, num_experts_per_tok=2),
    architecture("qwen3-moe", "qwen3_moe", ["Qwen3MoeForCausalLM"], num_experts=8, num_experts_per_tok=2),
    architecture("mixtral", "mixtral", ["MixtralForCausalLM"], num_local_experts=8, num_experts_per_tok=2),
    Refusal(
        "model-type-missing", "nothing says what the weights are", ["model_type"],
        {"model_type": REMOVED, "architectures": REMOVED}),
    Refusal("model-type-number", "a name is a string", ["model_type"], {"model_type": 7}),
    Refusal(
        "architecture-classifier", "a classifier has no head over the vocabulary", ["architectures"],
        {"architectures": ["LlamaForSequenceClassification"]}),
    Refusal(
        "architecture-other-family", "the class belongs to another family than model_type", ["architectures", "model_type"],
        {"architectures": ["MixtralForCausalLM"]}),
    number("architectures-text", "architectures", "LlamaForCausalLM", "a wrong type of value"),
    number("architectures-numbers", "architectures", [7], "a wrong type of value"),
    # --- How weights are stored
    quantized("gptq", "gptq", bits=4, group_size=128),
    quantized("awq", "awq", bits=4, group_size=128),
    quantized("bitsandbytes", "bitsandbytes", load_in_4bit=True),
    quantized("fp8", "fp8", weight_block_size=[128, 128]),
    # --- The layers
    Refusal("activation-gelu", "the feed-forward layer computes silu only", ["hidden_act"], {"hidden_act": "gelu"}),
    Refusal("activation-relu2", "the feed-forward layer computes silu only", ["hidden_act"], {"hidden_act": "relu2"}),
    Refusal(
        "qwen2-window", "some layers would attend to a window, others to all tokens",
        ["use_sliding_window", "layer_types", "sliding_window"],
        {"use_sliding_window": True, "sliding_window": 32, "max_window_layers": 1, "layer_types": ["full_attention", "sliding_attention"]},
        base="qwen2-tied"),
    Refusal(
        "qwen2-window-older", "the same where older releases leave layer_types out",
        ["use_sliding_window", "layer_types", "sliding_window"],
        {"use_sliding_window": True, "sliding_window": 32, "max_window_layers": 1}, base="qwen2-tied", file="config.older.json"),
    Refusal(
        "qwen3-layer-types", "layers differ in kind", ["layer_types", "sliding_window"],
        {"sliding_window": 32, "use_sliding_window": True, "layer_types": ["sliding_attention", "full_attention"]}, base="qwen3"),
    Refusal(
        "layer-types-unknown", "a kind of layer that is not attention", ["layer_types"],
        {"layer_types": ["full_attention", "linear_attention"]}, base="qwen3"),
    Refusal("layer-types-short", "a layer has no kind", ["layer_types"], {"layer_types": ["full_attention"]}),
    Refusal("layer-types-text", "a wrong type of value", ["layer_types"], {"layer_types": "full_attention"}),
    Refusal(
        "mistral-layer-types", "layers differ in kind", ["layer_types"], {"layer_types": ["full_attention", "sliding_attention"]},
        base="mistral-window"),
    Refusal(
        "mistral-no-window", "a window without a size", ["sliding_window"],
        {"sliding_window": None, "layer_types": ["sliding_attention", "sliding_attention"]}, base="mistral-window"),
    # transformers' cache has the window while tokens are generated one by one, its attention to the prompt has not.
    Refusal("llama-window", "the prompt and the tokens after it would see differently far", ["sliding_window"], {"sliding_window": 8}),
    Refusal(
        "llama-window-unused", "the same: the cache does not read use_sliding_window", ["sliding_window"],
        {"sliding_window": 8, "use_sliding_window": False}),
    number("window-zero", "sliding_window", 0, "a window holds at least one token", base="mistral-window"),
    number("window-negative", "sliding_window", -24, "a window holds at least one token", base="mistral-window"),
    # --- Rotary embedding
    Refusal(
        "rope-longrope", "a rope type that is not implemented", ["rope_type"],
        {"rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4,
            "original_max_position_embeddings": 128}}),
    Refusal(
        "rope-unknown", "a rope type nobody knows", ["rope_type"],
        {"rope_parameters": {"rope_type": "spiral", "rope_theta": 10000.0, "factor": 4.0}}),
    Refusal(
        "rope-proportional", "a rope type that is not implemented", ["rope_type"],
        {"rope_parameters": {"rope_type": "proportional", "rope_theta": 10000.0}}),
    Refusal(
        "rope-unknown-older", "the same in the older spelling", ["rope_scaling"], {"rope_scaling": {"type": "su", "factor": 4.0}},
        file="config.older.json"),
    Refusal(
        "rope-mrope", "three positions a token", ["rope_type", "rope_scaling", "mrope_section"],
        {"rope_scaling": {"type": "mrope", "mrope_section": [2, 1, 1]}}, file="config.older.json"),
    Refusal(
        "rope-partial", "only a part of each head is rotated", ["partial_rotary_factor"], {"rope_parameters.partial_rotary_factor": 0.5}),
    Refusal(
        "rope-partial-older", "the same in the older spelling", ["partial_rotary_factor"], {"partial_rotary_factor": 0.5},
        file="config.older.json"),
    Refusal(
        "rope-by-layer-kind", "a rotation for each kind of layer", ["rope_parameters"],
        {"rope_parameters": {kind: {"rope_type": "default", "rope_theta": theta} for kind, theta in (
            ("full_attention", 1000000.0), ("sliding_attention", 10000.0))}}),
    Refusal("rope-not-an-object", "a wrong type of value", ["rope_parameters"], {"rope_parameters": "yarn"}),
    number("rope-linear-no-factor", "rope_parameters.factor", REMOVED, "the factor is not to be guessed", ["factor"], base="rope-linear"),
    number("rope-linear-zero", "rope_parameters.factor", 0, "divides by zero", ["factor"], base="rope-linear"),
    number("rope-dynamic-negative", "rope_parameters.factor", -4.0, "has no meaning", ["factor"], base="rope-dynamic"),
    number(
        "rope-yarn-zero-original", "rope_parameters.original_max_position_embeddings", 0, "takes the logarithm of zero",
        ["original_max_position_embeddings"], base="rope-yarn"),
    number("rope-yarn-beta", "rope_parameters.beta_fast", -32.0, "takes the logarithm of a negative number", ["beta_fast"], base="rope-yarn"),
    number(
        "rope-yarn-zero-outside", "original_max_position_embeddings", 0, "the same beside the section, where it wins", base="rope-yarn"),
    Refusal(
        "rope-both", "rope_scaling wins over rope_parameters", ["rope_scaling"], {"rope_scaling": {"rope_type": "spiral", "factor": 4.0}},
        base="rope-linear"),
    number(
        "rope-llama3-no-low", "rope_parameters.low_freq_factor", REMOVED, "the factor is not to be guessed", ["low_freq_factor"],
        base="rope-llama3"),
    number(
        "rope-llama3-equal-bands", "rope_parameters.high_freq_factor", 1.0, "divides by zero between the bands",
        ["high_freq_factor", "low_freq_factor"], base="rope-llama3"),
    number("rope-theta-zero", "rope_parameters.rope_theta", 0.0, "takes powers of zero", ["rope_theta"]),
    number("rope-theta-text", "rope_parameters.rope_theta", "10000", "a wrong type of value", ["rope_theta"]),
    # --- Sizes
    *(missing(key) for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")),
    number(
        "heads-not-a-multiple", "num_key_value_heads", 4, "6 heads cannot share 4 key heads evenly",
        ["num_key_value_heads", "num_attention_heads"]),
    number("key-heads-zero", "num_key_value_heads", 0, "there are no keys"),
    number("heads-zero", "num_attention_heads", 0, "there are no heads"),
    number("head-dim-odd", "head_dim", 7, "rotation needs pairs"),
    number("hidden-negative", "hidden_size", -48, "a size is positive"),
    number("hidden-text", "hidden_size", "48", "a wrong type of value"),
    number("hidden-fraction", "hidden_size", 48.5, "a size is whole"),
    number("hidden-null", "hidden_size", None, "a size is not to be guessed"),
    number("layers-beyond-integers", "num_hidden_layers", 10**30, "does not fit an integer"),
    number("vocabulary-huge", "vocab_size", 2**62, "sizes in bytes overflow"),
    number("epsilon-text", "rms_norm_eps", "1e-5", "a wrong type of value"),
    number("tied-text", "tie_word_embeddings", "yes", "a wrong type of value"),
    number("end-token-text", "eos_token_id", ["2"], "a wrong type of value"),
    # --- Not a configuration
    Refusal("not-an-object", "an array", [], text="[1, 2, 3]\n"),
    Refusal("truncated", "the file ends early", [], text='{"model_type": "llama", "hidden_size": 4'),
    Refusal("empty", "the file is empty", [], text=""),
]


def apply(config: dict, change: dict) -> dict:
    """`config` with the parts of `change` put in."""
    for path, value in change.items():
        *parents, key = path.split(".")
        target = config
        for parent in parents:
            target = target[parent]
        if value is REMOVED:
            target.pop(key, None)
        else:
            target[key] = value
    return config


def write_refusals(checkpoints: Path) -> None:
    folder = checkpoints / "refused"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    table = []
    for refusal in REFUSALS:
        text = refusal.text
        if text is None:
            config = apply(json.loads((checkpoints / refusal.base / refusal.file).read_text()), refusal.change)
            text = json.dumps(config, indent=2, sort_keys=True) + "\n"
        (folder / f"{refusal.name}.json").write_text(text, encoding="utf-8")
        table.append({"name": refusal.name, "base": refusal.base, "fields": refusal.fields, "why": refusal.why})
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in table)
    (folder / "table.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
