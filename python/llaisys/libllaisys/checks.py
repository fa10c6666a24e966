"""Checks of what ctypes would pass on without a word: it wraps numbers that do not fit their C type."""

from __future__ import annotations

from ctypes import Array, c_size_t
from operator import index
from typing import Sequence

__all__ = ["size", "sizes"]

_LARGEST = (1 << 63) - 1


def size(argument: str, value: int) -> int:
    """A number that a `size_t` holds. Raises ValueError that names the argument."""
    number = index(value)
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"{argument}: {number} is not between 0 and {_LARGEST}")
    return number


def sizes(argument: str, values: Sequence[int]) -> Array[c_size_t]:
    """Numbers as an array of `size_t`."""
    return (c_size_t * len(values))(*(size(argument, value) for value in values))
