"""Checks of arguments that ctypes would wrap, cut or refuse without naming them.

A wrong type raises TypeError, a value that cannot be `InvalidArgumentError`; both texts begin with the argument's name.
"""

from __future__ import annotations

import math
import operator
from ctypes import Array, c_float, c_int32
from typing import Any, Iterable, Sequence

from .errors import InvalidArgumentError

__all__ = ["INT32", "INT64", "c_text", "elements", "flag", "real", "text", "token_array", "whole"]

INT32, INT64 = 1 << 31, 1 << 63


def whole(argument: str, value: Any, least: int, end: int) -> int:
    """A whole number from `least` to before `end`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{argument}: a whole number is wanted, not {value!r}") from None
    if not least <= number < end:
        raise InvalidArgumentError(f"{argument}: {number} is not between {least} and {end - 1}")
    return number


def real(argument: str, value: Any) -> float:
    """A number with a fraction that a C `float` can hold: infinities and NaN too, which only the callee can judge."""
    try:
        if isinstance(value, (str, bytes, bool)):  # which float would read
            raise TypeError
        number = float(value)
    except OverflowError:
        number = math.nan
    except (TypeError, ValueError):
        raise TypeError(f"{argument}: a number is wanted, not {value!r}") from None
    else:
        if math.isinf(number) or not math.isinf(c_float(number).value):
            return number
    raise InvalidArgumentError(f"{argument}: the number is too large, at most 3.4e38 is possible")


def flag(argument: str, value: Any) -> bool:
    """True or False, and nothing that merely counts as one of them."""
    if not isinstance(value, bool):
        raise TypeError(f"{argument}: True or False is wanted, not {value!r}")
    return value


def text(argument: str, value: Any) -> bytes:
    """A text in UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{argument}: a text is wanted, not {value!r}")
    return value.encode("utf-8", "replace")


def c_text(argument: str, value: Any) -> bytes:
    """A text that ends with a zero byte, and so can hold none. Names of files need not be UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{argument}: a text is wanted, not {value!r}")
    content = value.encode("utf-8", "surrogateescape")
    if b"\0" in content:
        raise InvalidArgumentError(f"{argument}: {value!r} holds a zero character")
    return content


def elements(argument: str, values: Any) -> Sequence[Any]:
    """A list of things."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{argument}: a list is wanted, not {values!r}")
    return values if isinstance(values, (list, tuple)) else list(values)


def token_array(argument: str, tokens: Any) -> Array[c_int32]:
    """An array of `int32_t` with tokens' ids."""
    numbers = elements(argument, tokens)
    try:
        if not numbers or (bool not in map(type, numbers) and 0 <= min(numbers) <= max(numbers) < INT32):
            return (c_int32 * len(numbers))(*numbers)
    except (TypeError, ValueError):
        pass  # the loop below says what and where
    for place, token in enumerate(numbers):
        if not 0 <= whole(f"{argument} at place {place}", token, -INT64, INT64) < INT32:
            raise InvalidArgumentError(f"{argument}: {token} at place {place} is not a token's id")
    return (c_int32 * len(numbers))(*(operator.index(number) for number in numbers))
