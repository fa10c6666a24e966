"""Deterministic inputs that Python and Swift make alike, so that goldens hold expected outputs only.

The source is splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Draw number k = 0, 1, … of a
stream with a 64-bit seed, all arithmetic modulo 2^64:

    z = seed + (k + 1) * 0x9E3779B97F4A7C15
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    u = z ^ (z >> 31)

Derived values:
- a real number: Float(Int32(u >> 40) - 2^23) / 2^23 * scale, where `scale` is a power of two: uniform in [-scale, scale), exact in
  float32, then rounded to the tensor's type (to nearest, ties to even);
- an index below n: u % n.

A tensor's *storage* is filled from draw 0 on, gaps between its elements included: with strides it has
1 + sum((shape[i] - 1) * strides[i]) elements, and the element at a multi-index lies at sum(index[i] * strides[i]). Without strides it is
contiguous, row-major.
"""

from __future__ import annotations

import numpy as np
import torch

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def draws(seed: int, count: int) -> np.ndarray:
    """The first `count` draws (uint64) of the stream."""
    z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed: int, count: int, scale: float = 1.0) -> np.ndarray:
    """Float32 values in [-scale, scale)."""
    signed = (draws(seed, count) >> np.uint64(40)).astype(np.int32) - np.int32(1 << 23)
    return signed.astype(np.float32) / np.float32(1 << 23) * np.float32(scale)


def below(seed: int, count: int, bound: int) -> np.ndarray:
    """Int64 values in 0 ..< bound."""
    return (draws(seed, count) % np.uint64(bound)).astype(np.int64)


def tensor(seed: int, dtype: str, shape: list[int], strides: list[int] | None = None, scale: float = 1.0) -> torch.Tensor:
    """A tensor of type `dtype`, as a strided view of its storage."""
    if strides is None:
        strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    count = 1 + sum((n - 1) * step for n, step in zip(shape, strides))
    storage = torch.from_numpy(uniform(seed, count, scale)).to(DTYPES[dtype])
    return storage.as_strided(shape, strides)
