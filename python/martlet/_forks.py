"""Children of `os.fork`, which `multiprocessing` starts by default on Linux before Python 3.14.

A child has the memory of its parent but only the thread that forked. The library's other threads are gone, and whoever
waits for one waits for ever: so once the library has been used, every call in a child raises instead.
"""

from __future__ import annotations

import os
from typing import Any, Iterable, NoReturn

from .errors import MartletError

__all__ = ["guard", "require_usable", "used"]

_is_used = False
_is_closed = False


def used() -> None:
    """Notes that the library may have threads from now on."""
    global _is_used
    _is_used = True


def require_usable() -> None:
    """Raises `MartletError` in a child whose parent had used the library."""
    if _is_closed:
        _refuse()


def guard(library: object, functions: Iterable[str], *releasing: str) -> None:
    """Closes a library in children: its functions raise there, and those with names ending in `releasing` do nothing."""
    names = tuple(functions)

    def close() -> None:
        global _is_closed
        if _is_used:
            _is_closed = True
            for name in names:
                setattr(library, name, _nothing if name.endswith(releasing) else _refuse)

    os.register_at_fork(after_in_child=close)


def _refuse(*_: Any) -> NoReturn:
    raise MartletError(
        "Martlet was used before this process was forked, and its threads stayed in the parent: start processes with "
        "multiprocessing's methods 'spawn' or 'forkserver', or use Martlet in the children only"
    )


def _nothing(*_: Any) -> None:
    """What the parent still uses is not freed, and the child's copy of the memory goes with the child."""
