"""Digests of what Hugging Face tokenizers makes of 100,000 random texts, with small tokenizers of each family.

Usage: python scripts/goldens/tokenizer_fuzz_digests.py     writes Tests/MartletTextTests/Goldens/random-texts.json
       python scripts/goldens/tokenizer_fuzz_digests.py KIND BLOCK OUT   writes the results of one block in full, to find the
       text behind a digest that differs: MARTLET_TOKENIZER_BLOCK=OUT swift test --filter RandomTextTests
Needs: pip install tokenizers gguf numpy

The texts come from a small generator that Tests/MartletTextTests/RandomTexts.swift has too, draw by draw; the alphabets that it
draws from stand in the golden. A text is made of code points of all planes, halves of surrogate pairs included. Those have
no UTF-8; they are written as the three bytes that their number would take, and what reads such bytes takes them for
U+FFFD, here as in Python.
"""

import json
import pathlib
import sys
import zlib

import numpy
import tokenizer_json
import tokenizer_reference as reference
from tokenizers import Tokenizer

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "Tests/MartletTextTests/Goldens"
OUT = GOLDENS / "random-texts.json"
KINDS = ["gpt2", "llama3", "qwen2", "smollm2", "deepseek-v3", "llama2", "mistral", "unigram", "unigram-bytes"]
COUNT, BLOCK = 100_000, 1000
MASK = (1 << 64) - 1

ALPHABETS = {
    "words": [w for w in reference.WORDS if w],
    "spaces": reference.SPACES + [chr(c) for c in (0x0C, 0x1C, 0x1F, 0x1680, 0x2000, 0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F)],
    "digits": [*"0123456789", "٣", "۴", "७", "９", "²", "½", "Ⅷ", "③", "一", "\U0001d7d8", "\U0001d7ff", "\U00011066", "₁", "௰"],
    "emoji": ["👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "👍🏽", "🇩🇪", "🇯🇵🇺🇸", "1️⃣", "#️⃣", "❤️", "❤", "🧑🏿\u200d🚀", "🏴\U000e0067\U000e0062\U000e007f",
              "\u200d", "\ufe0f", "\ufe0e", "😀", "🫠", "🏽", "🇩"],
    "marks": [chr(c) for c in (0x300, 0x301, 0x308, 0x323, 0x327, 0x338, 0x345, 0x5B0, 0x64B, 0x94D, 0xE31, 0x1AB0, 0x20D0, 0x3099, 0xFE20, 0x1D165, 0x1E94A)],
    "special": ["<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<tool_call>", "<0x41>", "<0xE2>",
                "</", "<|im_", "<|im_start|", "▁", "Ġ"],
    "controls": reference.CONTROLS,
    "repeated": ["a", "ab", "x1", "=", "é", "字", "ha", "\u0301", "한", "7", " ", "\n", "▁"],
}


class Draws:
    """splitmix64 (Steele, Lea and Flood 2014), one sequence for each number."""

    def __init__(self, number):
        self.state = (number * 0xD1342543DE82EF95 + 0x2545F4914F6CDD1D) & MASK

    def below(self, limit):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return (mixed ^ (mixed >> 31)) % limit

    def choice(self, name):
        return ALPHABETS[name][self.below(len(ALPHABETS[name]))]

    def scalar(self, limit):
        while True:
            value = self.below(limit)
            if not 0xD800 <= value < 0xE000:
                return chr(value)

    def piece(self):
        kind = self.below(100)
        if kind < 28:
            return self.choice("words")
        if kind < 43:
            return self.choice("spaces") * (1 + self.below(3))
        if kind < 53:
            return "".join(chr(0x20 + self.below(0x5F)) for _ in range(1 + self.below(7)))
        if kind < 60:
            return "".join(self.choice("digits") for _ in range(1 + self.below(5)))
        if kind < 67:
            return self.choice("emoji")
        if kind < 73:
            return chr(0x61 + self.below(26)) + "".join(self.choice("marks") for _ in range(1 + self.below(3)))
        if kind < 79:
            return self.scalar(0x3000)
        if kind < 84:
            return "".join(self.scalar(0x20000) for _ in range(1 + self.below(3)))
        if kind < 88:
            return self.scalar(0x110000)
        if kind < 93:
            return self.choice("special")
        if kind < 95:
            return self.choice("controls")
        if kind < 97:
            return chr(0xD800 + self.below(0x800))
        return self.choice("repeated") * (1 + self.below(60))

    def text(self):
        """1 to 200 code points, as bytes."""
        length = 1 + self.below(200 if self.below(6) == 0 else 40)
        text = ""
        while len(text) < length:
            text += self.piece()
        return text[:length].encode("utf-8", "surrogatepass")


def block(kind, number):
    """What the tests compare, for the texts of one block: lists by name."""
    tokenizer = Tokenizer.from_file(str(GOLDENS / f"tokenizers/{kind}.tokenizer.json"))
    texts, randoms = [], []
    for index in range(number * BLOCK, (number + 1) * BLOCK):
        draws = Draws(index)
        texts.append(draws.text())
        randoms.append([draws.below(tokenizer.get_vocab_size()) for _ in range(1 + draws.below(10))])
    rows = results(tokenizer, [t.decode("utf-8", "replace") for t in texts], randoms)
    return rows | {"bytes": [t.hex() for t in texts], "randomIDs": randoms}


def results(tokenizer, texts, randoms):
    parsed = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=True)]
    special = {i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special}
    whole = lambda rows: tokenizer.decode_batch(rows, skip_special_tokens=False)
    rows = {"parsed": parsed, "decoded": whole([[i for i in ids if i not in special] for ids in parsed]),
            "whole": whole(parsed), "random": whole(randoms)}
    # A Unigram model of the reference makes control tokens of text whatever it is told.
    if "Unigram" not in str(type(tokenizer.model)):
        tokenizer.encode_special_tokens = True
        rows["plain"] = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    return rows


def digest(rows):
    """CRC-32 of a list of ids or texts: numbers as 4 bytes each, and 0xFFFFFFFF or 0xFF after every row."""
    sum = 0
    for row in rows:
        content = row.encode() + b"\xff" if isinstance(row, str) else numpy.array(row, "<i4").tobytes() + b"\xff" * 4
        sum = zlib.crc32(content, sum)
    return f"{sum:08x}"


def main():
    if len(sys.argv) > 3:
        kind, number, out = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
        out.write_text(json.dumps({"kind": kind, "block": number} | block(kind, number)))
        return
    digests = {}
    for kind in KINDS:
        blocks = [block(kind, number) for number in range(COUNT // BLOCK)]
        names = [n for n in blocks[0] if n != "bytes"]
        digests[kind] = {name: [digest(rows[name]) for rows in blocks] for name in names}
        print(kind, digests[kind]["parsed"][0], flush=True)
    golden = {"count": COUNT, "block": BLOCK, "alphabets": ALPHABETS, "digests": digests}
    tokenizer_json.write(OUT, golden)


if __name__ == "__main__":
    main()
