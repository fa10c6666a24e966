"""Random texts with the ids that Hugging Face tokenizers and llama.cpp give them, for a one-time comparison.

Usage: python scripts/goldens/tokenizer_fuzz.py VOCABULARIES SMOLLM2.gguf OUT [COUNT [SEED]]
Then:  MARTLET_TOKENIZER_FUZZ=OUT swift test --filter TokenizerFuzzTests
Needs: pip install tokenizers gguf llama-cpp-python
"""

import json
import pathlib
import random
import sys

import tokenizer_reference as reference
from llama_cpp import Llama


def main():
    vocabularies, smollm, out = map(pathlib.Path, sys.argv[1:4])
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 20000
    rng = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
    out.mkdir(parents=True, exist_ok=True)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|begin_of_text|>", "[PAD151700]", "<|im_"]
    for name in reference.PRE_TOKENIZERS:
        texts = [reference.random_text(rng, special) for _ in range(count)]
        rows = [{"text": t, "pieces": reference.pieces(name, t)} for t in texts]
        path = smollm if name == "smollm" else vocabularies / f"ggml-vocab-{name}.gguf"
        if path.exists():
            for key, parse in (("ids", False), ("parsed", True)):
                tokenizer = reference.from_gguf(path, name, parse)
                for row, encoding in zip(rows, tokenizer.encode_batch(texts, add_special_tokens=False)):
                    row[key] = encoding.ids
        write(out, name, path if path.exists() else None, rows)
    path = vocabularies / "ggml-vocab-llama-spm.gguf"
    llama = Llama(str(path), vocab_only=True, verbose=False)
    rows = []
    for _ in range(count):
        text = reference.random_text(rng, ["<s>", "</s>", "<unk>"])
        ids, parsed = (llama.tokenize(text.encode(), add_bos=False, special=s) for s in (False, True))
        rows.append({"text": text, "ids": ids, "parsed": parsed})
    write(out, "llama-spm", path, rows)


def write(out, name, path, rows):
    content = {"preTokenizer": name, "vocabulary": str(path.resolve()) if path else None, "rows": rows}
    (out / f"{name}.json").write_text(json.dumps(content))
    print(name, len(rows))


if __name__ == "__main__":
    main()
