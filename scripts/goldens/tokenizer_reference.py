"""Reference tokenizers made from GGUF vocabularies, and random texts: shared by tokenizer.py and tokenizer_fuzz.py."""

import random

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTIONS + (
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_V3 = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"""| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
)
DEEPSEEK_LETTERS = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376"
    "\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
    "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
    "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d"
    "\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4"
    "\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
    "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d"
    "\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a"
    "\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2"
    "\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
)
IDEOGRAPHS = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


# As in the tokenizer.json of the model that each name comes from.
PRE_TOKENIZERS = {
    "gpt-2": [byte_level(True)],
    "smollm": [pre_tokenizers.Digits(individual_digits=True), byte_level(True)],
    "llama-bpe": [split(LLAMA3), byte_level(False)],
    "qwen2": [split(LLAMA3.replace("{1,3}", "")), byte_level(False)],
    "deepseek-llm": [
        split("[\r\n]"),
        split(r"\s?[" + DEEPSEEK_LETTERS + "]+"),
        split("\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"),
        split(r"\s+$"),
        split(IDEOGRAPHS),
        pre_tokenizers.Digits(individual_digits=True),
        byte_level(False),
    ],
    "deepseek-coder": [
        split("[\r\n]"),
        split(r"\s?\p{L}+"),
        split(r"\s?\p{P}+"),
        split(IDEOGRAPHS),
        pre_tokenizers.Digits(individual_digits=True),
        byte_level(False),
    ],
    "deepseek-v3": [
        split(r"\p{N}{1,3}"),
        split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
        split(DEEPSEEK_V3),
        byte_level(False),
    ],
}


def pre_tokenizer(name):
    return pre_tokenizers.Sequence(PRE_TOKENIZERS[name])


def pieces(name, text):
    """The lengths, in scalars, of the pieces that `text` is cut into."""
    ends = [hi for _, (_, hi) in pre_tokenizer(name).pre_tokenize_str(text)]
    return [hi - lo for lo, hi in zip([0] + ends, ends)]


def from_gguf(path, name, parse_special):
    """A byte-level BPE tokenizer of Hugging Face with the vocabulary of a GGUF file."""
    fields = gguf.GGUFReader(path).fields
    contents = lambda key: fields["tokenizer.ggml." + key].contents()
    tokens, kinds = contents("tokens"), contents("token_type")
    model = models.BPE(
        vocab={t: i for i, t in enumerate(tokens)},
        merges=[tuple(m.split(" ")) for m in contents("merges")],
        ignore_merges=name == "llama-bpe",
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer(name)
    if parse_special:
        tokenizer.add_special_tokens(
            [AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, kinds) if k in (2, 3)])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, kinds) if k == 4])
    return tokenizer


WORDS = (
    "the and of to Hello world function return I'm you're THEY'LL we'Ve don't 'S 'd ' '' '\u017f 'l 're'l naïve Straße"
    " İstanbul ﬃ ǅ Ελλάδα Привет мир שלום مرحبا بالعالم नमस्ते สวัสดี 你好世界 我想在apple工作 こんにちは カタカナ・ 한국어"
    " 👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 👍🏽 🇩🇪 ½ Ⅷ ٣٤ 一二三 12 345 6789 3.14 0x1F 1e-9 e\u0301 a\u0308\u0323 \u200b \ufeff"
    " ... !!! ?! -- => != // /* */ {} [] () \"quoted\" `code` #tag @user $5 50% a_b __init__ \u2018x\u2019 \u201cy\u201d"
    " \u3000 \u3001 \uff01 \uff5e ----- ====== \u2581 <0x41> <s> </s>"
).split(" ")
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", " \n", "\n ", "\u00a0", "\u2003", "\u3000", "\u0085", "\u000b"]
CONTROLS = [chr(c) for c in (*range(0, 9), 14, 27, 127, 0x80, 0x9F, 0xAD, 0x200D, 0x202E, 0xFFFE, 0xFFFF)]


def random_text(rng, special):
    """A text out of words, white space, single scalars of every plane and the texts in `special`."""
    out = []
    for _ in range(rng.choice([1, 2, 3, 5, 8, 13, 20])):
        kind = rng.random()
        if kind < 0.40:
            out.append(rng.choice(WORDS))
        elif kind < 0.65:
            out.append(rng.choice(SPACES) * rng.choice([1, 1, 1, 2, 3]))
        elif kind < 0.75:
            out.append("".join(chr(rng.randrange(0x20, 0x7F)) for _ in range(rng.randrange(1, 8))))
        elif kind < 0.82:
            out.append(chr(scalar(rng, 0x3000)))
        elif kind < 0.90:
            out.append("".join(chr(scalar(rng, 0x20000)) for _ in range(rng.randrange(1, 4))))
        elif kind < 0.94:
            out.append(chr(scalar(rng, 0x110000)))
        elif kind < 0.96:
            out.append(rng.choice(CONTROLS))
        elif kind < 0.98 and special:
            out.append(rng.choice(special))
        else:
            out.append(rng.choice(["a", "ab", "x1", "=", "é", "字", " ", "ha"]) * rng.randrange(1, 200))
    return "".join(out)


def scalar(rng, limit):
    while True:
        value = rng.randrange(limit)
        if not 0xD800 <= value < 0xE000:
            return value
