"""Finds `libmartlet.so`, loads it and calls it: the one place that knows the C interface's functions."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

from . import _forks as forks
from ._structures import (
    Event,
    Memory,
    ModelInfo,
    ModelOptions,
    PerplexityResult,
    Request,
    TensorInfo,
)
from .errors import MartletError, error_for

NAME = "libmartlet.so"
_HERE = Path(__file__).resolve().parent


def library_path() -> Path:
    """The library to load: MARTLET_LIBRARY, else the one in this package, else the one that a checkout has built.

    Raises ImportError that says where it was looked for.
    """
    named = os.environ.get("MARTLET_LIBRARY")
    if named:
        if not Path(named).is_file():
            raise ImportError(f"MARTLET_LIBRARY names {named}, which is not a file")
        return Path(named)
    places = [_HERE / NAME, _HERE.parent.parent / ".build" / "release" / NAME]
    for place in places:
        if place.is_file():
            return place
    looked = " and ".join(str(place) for place in places)
    raise ImportError(
        f"{NAME} is not there (looked for {looked}): install the wheel, build it with scripts/build.sh, or set "
        "MARTLET_LIBRARY"
    )


_HANDLE, _OUT = c_void_p, POINTER(c_void_p)
_TOKENS = POINTER(c_int32)

# Every function but those below: its parameters. All return a status.
SIGNATURES: dict[str, list[Any]] = {
    "martlet_devices": [_OUT, POINTER(c_size_t)],
    "martlet_device_count": [c_int, POINTER(c_int32)],
    "martlet_set_operator_threads": [c_int32],
    "martlet_model_options_init": [POINTER(ModelOptions), c_size_t],
    "martlet_model_load": [c_char_p, POINTER(ModelOptions), _OUT],
    "martlet_model_free": [_HANDLE],
    "martlet_model_describe": [_HANDLE, POINTER(ModelInfo)],
    "martlet_model_end_tokens": [_HANDLE, _OUT, POINTER(c_size_t)],
    "martlet_tokenize": [_HANDLE, c_char_p, c_size_t, c_bool, c_bool, _OUT, POINTER(c_size_t)],
    "martlet_detokenize": [_HANDLE, _TOKENS, c_size_t, c_bool, _OUT, POINTER(c_size_t)],
    "martlet_token_text": [_HANDLE, c_int32, _OUT, POINTER(c_size_t)],
    "martlet_token_id": [_HANDLE, c_char_p, c_size_t, POINTER(c_int32)],
    "martlet_render": [_HANDLE, c_char_p, c_char_p, c_bool, _OUT, POINTER(c_size_t)],
    "martlet_request_init": [POINTER(Request), c_size_t],
    "martlet_generation_start": [_HANDLE, POINTER(Request), _OUT],
    "martlet_generation_start_samples": [_HANDLE, POINTER(Request), c_size_t, _OUT],
    "martlet_generation_next": [_HANDLE, POINTER(Event)],
    "martlet_generation_cancel": [_HANDLE],
    "martlet_generation_free": [_HANDLE],
    "martlet_perplexity": [_HANDLE, _TOKENS, c_size_t, c_int64, POINTER(PerplexityResult)],
    "martlet_log_probabilities": [_HANDLE, _TOKENS, c_size_t, POINTER(c_float)],
    "martlet_tensor_create": [POINTER(c_int64), c_size_t, c_int, c_int, c_int32, _OUT],
    "martlet_tensor_borrow": [POINTER(Memory), _OUT],
    "martlet_tensor_free": [_HANDLE],
    "martlet_tensor_describe": [_HANDLE, POINTER(TensorInfo)],
    "martlet_tensor_view": [_HANDLE, POINTER(c_int64), c_size_t, _OUT],
    "martlet_tensor_permute": [_HANDLE, POINTER(c_size_t), c_size_t, _OUT],
    "martlet_tensor_slice": [_HANDLE, c_size_t, c_int64, c_int64, _OUT],
    "martlet_tensor_contiguous": [_HANDLE, _OUT],
    "martlet_tensor_copy": [_HANDLE, c_int, c_int32, _OUT],
    "martlet_tensor_load": [_HANDLE, c_void_p, c_size_t],
    "martlet_tensor_read": [_HANDLE, c_void_p, c_size_t],
    "martlet_add": [_HANDLE] * 3,
    "martlet_argmax": [_HANDLE] * 3,
    "martlet_embedding": [_HANDLE] * 3,
    "martlet_linear": [_HANDLE] * 4,
    "martlet_rearrange": [_HANDLE] * 2,
    "martlet_rms_norm": [_HANDLE] * 3 + [c_float],
    "martlet_rope": [_HANDLE] * 3 + [c_float],
    "martlet_self_attention": [_HANDLE] * 4 + [c_float],
    "martlet_swiglu": [_HANDLE] * 3,
    "martlet_add_rms_norm": [_HANDLE] * 4 + [c_float],
    "martlet_convert": [_HANDLE] * 2,
}

# Of these, those whose callers look at the status themselves: it says more than failures, or time counts.
_OPERATORS = "add add_rms_norm argmax convert embedding linear rearrange rms_norm rope self_attention swiglu".split()
UNCHECKED = {"martlet_generation_next", *(f"martlet_{name}" for name in _OPERATORS)}

# The functions that return something else than a status of their own: the result, then the parameters.
OTHERS: dict[str, tuple[Any, list[Any]]] = {
    "martlet_last_status": (c_int, []),
    "martlet_last_error": (c_char_p, []),
    "martlet_version": (c_char_p, []),
    "martlet_free": (None, [c_void_p]),
}


def last_error(status: int) -> MartletError:
    """The exception for what the last call on this thread returned."""
    return error_for(status, (LIBRARY.martlet_last_error() or b"").decode("utf-8", "replace"))


def check(status: int, function: Any = None, arguments: Any = None) -> int:
    """Raises what a status says; as `errcheck` of ctypes it sees every call's result."""
    forks.used()
    if status:
        raise last_error(status)
    return status


class _Functions:
    """The functions as attributes, which Python finds sooner than those of a `CDLL`."""

    def __init__(self, library: ctypes.CDLL) -> None:
        for name, parameters in SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = parameters, c_int
            if name not in UNCHECKED:
                function.errcheck = check
            setattr(self, name, function)
        for name, (result, parameters) in OTHERS.items():
            function = getattr(library, name)
            function.argtypes, function.restype = parameters, result
            setattr(self, name, function)


LIBRARY: Any = _Functions(ctypes.CDLL(str(library_path())))
forks.guard(LIBRARY, SIGNATURES, "_free")


def release(function: str, handle: Any) -> None:
    """Frees a handle; in a forked child, whose `LIBRARY` is closed, nothing happens."""
    getattr(LIBRARY, function)(handle)


def taken_bytes(address: c_void_p, length: c_size_t) -> bytes:
    """A text that the library made, copied and given back."""
    try:
        return ctypes.string_at(address, length.value)
    finally:
        LIBRARY.martlet_free(address)


def taken_tokens(address: c_void_p, count: c_size_t) -> list[int]:
    """A list of tokens that the library made, copied and given back."""
    try:
        return list(ctypes.cast(address, _TOKENS)[: count.value])
    finally:
        LIBRARY.martlet_free(address)


__all__ = ["LIBRARY", "check", "last_error", "library_path", "release", "taken_bytes", "taken_tokens"]
