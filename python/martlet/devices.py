"""The devices of this machine."""

from __future__ import annotations

import json
from ctypes import byref, c_int32, c_size_t, c_void_p
from dataclasses import dataclass
from typing import Optional

from ._checks import whole
from ._library import LIBRARY, taken_bytes
from .errors import DeviceUnavailableError, InvalidArgumentError

__all__ = ["Device", "devices", "require_device", "set_threads"]

# The families by the names that they go by, in the order of `martlet_device_type`.
FAMILIES = ("cpu", "cuda", "metax")
_ALIASES = {"nvidia": "cuda"}
_MOST_THREADS = 1024


@dataclass(frozen=True)
class Device:
    """A device, or why there is none of its family."""

    #: Its name: `cpu`, `cuda:0`, `metax:0`.
    name: str
    #: Whether it can be used.
    available: bool
    #: Why not.
    reason: Optional[str] = None


def devices() -> list[Device]:
    """The devices of this machine, and for families that it lacks the reason."""
    text, length = c_void_p(), c_size_t()
    LIBRARY.martlet_devices(byref(text), byref(length))
    return [
        Device(entry["device"], bool(entry["available"]), entry.get("reason"))
        for entry in json.loads(taken_bytes(text, length))
    ]


def parsed(name: str) -> tuple[int, int]:
    """The family and number of a device's name: `cpu`, `cuda`, `cuda:1`, `metax:0`; `nvidia` is `cuda`."""
    if not isinstance(name, str):
        raise TypeError(f"device: a name is wanted, not {name!r}")
    family, separator, digits = name.partition(":")
    family = _ALIASES.get(family, family)
    if family not in FAMILIES or (separator and not (digits.isascii() and digits.isdigit() and len(digits) < 6)):
        raise InvalidArgumentError(f"device: {name!r} is none of {', '.join(FAMILIES)} with a number, such as cuda:0")
    return FAMILIES.index(family), int(digits) if separator else 0


def spelled(name: str) -> str:
    """A device's name as the library knows it."""
    family, number = parsed(name)
    return FAMILIES[family] if number == 0 and ":" not in name else f"{FAMILIES[family]}:{number}"


def device_count(family: int) -> int:
    """How many devices of a family can be used."""
    number = c_int32()
    LIBRARY.martlet_device_count(family, byref(number))
    return number.value


def require_device(name: str) -> None:
    """Raises `DeviceUnavailableError` with the reason unless the device is there."""
    family, index = parsed(name)
    count = device_count(family)
    if index < count:
        return
    reasons = [d.reason for d in devices() if d.name.partition(":")[0] == FAMILIES[family] and d.reason]
    why = reasons[0] if reasons and count == 0 else f"there are {count} devices of this family"
    raise DeviceUnavailableError(f"device: {name} is not available: {why}")


def set_threads(count: int) -> None:
    """How many threads share the work of the operators on the processor; 0 is every core, as in the beginning.

    Models have threads of their own: see `Model.load`.
    """
    LIBRARY.martlet_set_operator_threads(whole("count", count, 0, _MOST_THREADS + 1))
