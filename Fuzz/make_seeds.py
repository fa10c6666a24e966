"""Makes the inputs that fuzzing begins with: small valid files of every kind, in Fuzz/Seeds/<target>.

Usage: python Fuzz/make_seeds.py        (needs the packages of scripts/goldens/requirements.txt: gguf, numpy)

What a target takes is in Fuzz/Targets: parts of one input are separated by NUL bytes. Tokenizers and templates are cut down
from the goldens of the tests.
"""

import json
import pathlib
import shutil
import struct

import gguf
import numpy

ROOT = pathlib.Path(__file__).resolve().parents[1]
SEEDS = ROOT / "Fuzz/Seeds"
TOKENIZERS = ROOT / "Tests/MartletTextTests/Goldens/tokenizers"
TEMPLATES = ROOT / "Tests/MartletTemplateTests/Goldens"

# The sizes of Fuzz/Targets/SmallCheckpoint.swift.
HIDDEN, FEED_FORWARD, HEADS, KEY_HEADS, VOCABULARY = 8, 12, 2, 1, 6
DIMENSION = HIDDEN // HEADS
TEXT = "Hi 12! <s>é日\U0001f600</s>\n  ab"


def write(target, name, *parts):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    content = b"\0".join(p if isinstance(p, bytes) else p.encode() for p in parts)
    (folder / name).write_bytes(content)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- GGUF ------------------------------------------------------------------------------------------------------------


