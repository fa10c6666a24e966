"""What goes wrong, by kind. Every exception is a `MartletError` and, where Python has a word for it, that too."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CancelledError",
    "DeviceUnavailableError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidHandleError",
    "InvalidRequestError",
    "MalformedFileError",
    "MartletError",
    "NotFoundError",
    "OutputFailedError",
    "UnsupportedModelError",
]


class MartletError(Exception):
    """The base of all: its text names the thing, what was found, what was expected, and what to do."""

    #: The status of the C interface, `martlet_status`.
    status: ClassVar[int] = 8


class InvalidArgumentError(MartletError, ValueError):
    """A name, option, shape, type or value that makes no sense; the text names the argument."""

    status = 1


class MalformedFileError(MartletError, ValueError):
    """A file that breaks its format's rules."""

    status = 2


class UnsupportedModelError(MartletError, NotImplementedError):
    """A model that needs what Martlet does not do."""

    status = 3


class NotFoundError(MartletError, FileNotFoundError):
    """A file or model that is not there."""

    status = 4


class DeviceUnavailableError(MartletError, RuntimeError):
    """A device that is not there, with the reason, or has no room."""

    status = 5


class InvalidRequestError(MartletError, ValueError):
    """A prompt that does not fit, or another request that this model cannot honour."""

    status = 6


class OutputFailedError(MartletError, OSError):
    """A file that cannot be written."""

    status = 7


class InternalError(MartletError, RuntimeError):
    """A mistake of Martlet's own."""

    status = 8


class InvalidHandleError(MartletError, ValueError):
    """Something that was closed is used again."""

    status = 9


class CancelledError(MartletError):
    """The generation was cancelled, or the progress function ended the loading."""

    status = 10


_BY_STATUS: dict[int, type[MartletError]] = {
    kind.status: kind
    for kind in (
        InvalidArgumentError,
        MalformedFileError,
        UnsupportedModelError,
        NotFoundError,
        DeviceUnavailableError,
        InvalidRequestError,
        OutputFailedError,
        InternalError,
        InvalidHandleError,
        CancelledError,
    )
}


def error_for(status: int, message: str) -> MartletError:
    """The exception for a status of the C interface."""
    kind = _BY_STATUS.get(status, InternalError)
    return kind(message or f"the library returned the status {status} without a word")
