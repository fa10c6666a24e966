"""Checks of numbers that ctypes would wrap where they do not fit their C type.

As in LLAISYS, numbers of Python and of ctypes (`c_int(0)`) are both taken.
"""

from __future__ import annotations

import ctypes
import operator
from ctypes import Array, c_size_t
from enum import IntEnum
from typing import Any, Sequence, TypeVar

from martlet import InvalidArgumentError
from martlet._checks import INT32, INT64, whole
from martlet._checks import real as martlets_real

__all__ = ["device_number", "member", "real", "size", "sizes"]

Enumeration = TypeVar("Enumeration", bound=IntEnum)


def size(argument: str, value: Any) -> int:
    """A number for a `size_t`. Raises what names the argument."""
    return whole(argument, _plain(value), 0, INT64)


def sizes(argument: str, values: Sequence[Any]) -> Array[c_size_t]:
    """Numbers as an array of `size_t`."""
    return (c_size_t * len(values))(*(size(argument, value) for value in values))


def device_number(argument: str, value: Any) -> int:
    """Which device of its kind, for an `int`."""
    return whole(argument, _plain(value), 0, INT32)


def real(argument: str, value: Any) -> float:
    """A number for a `float`."""
    return martlets_real(argument, _plain(value))


def member(argument: str, kind: type[Enumeration], value: Any) -> Enumeration:
    """A value of an enumeration, also by its number."""
    plain = _plain(value)
    try:
        if isinstance(plain, bool):
            raise TypeError
        return kind(operator.index(plain))
    except TypeError:
        raise TypeError(f"{argument}: one of {kind.__name__} is wanted, not {value!r}") from None
    except ValueError:
        raise InvalidArgumentError(f"{argument}: {plain} is none of {kind.__name__}") from None


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, ctypes._SimpleCData) else value
