"""Writes the goldens of MartletText's tests.

- smollm2.json: texts with the ids of SmolLM2's vocabulary by Hugging Face tokenizers, with and without control tokens
  read from text. llama.cpp must agree, or the script stops.
- pieces.json: how the split patterns cut the same texts, by Hugging Face tokenizers.
- utf8.json: bytes with what Python's bytes.decode("utf-8", errors="replace") makes of them.

Usage: python scripts/goldens/tokenizer.py SMOLLM2.gguf
Needs: pip install tokenizers gguf llama-cpp-python
"""

import json
import pathlib
import random
import sys

import tokenizer_reference as reference
from llama_cpp import Llama

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/MartletTextTests/Goldens"

TEXTS = [
    "", " ", "  ", "\n", "\r\n", "\t\t", " \n", "\n \n  x", "a\r\n\r\nb", "a \r\n b", "x   ", "   x", "\u00a0\u2003\u3000x",
    "Hello, world!", " Hello", "hello'S I'll we'VE they'd 'tis o'clock don''t", "'\u017ftop '\u017f", "1", "12", "1234567890",
    "a1b22c333", "3.14159e-10", " 42 007", "½Ⅷ٣٤५", "x²+y₃", "def f(x: int) -> int:\n    return x**2  # square\n",
    "for (int i=0;i<n;++i){\n\tsum+=a[i];\n}\n", "<html><body class=\"a b\">&nbsp;</body></html>", "SELECT * FROM t WHERE x='y';",
    "{\"k\": [1, 2.5, null, true]}", "https://example.org/a?b=c&d=%20#e", "user@example.org", "C:\\dir\\file.txt", "$5.00 €3 ¥7 50%",
    "你好，世界！我想学习Swift编程。", "今日は良い天気ですね。カタカナ・ひらがな", "안녕하세요 세계", "مرحبا بالعالم، كيف الحال؟", "שָׁלוֹם עוֹלָם",
    "नमस्ते दुनिया", "สวัสดีชาวโลก", "Γειά σου Κόσμε", "Привет, мир!", "Xin chào Việt Nam", "Straße naïve façade", "İıŞşĞğ",
    "e\u0301 o\u0308\u0323 \u0301alone", "Z\u0351\u036b\u0343a\u0300l\u0313g\u0301o", "ﬁ ﬃ ﬅ ǅ", "😀", "😀😁 x😂y", "👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈 👍🏽 🇩🇪🇫🇷",
    "\u200b\u200c\u200d\u2060\ufeff", "\u202eabc\u202c", "\x00", "\x01\x02\x03\x04\x05\x06", "a\x00b\x07c\x1b[0m\x7f", "\x80\x85\x9f", "\ufffd \ufffe \uffff",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𐍈 𒀀 𓀀", "\U00020000\U0002a6df", "\U000e0041\U000e007f", "\U000f0000\U0010fffd", "\U00040000x", "\u0378 \u088f \U00011de0",
    "-----", "=======", "...!!!???", "((((", "''''\"\"\"\"````", "_____x_____", "a" * 100, "ha" * 150, "é" * 80, "字" * 120, " " * 130, "\n" * 40,
    "<|im_start|>user\nhi<|im_end|>\n", "x<|endoftext|>y", "<|im_start|", "<|im_start|><|im_start|>", " <|im_end|> ", "<repo_name>a/b<file_sep>",
    "<|IM_START|>", "<reponame>", "<filename>x.py<gh_stars>100", "<empty_output>",
]


def utf8_cases(rng):
    fixed = [
        "", "41", "C3A9", "E282AC", "F09F9880", "80", "C3", "E282", "F09F98", "C080", "C1BF", "E08080", "E09F80", "EDA080", "EDBFBF", "F08F8080",
        "F4908080", "F5", "FF", "FEFF", "C341", "E28241", "F09F9841", "E2E282AC", "F09FF09F9880", "E282ACE2", "41C3", "EDA0", "F48F", "F490", "E0", "F0",
    ]
    cases = [bytes.fromhex(c) for c in fixed]
    leads = [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xDF, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5]
    for _ in range(400):
        cases.append(bytes(rng.choice(leads) if rng.random() < 0.8 else rng.randrange(256) for _ in range(rng.randrange(1, 12))))
    return [{"hex": c.hex(), "text": c.decode("utf-8", errors="replace")} for c in cases]


def main():
    path = sys.argv[1]
    rng = random.Random(7)
    special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    texts = TEXTS + [reference.random_text(rng, special) for _ in range(130)]
    llama = Llama(path, vocab_only=True, verbose=False)
    plain, parsing = (reference.from_gguf(path, "smollm", parse) for parse in (False, True))
    rows = []
    for text in texts:
        row = {"text": text}
        for key, tokenizer, parse in (("ids", plain, False), ("parsed", parsing, True)):
            row[key] = tokenizer.encode(text, add_special_tokens=False).ids
            theirs = llama.tokenize(text.encode(), add_bos=False, special=parse)
            if theirs != row[key]:
                raise SystemExit(f"differ on {text!r}:\n  Hugging Face {row[key]}\n  llama.cpp    {theirs}")
        rows.append(row)
    write("smollm2.json", rows)
    write("pieces.json", [
        {"preTokenizer": name, "rows": [{"text": t, "pieces": reference.pieces(name, t)} for t in texts]}
        for name in reference.PRE_TOKENIZERS
    ])
    write("utf8.json", utf8_cases(rng))


def write(name, content):
    (OUT / name).write_text(json.dumps(content, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
