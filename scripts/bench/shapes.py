"""Models without a trained weight, for measuring: modules for PyTorch of the shapes of `martlet bench --shape`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A decoder's sizes. With biases on queries, keys and values it is a Qwen2, else a Llama."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    key_heads: int
    head_dimension: int
    vocabulary: int
    theta: float
    tied: bool = True  # the embedding is the vocabulary head too
    biases: bool = False
    epsilon: float = 1e-5


SHAPES = {
    "smollm2-135m": Shape(30, 576, 1536, 9, 3, 64, 49152, 100_000.0),
    "tinyllama-1.1b": Shape(22, 2048, 5632, 32, 4, 64, 32_000, 10_000.0, tied=False),
    "llama-3.2-1b": Shape(16, 2048, 8192, 32, 8, 64, 128_256, 500_000.0),
    "r1-qwen-1.5b": Shape(28, 1536, 8960, 12, 2, 128, 151_936, 10_000.0, tied=False, biases=True, epsilon=1e-6),
    "llama-3.2-3b": Shape(28, 3072, 8192, 24, 8, 128, 128_256, 500_000.0),
}


def torch_model(name: str, dtype: str, device: str = "cpu"):
    """transformers' model of the shape with random weights, which are made on the device."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    shape = SHAPES[name]
    sizes = dict(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.key_heads,
        max_position_embeddings=8192, rope_parameters={"rope_type": "default", "rope_theta": shape.theta},
        tie_word_embeddings=shape.tied, rms_norm_eps=shape.epsilon, attn_implementation="sdpa")
    torch.manual_seed(7)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, {"bf16": "bfloat16", "f32": "float32"}[dtype]))
    try:
        with torch.device(device):
            if shape.biases:
                return Qwen2ForCausalLM(Qwen2Config(**sizes)).eval()
            return LlamaForCausalLM(LlamaConfig(**sizes, head_dim=shape.head_dimension)).eval()
    finally:
        torch.set_default_dtype(previous)