def gguf_tensors(bias=False, factors=False, width=HIDDEN):
    wide = FEED_FORWARD if width == HIDDEN else width
    yield "token_embd.weight", (VOCABULARY, width)
    yield "output_norm.weight", (width,)
    for name, shape in [
        ("attn_norm", (width,)), ("attn_q", (width, width)), ("attn_k", (width // 2, width)),
        ("attn_v", (width // 2, width)), ("attn_output", (width, width)), ("ffn_norm", (width,)),
        ("ffn_gate", (wide, width)), ("ffn_up", (wide, width)), ("ffn_down", (width, wide)),
    ]:
        yield f"blk.0.{name}.weight", shape
        if bias and name in ("attn_q", "attn_k", "attn_v"):
            yield f"blk.0.{name}.bias", (shape[0],)
    if factors:
        yield "rope_freqs.weight", (DIMENSION // 2,)


def gguf_model(name, model="gpt2", pre="llama-bpe", quantized=None, weights=True, template=None, more=(), **options):
    width = 32 if quantized else HIDDEN
    folder = SEEDS / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(folder / name, "llama")
    writer.add_block_count(1)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(width if quantized else FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_context_length(64)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model(model)
    if model == "gpt2":
        tokens, kinds = ["a", "b", "ab", "Ġ", "<s>", "</s>"], [1, 1, 1, 1, 3, 3]
        writer.add_tokenizer_pre(pre)
        writer.add_token_merges(["a b"])
        writer.add_bos_token_id(4)
        writer.add_eos_token_id(5)
    else:
        tokens, kinds = ["<unk>", "<s>", "</s>", "▁", "▁a", "<0x0A>"], [2, 3, 3, 1, 1, 6]
        writer.add_token_scores([0.0, 0.0, 0.0, -1.0, -2.0, 0.0])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
        writer.add_add_bos_token(True)
        writer.add_add_space_prefix(True)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    if template:
        writer.add_chat_template(template)
    for add, *arguments in more:
        getattr(writer, add)(*arguments)
    if weights:
        rng = numpy.random.default_rng(1)
        for tensor, shape in gguf_tensors(width=width, **options):
            data = rng.standard_normal(shape, dtype=numpy.float32)
            if quantized and len(shape) == 2:
                writer.add_tensor(tensor, gguf.quants.quantize(data, quantized), raw_dtype=quantized)
            else:
                writer.add_tensor(tensor, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_seeds():
    chat = "{% for m in messages %}{{ m.role + ': ' + m.content }}\n{% endfor %}"
    gguf_model("byte-level-bpe.gguf", template=chat)
    gguf_model("sentencepiece.gguf", model="llama")
    gguf_model("biases-and-factors.gguf", pre="qwen2", bias=True, factors=True)
    gguf_model("q4_0.gguf", quantized=gguf.GGMLQuantizationType.Q4_0)
    for pre in ("gpt-2", "smollm", "deepseek-llm", "deepseek-coder", "deepseek-v3"):
        gguf_model(f"vocabulary-{pre}.gguf", pre=pre, weights=False)
    gguf_model("metadata.gguf", weights=False, more=[
        ("add_uint8", "u8", 1), ("add_int8", "i8", -1), ("add_uint16", "u16", 2), ("add_int16", "i16", -2),
        ("add_uint64", "u64", 1 << 63), ("add_int64", "i64", -(1 << 63)), ("add_float64", "f64", 0.1),
        ("add_bool", "yes", True), ("add_array", "words", ["one", "two"]), ("add_array", "numbers", [1, 2, 3]),
        ("add_array", "flags", [True, False]), ("add_array", "nested", [[1, 2], [3]]), ("add_custom_alignment", 64)])


# --- Safetensors -----------------------------------------------------------------------------------------------------


def checkpoint_tensors(bias=False, norms=False):
    layer = "model.layers.0."
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    yield layer + "input_layernorm.weight", (HIDDEN,)
    for name, rows in [("q", HIDDEN), ("k", HIDDEN // 2), ("v", HIDDEN // 2)]:
        yield f"{layer}self_attn.{name}_proj.weight", (rows, HIDDEN)
    yield layer + "self_attn.o_proj.weight", (HIDDEN, HIDDEN)
    yield layer + "post_attention_layernorm.weight", (HIDDEN,)
    yield layer + "mlp.gate_proj.weight", (FEED_FORWARD, HIDDEN)
    yield layer + "mlp.up_proj.weight", (FEED_FORWARD, HIDDEN)
    yield layer + "mlp.down_proj.weight", (HIDDEN, FEED_FORWARD)
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (VOCABULARY, HIDDEN)


def safetensors_seeds():
    for name, size in [("F32", 4), ("BF16", 2), ("F16", 2)]:
        header, data = {"__metadata__": {"format": "pt"}} if name == "BF16" else {}, b""
        for tensor, shape in checkpoint_tensors():
            count = numpy.prod(shape).item() * size
            header[tensor] = {"dtype": name, "shape": shape, "data_offsets": [len(data), len(data) + count]}
            data += bytes(i % 61 for i in range(count))
        text = compact(header).encode()
        text += b" " * (-len(text) % 8)
        write("safetensors", f"model-{name.lower()}.safetensors", struct.pack("<Q", len(text)) + text + data)
    names = [t for t, _ in checkpoint_tensors()]
    half = len(names) // 2
    files = {t: f"model-0000{1 + (i >= half)}-of-00002.safetensors" for i, t in enumerate(names)}
    write("safetensors", "index.json", compact({"metadata": {"total_size": 1}, "weight_map": files}))


# --- config.json -----------------------------------------------------------------------------------------------------


def config_seeds():
    base = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 1, "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS,
        "vocab_size": VOCABULARY, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False, "eos_token_id": 2,
    }
    ropes = {
        "default": {"rope_theta": 1e4, "rope_type": "default"},
        "linear": {"rope_type": "linear", "factor": 2.0},
        "dynamic": {"type": "dynamic", "factor": 4},
        "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                   "original_max_position_embeddings": 32},
        "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 32,
                 "beta_slow": 1, "truncate": False, "mscale": 1.0, "mscale_all_dim": 0.5, "attention_factor": None},
    }
    write("config", "plain.json", compact(base))
    write("config", "generation.json", compact(base), compact({"eos_token_id": [2, 3], "temperature": 0.6}))
    for name, rope in ropes.items():
        field = "rope_scaling" if "type" in rope else "rope_parameters"
        write("config", f"rope-{name}.json", compact(base | {field: rope, "head_dim": DIMENSION}))
    mistral = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 16}
    write("config", "mistral.json", compact(base | mistral))


# --- tokenizer.json --------------------------------------------------------------------------------------------------


def shrunk(document, most=36):
    """A tokenizer with the first `most` tokens that make sense, renumbered."""
    model = document["model"]
    if isinstance(model["vocab"], list):
        model["vocab"] = [v for i, v in enumerate(model["vocab"]) if i < 3 or v[0].startswith("▁") or len(v[0]) == 1][:most]
        model["byte_fallback"] = False
        numbers = {token: i for i, (token, _) in enumerate(model["vocab"])}
    else:
        longer = [m if isinstance(m, list) else m.split(" ") for m in model["merges"]][:most // 2]
        kept = {p for m in longer for p in (*m, "".join(m))} | set(list(model["vocab"])[:8])
        kept |= {t for t in (model.get("unk_token"), "<0x0A>") if t in model["vocab"]}
        byte_level = "ByteLevel" in compact(document["pre_tokenizer"])
        if model.get("byte_fallback") and byte_level:
            model["byte_fallback"] = False
        numbers = {t: i for i, t in enumerate(t for t in model["vocab"] if t in kept)}
        pairs = [m for m in longer if all(t in numbers for t in (*m, "".join(m)))]
        model["vocab"] = numbers
        model["merges"] = [p if isinstance(m, list) else " ".join(p) for p, m in zip(pairs, model["merges"])]
    added = document["added_tokens"]
    if len(added) > 6:
        added = added[:3] + added[3::7]
    end = len(numbers)
    ids = {}
    for token in added:
        if token["content"] in numbers:
            token["id"] = numbers[token["content"]]
        else:
            token["id"], end = end, end + 1
        ids[token["content"]] = token["id"]
    document["added_tokens"] = added
    processor = compact(document["post_processor"])
    for step in (document["post_processor"] or {}).get("processors", [document["post_processor"]]):
        for special in (step or {}).get("special_tokens", {}).values():
            special["ids"] = [(ids | numbers)[t] for t in special["tokens"]]
        for role in ("sep", "cls"):
            if step and role in step:
                step[role][1] = (ids | numbers)[step[role][0]]
    return document


def tokenizer_seeds():
    for path in sorted(TOKENIZERS.glob("*.tokenizer.json")):
        name = path.name.removesuffix(".tokenizer.json")
        if name.startswith("split-") and name not in ("split-isolated", "split-removed-inverted"):
            continue
        write("tokenizer", name + ".json", compact(shrunk(json.loads(path.read_text()))), TEXT)
    small = {"model": {"vocab": {"a": 0, "b": 1, "ab": 2, "<s>": 3, "</s>": 4}, "merges": [["a", "b"]]}}
    configuration = {
        "bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": True, "add_eos_token": False,
        "added_tokens_decoder": {"3": {"content": "<s>", "special": True, "lstrip": False}}, "chat_template": "{{ messages }}",
    }
    write("tokenizer", "with-configuration.json", compact(small), "ab<s>ba", compact(configuration),
          compact({"unk_token": "a", "pad_token": "b"}), compact({"eos_token_id": [2, 4]}))


# --- Templates -------------------------------------------------------------------------------------------------------


def template_seeds():
    cases = json.loads((TEMPLATES / "snippets.json").read_text())["cases"]
    pieces, number = [], 0
    for case in [c for c in cases if "expected" in c]:
        pieces.append(case["source"])
        if sum(map(len, pieces)) > 600:
            write("template", f"snippets-{number:02}.jinja", "\n".join(pieces))
            pieces, number = [], number + 1
    chat = json.loads((TEMPLATES / "chat.json").read_text())
    write("template", "chat.jinja", chat["template"], compact(chat["rows"][0]["messages"]))
    write("template", "refuses.jinja", "{% if messages|length > 1 %}{{ raise_exception('one message only') }}{% endif %}")


def main():
    shutil.rmtree(SEEDS, ignore_errors=True)
    for make in (gguf_seeds, safetensors_seeds, config_seeds, tokenizer_seeds, template_seeds):
        make()
    for folder in sorted(SEEDS.iterdir()):
        files = [f.stat().st_size for f in folder.iterdir()]
        print(f"{folder.name}: {len(files)} seeds, {min(files)} to {max(files)} bytes, {sum(files)} together")


if __name__ == "__main__":
    main()
