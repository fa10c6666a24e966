"""A running generation and what it brings."""

from __future__ import annotations

import asyncio
import ctypes
import threading
import weakref
from contextlib import contextmanager
from ctypes import byref, c_void_p
from dataclasses import dataclass, field
from typing import Any, AsyncIterator, Generator, Iterator, NoReturn, Optional

from ._forks import require_usable
from ._library import LIBRARY, last_error, release
from ._structures import Event
from .errors import MartletError

__all__ = ["Generation", "Piece", "Result", "Timing"]

_TOKEN, _FINISHED = 0, 2
_END = 11
_REASONS = ("stop", "length")


@dataclass(frozen=True)
class Piece:
    """A token and the text that can be shown since the piece before."""

    #: Whole characters; often empty, since a character can take several tokens.
    text: str
    #: The token's id; None for text that was held back until the end.
    token: Optional[int] = None
    #: The natural logarithm of the token's probability under the model's own distribution, if that was asked for.
    logprob: Optional[float] = None
    #: The most probable tokens with theirs, best first.
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Timing:
    """What a generation took, in seconds from its start."""

    #: Until something of the request was computed.
    queue_s: float
    #: Until the first token was there.
    first_token_s: float
    #: Until the end.
    total_s: float


@dataclass(frozen=True)
class Result:
    """What a generation brought."""

    #: The text, without the stop text that ended it.
    text: str
    #: The tokens, without the end-of-text token that ended them.
    tokens: list[int]
    #: `stop`: the model ended the text, or a stop text was met. `length`: `max_tokens` or the context was exhausted.
    finish_reason: str
    #: The tokens of the prompt, those that the cache had included.
    prompt_tokens: int
    #: The tokens of the prompt that were not computed because the cache had them.
    cached_tokens: int
    #: What it took.
    timing: Timing
    #: One for each token, if they were asked for.
    logprobs: list[float] = field(default_factory=list)
    #: The most probable tokens at each place, best first, if they were asked for.
    top: list[tuple[tuple[int, float], ...]] = field(default_factory=list)

    def __str__(self) -> str:
        return self.text


class Generation:
    """A generation, which runs from the moment it is made: iterate it for its pieces, or ask for its `result()`.

    All generations of a model that run at a time are computed together, and each gets the same tokens as alone.
    `for piece in generation` and `async for piece in generation` bring the pieces as they come; each loop begins with the
    first, and leaving one leaves the others alone. `await generation` and `generation.result()` wait for the end. Whoever
    loses interest calls `cancel()`, leaves a `with` block or drops the object; an asyncio task that is cancelled while it
    waits cancels its generation, unless somebody else reads it.
    """

    def __init__(self, handle: c_void_p) -> None:
        self._handle = handle.value
        self._pieces: list[Piece] = []
        self._result: Optional[Result] = None
        self._error: Optional[MartletError] = None
        self._lock = threading.Lock()
        self._readers = 0
        self._count = threading.Lock()
        self._free = weakref.finalize(self, release, "martlet_generation_free", self._handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a generation cannot be copied or pickled: any number of loops may read it, or keep its result()")

    # --- Waiting -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Piece]:
        with self._read():
            place = 0
            while (piece := self._piece(place)) is not None:
                yield piece
                place += 1

    def result(self) -> Result:
        """Waits for the end. Raises what went wrong, `CancelledError` after `cancel()`."""
        with self._read():
            place = len(self._pieces)
            while self._piece(place) is not None:
                place += 1
        assert self._result is not None
        return self._result

    @property
    def text(self) -> str:
        """The whole text, once it is there."""
        return self.result().text

    @property
    def tokens(self) -> list[int]:
        """All tokens, once they are there."""
        return self.result().tokens

    def __str__(self) -> str:
        return self.text

    @contextmanager
    def _read(self) -> Iterator[None]:
        """Counts one who reads."""
        with self._count:
            self._readers += 1
        try:
            yield
        finally:
            with self._count:
                self._readers -= 1

    def _piece(self, place: int) -> Optional[Piece]:
        """The piece at a place, waiting for it if need be; None behind the last."""
        while place >= len(self._pieces):
            if self._result is None:
                require_usable()  # in a forked child even the lock may be held for ever
            with self._lock:
                if place < len(self._pieces):
                    break
                if self._error is not None:
                    # A new one each time: a traceback grows with every raise.
                    raise type(self._error)(*self._error.args)
                if self._result is not None:
                    return None
                self._take()
        return self._pieces[place]

    def _take(self) -> None:
        """Takes one event, and keeps what it tells."""
        event = Event(struct_size=ctypes.sizeof(Event))
        status = LIBRARY.martlet_generation_next(self._handle, byref(event))
        if status:
            self._error = last_error(status)
            raise type(self._error)(*self._error.args)
        if event.kind == _FINISHED:
            self._result = self._finished(event)
        if event.kind != _FINISHED or event.text_length:
            text = ctypes.string_at(event.text, event.text_length).decode("utf-8", "replace")
            top = (
                tuple((entry.token, entry.logprob) for entry in event.top[: event.top_count]) if event.top_count else ()
            )
            token = event.token if event.kind == _TOKEN else None
            self._pieces.append(Piece(text, token, event.logprob if event.has_logprob else None, top))

    def _finished(self, event: Event) -> Result:
        chosen = [piece for piece in self._pieces if piece.token is not None]
        return Result(
            text="".join(piece.text for piece in self._pieces),
            tokens=[piece.token for piece in chosen if piece.token is not None],
            finish_reason=_REASONS[event.finish_reason],
            prompt_tokens=event.prompt_tokens,
            cached_tokens=event.cached_tokens,
            timing=Timing(event.queue_seconds, event.first_token_seconds, event.total_seconds),
            logprobs=[piece.logprob for piece in chosen if piece.logprob is not None],
            top=[piece.top for piece in chosen if piece.logprob is not None],
        )

    # --- Ending early ------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Ends the generation, from any thread; one that waits for its next piece gets `CancelledError`."""
        if self._free.alive:
            LIBRARY.martlet_generation_cancel(self._handle)

    def __enter__(self) -> Generation:
        return self

    def __exit__(self, *_: object) -> None:
        if self._result is None:
            self.cancel()

    # --- asyncio -----------------------------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[Piece]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Any] = asyncio.Queue()
        left = threading.Event()

        def post(entry: Any) -> None:
            try:
                loop.call_soon_threadsafe(queue.put_nowait, entry)
            except RuntimeError:  # the loop was closed, so that nobody waits any more
                left.set()

        def pump() -> None:
            place = 0
            try:
                while not left.is_set() and (piece := self._piece(place)) is not None:
                    post(piece)
                    place += 1
                post(None)
            except BaseException as error:
                post(error)

        with self._read():
            threading.Thread(target=pump, name="martlet-generation", daemon=True).start()
            try:
                while (entry := await queue.get()) is not None:
                    if isinstance(entry, BaseException):
                        raise entry
                    yield entry
            except asyncio.CancelledError:
                if self._readers == 1:
                    self.cancel()
                raise
            finally:
                left.set()

    def __await__(self) -> Generator[Any, None, Result]:
        return self._awaited().__await__()

    async def _awaited(self) -> Result:
        async for _ in self:
            pass
        return self.result()
