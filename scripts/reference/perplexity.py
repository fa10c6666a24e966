#!/usr/bin/env python3
"""Reference values of perplexity: llama.cpp's protocol, run by llama.cpp and by transformers in float32.

    scripts/venv.sh
    .venv/bin/python scripts/reference/perplexity.py [--model M.gguf] [--file TEXT] [--context 512] [--threads 2]
                                                     [--engines llama.cpp,transformers]

The protocol is that of `llama-perplexity` with its default options, and `martlet perplexity` follows it:

1. The file is read as UTF-8 and ONE trailing newline, if there is one, is dropped.
2. The text is tokenized once as a whole. Special tokens are added as the model's tokenizer says (for a model with
   `tokenizer.ggml.add_bos_token` true, BOS in front), and the text of control tokens is NOT parsed as such.
3. The T ids are cut into floor(T / C) chunks of C = `--context` ids. The rest, less than a chunk, is dropped. T must be at least
   2 C.
4. Each chunk is run on its own from an empty cache at positions 0 … C-1. If the tokenizer adds BOS, the FIRST id of every chunk
   is replaced by BOS (replaced, not pushed along) for the run. SmolLM2 adds none, so there nothing is replaced.
5. With F = floor(C / 2), the logits at positions F … C-2 score the chunk's ids F+1 … C-1: C - F - 1 scored tokens a chunk, 255 for
   C = 512. (The id at position F itself is not scored, and neither are the logits at position C-1.)
6. Perplexity = exp(-(sum of the natural-log probabilities) / (number of scored tokens)), where the log-softmax is taken over the whole
   vocabulary and the sum runs over all chunks in double precision: a mean over tokens, not over chunks.

Prints one JSON object: the protocol's numbers, then for every engine its perplexity and the running value after each chunk.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from llama import Llama
from transformers_gguf import DEFAULT_MODEL


def negative_log_likelihood(logits: np.ndarray, targets: list[int]) -> float:
    """The sum over rows of -log softmax(logits)[target]."""
    rows = logits.astype(np.float64)
    maximum = rows.max(axis=1)
    log_sum = np.log(np.exp(rows - maximum[:, None]).sum(axis=1)) + maximum
    return float((log_sum - rows[np.arange(len(targets)), targets]).sum())


def chunks(ids: list[int], context: int, bos: int | None):
    """Yields (ids to run, ids to be predicted by positions F … C-2)."""
    first = context // 2
    for start in range(0, len(ids) // context * context, context):
        chunk = ids[start : start + context]
        targets = chunk[first + 1 :]
        yield ([bos] + chunk[1:] if bos is not None else chunk), targets


def score(ids: list[int], context: int, bos: int | None, logits_of) -> dict:
    """Runs the protocol over `logits_of(chunk) -> [C - F - 1, vocabulary]`."""
    began = time.perf_counter()
    total, count, running = 0.0, 0, []
    for chunk, targets in chunks(ids, context, bos):
        total += negative_log_likelihood(logits_of(chunk), targets)
        count += len(targets)
        running.append(round(math.exp(total / count), 4))
    return {
        "perplexity": math.exp(total / count),
        "tokens": count,
        "chunks": len(running),
        "running": running,
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--file", type=Path, default=Path("/usr/share/common-licenses/GPL-3"))
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engines", default="llama.cpp,transformers")
    options = parser.parse_args()
    engines = options.engines.split(",")
    if unknown := set(engines) - {"llama.cpp", "transformers"}:
        parser.error(f"unknown engines {sorted(unknown)}; there are llama.cpp and transformers")

    text = options.file.read_text(encoding="utf-8").removesuffix("\n")
    context, first = options.context, options.context // 2
    results: dict[str, dict] = {}
    with Llama(options.model, context=context, batch=context, threads=options.threads) as llama:
        bos = llama.bos if llama.adds_bos else None
        ids = llama.tokenize(text, add_special=True, parse_special=False)
        if len(ids) < 2 * context:
            raise SystemExit(f"{options.file} has {len(ids)} tokens; the protocol wants at least {2 * context}")
        if "llama.cpp" in engines:

            def llama_logits(chunk: list[int]) -> np.ndarray:
                llama.clear()
                llama.decode(chunk, start=0, logits_from=first)
                return llama.logits(context - first)[:-1]

            results["llama.cpp"] = score(ids, context, bos, llama_logits)

    if "transformers" in engines:
        import torch

        from transformers_gguf import load_model

        torch.set_num_threads(options.threads)
        model = load_model(options.model)

        @torch.inference_mode()
        def transformers_logits(chunk: list[int]) -> np.ndarray:
            return model(torch.tensor([chunk])).logits[0, first:-1].numpy()

        results["transformers"] = score(ids, context, bos, transformers_logits)

    print(json.dumps({
        "model": options.model.name,
        "file": options.file.name,
        "bytes": options.file.stat().st_size,
        "text_tokens": len(ids),
        "context": context,
        "scored_positions": [first + 1, context - 1],
        "bos": bos,
        "engines": results,
    }, indent=2))


if __name__ == "__main__":
    main()
