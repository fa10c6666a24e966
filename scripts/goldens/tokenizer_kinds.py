"""Small tokenizers with the normalizers, pre-tokenizers, post-processors and decoders of the families in use.

Each is trained here on a few thousand words; everything but the vocabulary is written as the family's tokenizer.json has it.
"""

import itertools
import json
import math
import random

import tokenizer_reference as reference
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

DIGITS = {"type": "Digits", "individual_digits": True}
METASPACE_DECODER = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
BYTE_LEVEL_DECODER = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def corpus():
    rng = random.Random(11)
    words = [w for w in reference.WORDS if w]
    for _ in range(400):
        yield " ".join(rng.choice(words) for _ in range(12))
    for _ in range(200):
        yield "the quick brown fox jumps over the lazy dog and runs away from there, then the other thing said that 12 34"


def sequence(key, *children):
    return {"type": "Sequence", key: list(children)}


def byte_level(prefix=False, regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def metaspace(scheme="always", split=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


def added(id, content, special=True, **flags):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": not special}
    return token | {"special": special} | flags


def flagged_tokens(start):
    """A token with each combination of flags."""
    tokens = []
    for flags in itertools.product([False, True], repeat=5):
        names = dict(zip(["special", "single_word", "lstrip", "rstrip", "normalized"], flags))
        content = "Tok" + "".join(k[0].upper() if v else "_" for k, v in names.items()) + "É" * names["normalized"]
        tokens.append(added(start + len(tokens), content, **names))
    return tokens


def document(model, tokens=(), normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(tokens), "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": post_processor, "decoder": decoder, "model": model}


def template(before=(), after=()):
    pieces = [{"SpecialToken": {"id": t, "type_id": 0}} for t, _ in before] + [{"Sequence": {"id": "A", "type_id": 0}}]
    pieces += [{"SpecialToken": {"id": t, "type_id": 0}} for t, _ in after]
    special = {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in [*before, *after]}
    return {"type": "TemplateProcessing", "single": pieces, "pair": pieces, "special_tokens": special}


def trained(pre_tokenizer, size, specials=(), alphabet=()):
    """The model of a BPE tokenizer, merges as pairs."""
    tokenizer = Tokenizer(models.BPE(unk_token=specials[0] if specials else None))
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(specials), initial_alphabet=sorted(alphabet), show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    return json.loads(tokenizer.to_str())["model"]


def byte_level_model(pre_tokenizer, specials=(), **options):
    return trained(pre_tokenizer, 500, specials, pre_tokenizers.ByteLevel.alphabet()) | {"unk_token": None} | options


def old_style(model):
    """As files of before 2024 have it: merges as strings, few fields, no type."""
    return {k: v for k, v in model.items() if k in ("vocab", "unk_token", "dropout")} | {"merges": [" ".join(m) for m in model["merges"]]}


def fallback_model(size=420, with_bytes=True, **options):
    """BPE of characters with ▁ for spaces; with the tokens <0x00> to <0xFF> if asked."""
    model = trained(pre_tokenizers.Metaspace(), size, ["<unk>", "<s>", "</s>"])
    if with_bytes:
        names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
        # The rare characters go, so that bytes have something to do.
        kept = [t for t in model["vocab"] if len(t) > 1 or ord(t) < 0x250 or t == "▁"]
        rest = sorted((t for t in kept if t not in names), key=model["vocab"].get)
        model["vocab"] = {t: i for i, t in enumerate(names + rest)}
        known = model["vocab"]
        model["merges"] = [m for m in model["merges"] if all(p in known for p in (*m, "".join(m)))]
        model["byte_fallback"] = True
    return model | {"unk_token": "<unk>", "fuse_unk": True} | options


def scored(model):
    """The vocabulary with the merges that transformers makes of SentencePiece's scores, here the order of ids: every way to cut a token
    into two others. Tokens with characters that are none go, as SentencePiece has none of them."""
    whole = [t for t in sorted(model["vocab"], key=model["vocab"].get) if t.startswith("<") or all(c in model["vocab"] for c in t)]
    known = {t: i for i, t in enumerate(whole)}
    special = {t for t in known if t.startswith("<")}
    merges = []
    for token in sorted((t for t in known if t not in special), key=known.get):
        cuts = [(token[:i], token[i:]) for i in range(1, len(token))]
        merges += sorted(([l, r] for l, r in cuts if l in known and r in known), key=lambda pair: (known[pair[0]], known[pair[1]]))
    return model | {"vocab": known, "merges": merges}


def sentencepiece_tokens():
    return [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")]


def unigram_model(byte_fallback, size=400):
    """Pieces of a BPE vocabulary by the logarithm of their frequency: the trainer of Unigram models makes another one each time."""
    pieces = trained(pre_tokenizers.Metaspace(), size, ["<unk>", "<s>", "</s>"])["vocab"]
    text = "▁".join(corpus()).replace(" ", "▁")
    counts = {p: text.count(p) for p in sorted(pieces, key=pieces.get) if not p.startswith("<")}
    total = sum(counts.values())
    vocab = [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0]]
    if byte_fallback:
        vocab += [[f"<0x{b:02X}>", -100.0] for b in range(256)]
    vocab += [[p, math.log(n / total)] for p, n in counts.items() if n > 3]
    return {"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": byte_fallback}


def all_kinds():
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    chat = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    base = byte_level_model(gpt2)
    count = len(base["vocab"])
    llama3 = [added(count, "<s>"), added(count + 1, "</s>"), added(count + 2, "<|im_start|>"), added(count + 3, "<|im_end|>")]
    qwen_tokens = [added(count + i, t) for i, t in enumerate(chat)] + [added(count + 3, "<tool_call>", special=False, normalized=False)]
    yield "llama3", document(
        base | {"ignore_merges": True}, llama3, None, sequence("pretokenizers", split(reference.LLAMA3), byte_level()),
        sequence("processors", byte_level(True), template([("<s>", count)])), BYTE_LEVEL_DECODER)
    yield "qwen2", document(
        base, qwen_tokens, {"type": "NFC"},
        sequence("pretokenizers", split(reference.LLAMA3.replace("{1,3}", "")), byte_level()), byte_level(), byte_level())
    in_vocabulary = byte_level_model(gpt2, chat)
    yield "smollm2", document(
        in_vocabulary, [added(i, t) for i, t in enumerate(chat)], None, sequence("pretokenizers", DIGITS, byte_level(regex=True)),
        None, BYTE_LEVEL_DECODER)
    yield "gpt2", document(
        old_style(in_vocabulary), [added(0, "<|endoftext|>", normalized=True)], None, byte_level(regex=True), byte_level(), byte_level())
    yield "roberta", document(
        base, llama3, None, byte_level(True, True),
        {"type": "RobertaProcessing", "sep": ["</s>", count + 1], "cls": ["<s>", count], "trim_offsets": True, "add_prefix_space": True},
        byte_level())
    for name in ("deepseek-llm", "deepseek-v3"):
        steps = [json.loads(p.__getstate__()) for p in reference.PRE_TOKENIZERS[name]]
        yield name, document(base, llama3, None, sequence("pretokenizers", *steps), None, byte_level())
    flags = flagged_tokens(count)
    yield "flags", document(base, flags, None, byte_level(regex=True), None, byte_level())
    yield "flags-lowercase", document(
        base, flags, sequence("normalizers", {"type": "NFKC"}, {"type": "Lowercase"}), byte_level(regex=True), None, byte_level())
    incomplete = json.loads(json.dumps(base))
    lost = [t for t, i in incomplete["vocab"].items() if i < 256 and i % 3 == 0]
    incomplete["vocab"] = {t: i for t, i in incomplete["vocab"].items() if t not in lost} | {"<unk>": count}
    incomplete["merges"] = [m for m in incomplete["merges"] if all(p in incomplete["vocab"] for p in (*m, "".join(m)))]
    for fused in (False, True):
        yield f"holes-{'fused' if fused else 'single'}", document(
            incomplete | {"unk_token": "<unk>", "fuse_unk": fused}, [added(count, "<unk>")], {"type": "NFD"},
            sequence("pretokenizers", split(reference.LLAMA3, "Removed", True), byte_level()), None, byte_level())
    yield from sentencepiece_kinds()
    yield from plain_kinds()
    yield from scored_kinds()


def sentencepiece_kinds():
    fallback = fallback_model()
    tokens = sentencepiece_tokens()
    bos = template([("<s>", 1)])
    legacy = sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
    yield "llama2", document(fallback, tokens, legacy, None, bos, sequence("decoders", *METASPACE_DECODER, STRIP))
    normalized = [t | {"normalized": True} for t in tokens]
    yield "llama2-normalized", document(
        old_style(fallback) | {"type": "BPE", "byte_fallback": True, "fuse_unk": True}, normalized, legacy, None, bos,
        sequence("decoders", *METASPACE_DECODER, STRIP))
    yield "mistral", document(
        fallback, tokens, None, metaspace("first", False), bos, sequence("decoders", *METASPACE_DECODER, STRIP))
    some_bytes = json.loads(json.dumps(fallback))
    lost = [f"<0x{byte:02X}>" for byte in (0x80, 0x8F, 0x9F, 0xE4)]
    some_bytes["vocab"] = {t: i for i, t in enumerate(t for t in fallback["vocab"] if t not in lost)}
    yield "gemma", document(
        some_bytes, tokens + flagged_tokens(len(some_bytes["vocab"])), {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}, bos,
        sequence("decoders", *METASPACE_DECODER))
    without_bytes = fallback_model(with_bytes=False, fuse_unk=False)
    yield "metaspace", document(
        without_bytes, tokens + flagged_tokens(len(without_bytes["vocab"])), {"type": "NFKD"}, metaspace("first"),
        template([("<s>", 1)], [("</s>", 2)]), metaspace("first"))
    t5 = sequence("normalizers", {"type": "NFKC"}, {"type": "Strip", "strip_left": False, "strip_right": True},
                  {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
    yield "unigram", document(
        unigram_model(False), tokens, t5, sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace()),
        template((), [("</s>", 2)]), metaspace())
    yield "unigram-bytes", document(
        unigram_model(True), tokens, None, metaspace("first", False), bos, sequence("decoders", *METASPACE_DECODER, STRIP))


def plain_kinds():
    model = trained(pre_tokenizers.Whitespace(), 500, ["<unk>", "<s>", "</s>"])
    tokens = sentencepiece_tokens()
    accents = sequence("normalizers", {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
                       {"type": "Strip", "strip_left": True, "strip_right": True})
    yield "whitespace", document(model | {"unk_token": "<unk>", "fuse_unk": True}, tokens, accents, {"type": "Whitespace"}, None, None)
    yield "whitespace-split", document(
        model | {"unk_token": None}, tokens, {"type": "Lowercase"},
        sequence("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Contiguous"},
                 {"type": "Digits", "individual_digits": False}), None, {"type": "Fuse"})
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            step = {"type": "Split", "pattern": {"String": "a"}, "behavior": behavior, "invert": invert}
            name = f"split-{behavior.lower()}{'-inverted' if invert else ''}"
            small = {k: v for k, v in model.items()} | {"unk_token": "<unk>"}
            small["vocab"] = {t: i for t, i in model["vocab"].items() if i < 160}
            small["merges"] = [m for m in model["merges"] if all(p in small["vocab"] for p in (*m, "".join(m)))]
            yield name, document(small, tokens, None, step, None, {"type": "Fuse"})


def scored_kinds():
    legacy = sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
    yield "llama2-scores", document(
        scored(fallback_model()), sentencepiece_tokens(), legacy, None, template([("<s>", 1)]),
        sequence("decoders", *METASPACE_DECODER, STRIP))
