"""Small tokenizers of each kind as tokenizer.json, with the ids and texts that Hugging Face tokenizers makes of them.

Usage: python scripts/goldens/tokenizer_json.py              writes Tests/MartletTextTests/Goldens/tokenizers
       python scripts/goldens/tokenizer_json.py OUT [COUNT [SEED]]   the same with COUNT random texts, for one comparison:
       MARTLET_TOKENIZER_FILES=OUT swift test --filter TokenizerFilesTests
Needs: pip install tokenizers gguf
"""

import json
import pathlib
import random
import sys

import tokenizer_kinds as kinds
import tokenizer_reference as reference
from tokenizers import Tokenizer

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/MartletTextTests/Goldens/tokenizers"
SPECIAL = ["<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<tool_call>", "<0x41>", "</", "<|im_"] + [
    t["content"] for t in kinds.flagged_tokens(0)
]


def random_texts(rng, count):
    texts = ["", " ", "  ", "\n", "a", " a", "a ", "Hello world", "  Hello   world  ", "▁", "▁▁a", "a▁b", "<0x41>", "e\u0301", "\u0301",
             "\u1100\u1161\u11a8", "ﬁ Å ǅ İ ẛ̣", "q\u0307\u0323 q\u0323\u0307", "\uac00\u11a8", "日本語 テキスト", "👩\u200d👩\u200d👧\u200d👦"]
    while len(texts) < count:
        text = reference.random_text(rng, SPECIAL)
        for _ in range(rng.choice([0, 0, 1, 1, 2, 4])):
            place = rng.randrange(len(text) + 1)
            text = text[:place] + rng.choice(["", " ", "  "]) + rng.choice(SPECIAL) + rng.choice(["", " ", "\n"]) + text[place:]
        texts.append(text)
    return texts


def expected(tokenizer, texts, rng, has_plain):
    size = tokenizer.get_vocab_size()
    parsed = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=True)]
    tokenizer.encode_special_tokens = True
    plain = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)] if has_plain else None
    tokenizer.encode_special_tokens = False
    random_ids = [[rng.randrange(size) for _ in range(rng.randrange(1, 12))] for _ in range(max(20, len(texts) // 10))]
    bytes_ = sorted(i for t, i in tokenizer.get_vocab().items() if len(t) == 6 and t.startswith("<0x"))
    if bytes_:
        random_ids += [[rng.choice(bytes_ + [size // 2]) for _ in range(rng.randrange(1, 7))] for _ in range(40)]
    # Special tokens go by their ids: the reference forgets those whose names its normalizer changes.
    special = {i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special}
    whole = lambda ids: tokenizer.decode(ids, skip_special_tokens=False)
    rows = {"parsed": parsed, "decoded": [whole([i for i in ids if i not in special]) for ids in parsed],
            "whole": [whole(ids) for ids in parsed], "randomIDs": random_ids, "randomTexts": [whole(ids) for ids in random_ids]}
    if plain is not None:
        rows["plain"] = plain
    return rows


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    count = int(sys.argv[2]) if len(sys.argv) > 2 else (20000 if len(sys.argv) > 1 else 300)
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 3)
    out.mkdir(parents=True, exist_ok=True)
    is_golden = out == OUT
    texts = [t[:32] if is_golden else t for t in random_texts(rng, count)]
    write(out / "texts.json", texts)
    for name, document in kinds.all_kinds():
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        (out / f"{name}.tokenizer.json").write_text(text + "\n")
        tokenizer = Tokenizer.from_str(text)
        # The kinds that differ in one step only need fewer texts.
        mine = texts[:60] if is_golden and name.startswith(("split-", "holes-", "llama2-", "deepseek-", "gpt2")) else texts
        rows = expected(tokenizer, mine, rng, has_plain=document["model"].get("type") != "Unigram")
        if is_golden:
            # What follows from the rest is left out.
            rows["whole"] = None
            rows["decoded"] = {str(i): d for i, (d, t) in enumerate(zip(rows["decoded"], mine)) if d != t}
            if "plain" in rows:
                rows["plain"] = {str(i): p for i, (p, f) in enumerate(zip(rows["plain"], rows["parsed"])) if p != f}
        else:
            rows["decoded"] = {str(i): d for i, d in enumerate(rows["decoded"])}
            if "plain" in rows:
                rows["plain"] = {str(i): p for i, p in enumerate(rows["plain"])}
        write(out / f"{name}.expected.json", rows)
        print(name, tokenizer.get_vocab_size(), len(text))


def write(path, content):
    path.write_text(json.dumps(content, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
