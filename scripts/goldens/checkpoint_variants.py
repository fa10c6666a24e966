"""The checkpoints of `checkpoints.py`: one of each kind that Martlet loads from a Hugging Face folder.

They are as small as the feature allows, with sizes that no vector width divides and heads in odd ratios. A rope type is told apart from
its neighbours only when prompts are longer than what the type starts from, hence the small `original_max_position_embeddings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Variant:
    """A checkpoint: what goes into its configuration and how it is saved."""

    name: str
    family: str  # the `model_type`
    dtype: str  # of the file: f32, f16, bf16
    config: dict  # over `SMALL`
    prompts: tuple[int, ...] = (1, 7, 70, 300)  # lengths; the last is the one whose logits are kept at many positions
    # Fields as files of older releases of transformers have them: a value to add or replace, or None to leave the field out
    # (`sliding_window` alone is written as null). The spelling of rope and dtype follows from the configuration.
    older: dict = field(default_factory=dict)
    generation: dict = field(default_factory=dict)  # over what transformers derives for generation_config.json
    max_shard_size: str = "5GB"
    must_stop: bool = False  # some prompt has to meet a stop token
    narrow: bool = True  # a 16-bit file holds numbers that both 16-bit types hold, so that one reference serves both
    # What a reader could make of the configuration by mistake: each must change the tokens of some prompt.
    mistakes: tuple[dict, ...] = ()


SMALL = {
    "vocab_size": 300,
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def rope(rope_type: str = "default", theta: float = 10000.0, **parameters) -> dict:
    return {"rope_parameters": {"rope_type": rope_type, "rope_theta": theta, **parameters}}


# Layers of two kinds, as nobody asked for.
WINDOWS = {"sliding_window": 32, "layer_types": ["full_attention", "sliding_attention"]}

# Two heads of 24: twelve frequencies, enough for each band of yarn and llama3 to hold some.
ROPE_HEADS = {"num_attention_heads": 2, "num_key_value_heads": 1}

VARIANTS = [
    # --- Llama -------------------------------------------------------------------------------------------------------
    Variant(
        "llama-gqa", "llama", "f32",
        {"num_attention_heads": 6, "num_key_value_heads": 2, "intermediate_size": 36, "tie_word_embeddings": False, **rope()}),
    Variant(
        "stories", "llama", "f32",
        {"vocab_size": 320, "num_attention_heads": 6, "num_key_value_heads": 3, "intermediate_size": 60, **rope()}),
    Variant(
        "tinyllama", "llama", "bf16",
        {"hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 1, "intermediate_size": 32, "vocab_size": 304,
         "max_position_embeddings": 2048, "tie_word_embeddings": False, **rope()},
        prompts=(1, 7, 70, 700), older={"pretraining_tp": 1}),
    Variant(
        "smollm2", "llama", "bf16",
        {"hidden_size": 72, "num_attention_heads": 9, "num_key_value_heads": 3, "intermediate_size": 34, **rope(theta=100000.0)},
        mistakes=(rope(),)),
    Variant(
        "llama2-biases", "llama", "f16",
        {"num_attention_heads": 3, "num_key_value_heads": 3, "intermediate_size": 38, "attention_bias": True, "mlp_bias": True,
         "tie_word_embeddings": False, **rope()},
        # As in files of Llama 1 and 2: one key head a head is not said, nor is the base where it is 10000.
        older={"num_key_value_heads": None, "rope_theta": None}, mistakes=({"attention_bias": False}, {"mlp_bias": False})),
    Variant(
        "llama-tied", "llama", "f16",
        {"vocab_size": 333, "num_attention_heads": 6, "num_key_value_heads": 1, "intermediate_size": 50, **rope(theta=50000.0)},
        narrow=False),
    Variant("llama-head-dim", "llama", "bf16", {"head_dim": 20, "intermediate_size": 44, **rope()}, older={"head_dim": 20}),
    Variant(
        "llama-sharded", "llama", "bf16",
        {"num_hidden_layers": 3, "intermediate_size": 26, "tie_word_embeddings": False, **rope()}, max_shard_size="45KB"),
    Variant("llama-stop-list", "llama", "bf16", {"eos_token_id": [206, 2, 8], **rope()}, must_stop=True),
    # --- Rope types --------------------------------------------------------------------------------------------------
    Variant(
        "rope-linear", "llama", "bf16", {**ROPE_HEADS, **rope("linear", factor=2.5)}, mistakes=(rope(), rope("linear", factor=2))),
    # Scaling begins past max_position_embeddings. One prompt gets there while it generates, one is there from the start.
    Variant(
        "rope-dynamic", "llama", "bf16", {**ROPE_HEADS, "max_position_embeddings": 128, **rope("dynamic", factor=4.0)},
        prompts=(1, 7, 70, 120, 300), mistakes=(rope(), rope("linear", factor=4.0), {"max_position_embeddings": 512})),
    Variant(
        "rope-yarn", "llama", "bf16", {**ROPE_HEADS, **rope("yarn", factor=8.0, original_max_position_embeddings=64)},
        mistakes=(
            rope(), rope("linear", factor=8.0), rope("yarn", factor=8.0, original_max_position_embeddings=512),
            rope("yarn", factor=8.0, original_max_position_embeddings=64, attention_factor=1.0))),
    Variant(
        "rope-yarn-attention-factor", "llama", "bf16",
        {**ROPE_HEADS,
         **rope("yarn", factor=8.0, original_max_position_embeddings=64, attention_factor=0.8, beta_fast=4.0, beta_slow=0.25)},
        mistakes=(
            rope("yarn", factor=8.0, original_max_position_embeddings=64, beta_fast=4.0, beta_slow=0.25),
            rope("yarn", factor=8.0, original_max_position_embeddings=64, attention_factor=0.8))),
    Variant(
        "rope-yarn-mscale", "llama", "bf16",
        {**ROPE_HEADS,
         **rope("yarn", factor=8.0, original_max_position_embeddings=64, mscale=0.707, mscale_all_dim=0.4, truncate=False)},
        mistakes=(
            rope("yarn", factor=8.0, original_max_position_embeddings=64, truncate=False),
            rope("yarn", factor=8.0, original_max_position_embeddings=64, mscale=0.707, mscale_all_dim=0.4))),
    # As Llama 3 does: config.json names one end token, generation_config.json all of them, and generation follows the latter.
    Variant(
        "rope-llama3", "llama", "bf16",
        {**ROPE_HEADS,
         **rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)},
        generation={"eos_token_id": [2, 177, 12]}, must_stop=True,
        mistakes=(
            rope(), rope("linear", factor=8.0),
            rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=512))),
    # --- Qwen --------------------------------------------------------------------------------------------------------
    # Files of Qwen2 give a window and say that it is not in use. It must not be: these are smaller than the prompts.
    Variant(
        "qwen2-tied", "qwen2", "bf16",
        {"num_attention_heads": 6, "num_key_value_heads": 2, "rms_norm_eps": 1e-6, "eos_token_id": [2, 3], **rope(theta=1000000.0)},
        older={"use_sliding_window": False, "sliding_window": 32, "max_window_layers": 1, "layer_types": None}, mistakes=(WINDOWS,)),
    Variant(
        "qwen2-untied", "qwen2", "f16",
        {"num_attention_heads": 4, "num_key_value_heads": 1, "intermediate_size": 36, "rms_norm_eps": 1e-6,
         "tie_word_embeddings": False, **rope(theta=10000.0)},
        older={"use_sliding_window": False, "sliding_window": 32, "max_window_layers": 2, "layer_types": None}),
    Variant(
        "qwen2-yarn", "qwen2", "bf16",
        {**ROPE_HEADS, "rms_norm_eps": 1e-6, **rope("yarn", 1000000.0, factor=4.0, original_max_position_embeddings=128)},
        older={"use_sliding_window": False, "sliding_window": 32, "max_window_layers": 1, "layer_types": None}, mistakes=(WINDOWS,)),
    Variant(
        "qwen3", "qwen3", "bf16",
        {"head_dim": 16, "rms_norm_eps": 1e-6, "eos_token_id": [2, 3], **rope(theta=1000000.0)},
        older={"head_dim": 16, "use_sliding_window": False, "sliding_window": None, "max_window_layers": 1, "layer_types": None}),
    Variant(
        "qwen3-untied", "qwen3", "f16",
        {"head_dim": 20, "num_attention_heads": 3, "num_key_value_heads": 1, "intermediate_size": 44, "rms_norm_eps": 1e-6,
         "tie_word_embeddings": False, **rope(theta=10000.0)},
        older={"head_dim": 20, "use_sliding_window": False, "sliding_window": None, "max_window_layers": 1, "layer_types": None}),
    # --- Mistral -----------------------------------------------------------------------------------------------------
    Variant(
        "mistral-window", "mistral", "bf16",
        {"sliding_window": 24, "intermediate_size": 30, "tie_word_embeddings": False, **rope()},
        mistakes=({"sliding_window": None}, {"sliding_window": 23}, {"sliding_window": 25})),
    Variant(
        "mistral-full", "mistral", "bf16", {"sliding_window": None, "head_dim": 14, **rope(theta=1000000.0)}, older={"head_dim": 14},
        mistakes=(rope(), {"sliding_window": 128})),
]
