"""llama.cpp through the low-level interface of llama-cpp-python, as the scripts here need it.

The class keeps to what llama.cpp's own tools do: no sampling, no cache tricks, one sequence a context. It is used as the
reference for perplexity (`perplexity.py`), for speed (`../bench/engines.py`) and for token ids (`../goldens/greedy.py`).
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np


@llama_cpp.llama_log_callback
def _silent(level, text, user_data):  # llama.cpp writes pages to standard error otherwise
    return None


class Llama:
    """A model file and one context over it, both freed by `close()` or the end of a `with` block."""

    def __init__(
        self, path: str | Path, *, context: int = 512, batch: int = 512, threads: int = 2, vocabulary_only: bool = False
    ):
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        model_parameters = llama_cpp.llama_model_default_params()
        model_parameters.vocab_only = vocabulary_only
        model_parameters.n_gpu_layers = 0
        self.context = None
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), model_parameters)
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.vocabulary_size = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        if vocabulary_only:
            return
        context_parameters = llama_cpp.llama_context_default_params()
        context_parameters.n_ctx = context
        context_parameters.n_batch = batch
        context_parameters.n_ubatch = batch
        context_parameters.n_threads = threads
        context_parameters.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, context_parameters)
        if not self.context:
            raise SystemExit(f"llama.cpp cannot make a context of {context} tokens for {path}")

    def __enter__(self) -> "Llama":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        if self.context:
            llama_cpp.llama_free(self.context)
            self.context = None
        if self.model:
            llama_cpp.llama_model_free(self.model)
            self.model = None

    @property
    def adds_bos(self) -> bool:
        return bool(llama_cpp.llama_vocab_get_add_bos(self.vocabulary))

    @property
    def bos(self) -> int:
        return llama_cpp.llama_vocab_bos(self.vocabulary)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`; `parse_special` makes the text of a control token that token."""
        data = text.encode()
        capacity = len(data) + 8  # a token covers at least a byte, and few specials are added
        ids = (llama_cpp.llama_token * capacity)()
        count = llama_cpp.llama_tokenize(
            self.vocabulary, data, len(data), ids, capacity, add_special, parse_special)
        if count < 0:
            raise SystemExit(f"llama_tokenize wants room for {-count} tokens, had {capacity}")
        return list(ids[:count])

    def clear(self) -> None:
        """Empties the KV cache."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)

    def decode(self, ids: list[int], *, start: int, logits_from: int) -> None:
        """Runs `ids` at positions `start…` of sequence 0 and keeps the logits of positions `logits_from` and later."""
        batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
        try:
            batch.n_tokens = len(ids)
            for i, token in enumerate(ids):
                batch.token[i] = token
                batch.pos[i] = start + i
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = 0
                batch.logits[i] = start + i >= logits_from
            status = llama_cpp.llama_decode(self.context, batch)
        finally:
            llama_cpp.llama_batch_free(batch)
        if status != 0:
            raise SystemExit(f"llama_decode failed with status {status}")

    def logits(self, rows: int) -> np.ndarray:
        """The `rows` × vocabulary logits of the last `decode`, copied. Waits for the computation."""
        pointer = llama_cpp.llama_get_logits(self.context)
        return np.ctypeslib.as_array(pointer, shape=(rows, self.vocabulary_size)).copy()

    def synchronize(self) -> None:
        llama_cpp.llama_synchronize(self.context)
