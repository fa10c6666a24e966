"""Checks of numbers that ctypes would wrap where they do not fit their C type."""

from __future__ import annotations

from ctypes import Array, c_size_t
from typing import Sequence

from martlet._checks import INT64, whole

__all__ = ["size", "sizes"]


def size(argument: str, value: int) -> int:
    """A number for a `size_t`. Raises what names the argument."""
    return whole(argument, value, 0, INT64)


def sizes(argument: str, values: Sequence[int]) -> Array[c_size_t]:
    """Numbers as an array of `size_t`."""
    return (c_size_t * len(values))(*(size(argument, value) for value in values))
