"""Makes Tests/MartletModelsTests/Goldens/gguf: what the Python package `gguf` writes and reads.

    python scripts/goldens/gguf_files.py [MODEL.gguf] [VOCABULARY.gguf ...]

`reference.json` holds a small file that gguf's writer made (base64) with what was put into it. `models.json` holds what
gguf's reader finds in the files given, by file name; without arguments it is left as it is.
Needs: gguf, numpy.
"""

import base64
import json
import pathlib
import sys
import tempfile

import gguf
import numpy

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "Tests/MartletModelsTests/Goldens/gguf"
SAMPLES = 97


def write_reference(path):
    """Writes a file with every value type and a tensor of every type that gguf can quantise; returns what is in it."""
    writer = gguf.GGUFWriter(path, "llama")
    expected = {"general.architecture": "llama"}
    numbers = {
        "uint8": 250, "int8": -7, "uint16": 65000, "int16": -30000, "uint32": 4000000000, "int32": -2000000000,
        "uint64": 9007199254740993, "int64": -9007199254740993, "float32": 0.15625, "float64": 0.1,
    }
    for name, value in numbers.items():
        getattr(writer, "add_" + name)("martlet." + name, value)
        expected["martlet." + name] = value
    writer.add_bool("martlet.bool", True)
    writer.add_string("martlet.string", "héllo\n世界 🦜")
    tokens = [f"token {i} {'é' * (i % 5)}" for i in range(100)]
    writer.add_array("martlet.strings", tokens)
    writer.add_array("martlet.integers", list(range(-50, 50)))
    writer.add_array("martlet.floats", [i / 8 for i in range(40)])
    writer.add_array("martlet.bools", [True, False, False, True])
    writer.add_custom_alignment(64)
    expected |= {
        "martlet.bool": True, "martlet.string": "héllo\n世界 🦜", "martlet.strings": tokens,
        "martlet.integers": list(range(-50, 50)), "martlet.floats": [i / 8 for i in range(40)],
        "martlet.bools": [True, False, False, True], "general.alignment": 64,
    }

    generator = numpy.random.default_rng(7)
    types = gguf.GGMLQuantizationType
    for name in ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]:
        values = generator.standard_normal((3, 64), dtype=numpy.float32)
        data = gguf.quants.quantize(values, types[name])
        writer.add_tensor("blk.0." + name, data, raw_dtype=types[name])
    for name in ["Q4_K", "Q5_K", "Q6_K"]:
        block, size = gguf.GGML_QUANT_SIZES[types[name]]
        data = generator.integers(0, 256, (2, 3, size), dtype=numpy.uint8)
        writer.add_tensor("blk.1." + name, data, raw_dtype=types[name])
    writer.add_tensor("ids.i32", numpy.arange(5, dtype=numpy.int32))
    writer.add_tensor("ids.i64", numpy.arange(5, dtype=numpy.int64))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


def describe_tensors(reader, digest):
    def one(tensor):
        row = [tensor.name, [int(n) for n in reversed(tensor.shape)], tensor.tensor_type.name]
        row += [int(tensor.data_offset), int(tensor.n_bytes)]
        return row + [int(tensor.data.reshape(-1).view(numpy.uint8).sum(dtype=numpy.int64))] if digest else row

    return [one(tensor) for tensor in reader.tensors]


def describe_value(field):
    value = field.contents()
    if not isinstance(value, list):
        return [field.types[0].name, value]
    # Long arrays are sampled: the first, the last and every 97th element.
    samples = {i: value[i] for i in [*range(0, len(value), max(1, len(value) // SAMPLES)), len(value) - 1]}
    return ["ARRAY", field.types[-1].name, len(value), [[i, samples[i]] for i in sorted(samples)]]


def describe(path):
    reader = gguf.GGUFReader(path)
    fields = {key: field for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    return {
        "version": int(reader.fields["GGUF.version"].contents()),
        "metadata": [[key, *describe_value(field)] for key, field in fields.items()],
        "tensors": describe_tensors(reader, digest=False),
    }


def dump(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (GOLDENS / name).write_text(text + "\n")


def main():
    GOLDENS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "reference.gguf"
        expected = write_reference(path)
        tensors = describe_tensors(gguf.GGUFReader(path), digest=True)
        file = base64.b64encode(path.read_bytes()).decode()
        dump("reference.json", {"file": file, "metadata": expected, "tensors": tensors})
    if len(sys.argv) > 1:
        dump("models.json", {pathlib.Path(path).name: describe(path) for path in sys.argv[1:]})


main()
