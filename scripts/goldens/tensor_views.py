#!/usr/bin/env python3
"""Goldens of tensor layouts: what NumPy can view without a copy, and the strides it finds.

Needs numpy. Writes Tests/MartletTensorTests/Goldens/views.json:

    python3 scripts/goldens/tensor_views.py

Each case starts from a contiguous array, slices and permutes it, and asks for another shape. `strides` are those of the
view in elements, or null where NumPy needs a copy; `values` are the elements as NumPy reads them (an arange, so that an
element names its own place). Strides of dimensions of extent 1 are arbitrary in NumPy and are stored as 0.
"""

import json
import random
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parents[2] / "Tests/MartletTensorTests/Goldens/views.json"
CASES = 400
ITEM = np.dtype(np.int64).itemsize


def factorisations(count: int, rng: random.Random) -> list[int]:
    """A random shape with `count` elements, sometimes with ones strewn in."""
    if count == 0:
        shape = [rng.choice([0, 1, 2, 3]) for _ in range(rng.randint(1, 4))]
        shape[rng.randrange(len(shape))] = 0
        return shape
    shape, rest = [], count
    while rest > 1:
        divisor = rng.choice([d for d in range(2, rest + 1) if rest % d == 0])
        shape.append(divisor)
        rest //= divisor
    for _ in range(rng.choice([0, 0, 1, 2])):
        shape.insert(rng.randint(0, len(shape)), 1)
    return shape[:8] if len(shape) <= 8 else [count]


def in_elements(array: np.ndarray) -> list[int]:
    return [s // ITEM if n > 1 else 0 for n, s in zip(array.shape, array.strides)]


def case(rng: random.Random) -> dict:
    shape = [rng.choice([1, 2, 2, 3, 4, 5, 6]) for _ in range(rng.randint(0, 5))]
    base = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape(shape)
    array, steps = base, []
    for _ in range(rng.randint(0, 3)):
        if array.ndim and rng.random() < 0.5:
            order = rng.sample(range(array.ndim), array.ndim)
            array = array.transpose(order)
            steps.append({"permute": order})
        elif array.ndim:
            dimension = rng.randrange(array.ndim)
            extent = array.shape[dimension]
            start = rng.randint(0, extent)
            end = rng.randint(start, extent)
            if start == end and rng.random() < 0.9:
                start, end = 0, extent
            array = array[(slice(None),) * dimension + (slice(start, end),)]
            steps.append({"slice": [dimension, start, end]})
    target = factorisations(array.size, rng)
    view = array.view()
    try:
        view.shape = target  # unlike reshape, refuses rather than copies
        strides = in_elements(view) if array.size else [0] * len(target)
    except AttributeError:
        strides = None
    return {
        "shape": shape,
        "steps": steps,
        "layout": {"shape": list(array.shape), "strides": in_elements(array) if array.size else [0] * array.ndim},
        "values": array.ravel().tolist(),
        "target": target,
        "strides": strides,
    }


def main() -> None:
    rng = random.Random(20260102)
    cases = [case(rng) for _ in range(CASES)]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    refused = sum(c["strides"] is None for c in cases)
    print(f"{OUT.name}: {len(cases)} cases, {refused} need a copy, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
