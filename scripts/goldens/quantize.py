#!/usr/bin/env python3
"""Goldens of quantising: the errors that llama.cpp's quantisers make, and the types that it chooses for a model's tensors.

    scripts/venv.sh
    .venv/bin/python scripts/goldens/quantize.py

Both come from the shared libraries of llama-cpp-python, called directly.

Tests/MartletOperatorsTests/Goldens/quantize.json: for weights of several distributions and each block type the root mean square error of
ggml's quantiser without an importance matrix. Weights are 64 rows of 256 made of `generator.py`'s streams (below), and the first of SmolLM2's
embedding, which the file holds as bf16.

    {"weights": base64, "errors": [{"type": "q4_K", "distribution": "bell", "rmse": …}]}

Tests/MartletModelsTests/Goldens/quantization/types.json: for two small models, one with rows of whole K-blocks and one without, each with and
without a head of its own, what `llama_model_quantize` makes of every tensor.

    [{"width": 256, "hasHead": true, "layers": 10, "type": "q4_k", "tensors": {"blk.0.attn_q.weight": "q4_K", …}}]
"""

from __future__ import annotations

import base64
import ctypes
import json
import tempfile
from pathlib import Path

import llama_cpp
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, dequantize

from generator import uniform

ROOT = Path(__file__).resolve().parents[2]
MODEL = Path.home() / ".cache/martlet/models/SmolLM2-135M-Instruct.Q4_1.gguf"
ROWS, WIDTH = 64, 256
BLOCKS = {"q8_0": "Q8_0", "q4_0": "Q4_0", "q4_1": "Q4_1", "q5_0": "Q5_0", "q5_1": "Q5_1", "q4_K": "Q4_K", "q5_K": "Q5_K", "q6_K": "Q6_K"}
FILE_TYPES = {"f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7, "q4_k": 15, "q5_k": 17, "q6_k": 18, "bf16": 32}


def distributions(real: np.ndarray) -> dict[str, np.ndarray]:
    """Weights by name. All sums and products are of few bits, so that Swift makes the same numbers."""
    count = ROWS * WIDTH
    streams = [uniform(900 + number, count) for number in range(4)]
    return {
        "flat": streams[0],
        "bell": (streams[0] + streams[1]) + (streams[2] + streams[3]),
        "heavy": (streams[0] * streams[1]) * streams[2],
        "offset": streams[0] * np.float32(0.125) + np.float32(0.5),
        "smollm2": real,
    }


def ggml() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib/libggml-base.so"))
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, pointer, pointer, integer, integer, integer, pointer]
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    return library


def error(library: ctypes.CDLL, kind: GGMLQuantizationType, values: np.ndarray) -> float:
    values = np.ascontiguousarray(values, dtype=np.float32)
    blocks = np.zeros(4 * values.size, np.uint8)
    size = library.ggml_quantize_chunk(kind.value, values.ctypes.data, blocks.ctypes.data, 0, ROWS, WIDTH, None)
    decoded = dequantize(blocks[:size].reshape(ROWS, -1), kind).ravel()
    return float(np.sqrt(np.mean((decoded.astype(np.float64) - values) ** 2)))


def write_model(path: Path, width: int, layers: int, has_head: bool) -> None:
    """A Llama of random f32 weights without a vocabulary."""
    writer = GGUFWriter(path, "llama")
    for add, value in [
        (writer.add_vocab_size, 64), (writer.add_context_length, 64), (writer.add_embedding_length, width),
        (writer.add_block_count, layers), (writer.add_feed_forward_length, width), (writer.add_head_count, 4),
        (writer.add_head_count_kv, 2), (writer.add_layer_norm_rms_eps, 1e-5),
    ]:
        add(value)
    writer.add_tokenizer_model("no_vocab")
    rng = np.random.default_rng(1)

    def add_tensor(name: str, *shape: int) -> None:
        writer.add_tensor(name, rng.standard_normal(shape).astype(np.float32))

    add_tensor("token_embd.weight", 64, width)
    add_tensor("output_norm.weight", width)
    if has_head:
        add_tensor("output.weight", 64, width)
    for layer in range(layers):
        prefix = f"blk.{layer}."
        add_tensor(prefix + "attn_norm.weight", width)
        add_tensor(prefix + "ffn_norm.weight", width)
        for name in ["attn_q", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]:
            add_tensor(f"{prefix}{name}.weight", width, width)
        for name in ["attn_k", "attn_v"]:
            add_tensor(f"{prefix}{name}.weight", width // 2, width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def chosen_types(folder: Path) -> list[dict]:
    names = {value: key for key, value in BLOCKS.items()} | {"F32": "f32", "F16": "f16", "BF16": "bf16"}
    rows = []
    for width, layers, has_head in [(256, 10, True), (256, 10, False), (288, 3, True), (288, 3, False)]:
        source, target = folder / "source.gguf", folder / "target.gguf"
        write_model(source, width, layers, has_head)
        for name, number in FILE_TYPES.items():
            parameters = llama_cpp.llama_model_quantize_default_params()
            parameters.ftype = number
            parameters.nthread = 1
            status = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(parameters))
            if status != 0:
                raise SystemExit(f"llama.cpp cannot make {name} of rows of {width}")
            types = {tensor.name: names[tensor.tensor_type.name] for tensor in GGUFReader(target).tensors}
            rows.append({"width": width, "hasHead": has_head, "layers": layers, "type": name, "tensors": types})
    return rows


def main() -> None:
    tensor = next(t for t in GGUFReader(MODEL).tensors if t.name == "token_embd.weight")
    values = dequantize(tensor.data[:64], tensor.tensor_type).ravel()[: ROWS * WIDTH].astype(np.float32)
    halves = ((values.view(np.uint32) + 0x8000) >> 16).astype("<u2")
    real = (halves.astype(np.uint32) << 16).view(np.float32)
    library = ggml()
    errors = [
        {"type": name, "distribution": distribution, "rmse": float(f"{error(library, GGMLQuantizationType[kind], weights):.7g}")}
        for name, kind in BLOCKS.items()
        for distribution, weights in distributions(real).items()
    ]
    lines = ",\n".join("  " + json.dumps(row) for row in errors)
    path = ROOT / "Tests/MartletOperatorsTests/Goldens/quantize.json"
    path.write_text(f'{{"weights": "{base64.b64encode(halves.tobytes()).decode()}",\n "errors": [\n{lines}\n]}}\n')
    path = ROOT / "Tests/MartletModelsTests/Goldens/quantization/types.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        rows = chosen_types(Path(folder))
    path.write_text("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
