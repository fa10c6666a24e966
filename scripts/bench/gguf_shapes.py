"""Files for llama.cpp of the shapes of shapes.py, with random blocks for weights."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from shapes import SHAPES

# Bytes of a block, weights in it, and where its f16 scales (and offsets) lie. What else is in a block may be any bits.
BLOCKS = {
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0, {0: 0.005}),
    "q4_1": (gguf.GGMLQuantizationType.Q4_1, gguf.LlamaFileType.MOSTLY_Q4_1, {0: 0.005, 2: -0.04}),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0, {0: 0.0003}),
    "q4_k": (gguf.GGMLQuantizationType.Q4_K, gguf.LlamaFileType.MOSTLY_Q4_K_S, {0: 0.0001, 2: 0.0008}),
    "q6_k": (gguf.GGMLQuantizationType.Q6_K, gguf.LlamaFileType.MOSTLY_Q6_K, {208: 0.00001}),
}


def blocks(type_name: str, rows: int, columns: int, random: np.random.Generator) -> np.ndarray:
    """Rows of random blocks as bytes, `[rows, bytes of a row]`, small enough for activations to stay finite."""
    kind, _, scales = BLOCKS[type_name]
    size, byte_count = gguf.GGML_QUANT_SIZES[kind]
    data = random.integers(0, 256, (rows, columns // size, byte_count), dtype=np.uint8)
    for offset, value in scales.items():
        data[:, :, offset : offset + 2] = np.frombuffer(np.float16(value).tobytes(), np.uint8)
    return data.reshape(rows, -1)


def write_gguf(name: str, type_name: str, path: Path) -> None:
    """A file that llama.cpp loads: every matrix of one type, no vocabulary."""
    shape = SHAPES[name]
    kind, file_type, _ = BLOCKS[type_name]
    random = np.random.default_rng(7)
    partial = path.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "llama")
    writer.add_file_type(file_type)
    writer.add_context_length(8192)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_rope_freq_base(shape.theta)
    writer.add_rope_dimension_count(shape.head_dimension)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_tokenizer_model("no_vocab")

    def matrix(tensor: str, rows: int, columns: int) -> None:
        writer.add_tensor(tensor, blocks(type_name, rows, columns, random), raw_dtype=kind)

    def gain(tensor: str) -> None:
        writer.add_tensor(tensor, np.ones(shape.hidden, np.float32))

    queries, keys = shape.heads * shape.head_dimension, shape.key_heads * shape.head_dimension
    matrix("token_embd.weight", shape.vocabulary, shape.hidden)
    gain("output_norm.weight")
    for index in range(shape.layers):
        layer = f"blk.{index}."
        gain(layer + "attn_norm.weight")
        gain(layer + "ffn_norm.weight")
        matrix(layer + "attn_q.weight", queries, shape.hidden)
        matrix(layer + "attn_k.weight", keys, shape.hidden)
        matrix(layer + "attn_v.weight", keys, shape.hidden)
        matrix(layer + "attn_output.weight", shape.hidden, queries)
        matrix(layer + "ffn_gate.weight", shape.feed_forward, shape.hidden)
        matrix(layer + "ffn_up.weight", shape.feed_forward, shape.hidden)
        matrix(layer + "ffn_down.weight", shape.hidden, shape.feed_forward)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(path)


def gguf_file(name: str, type_name: str, folder: Path) -> Path:
    """The file, made where it is not there yet."""
    path = folder / f"{name}.{type_name}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_gguf(name, type_name, path)
    return path
