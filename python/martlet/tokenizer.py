"""Text to tokens and back, and conversations to the text that a model continues."""

from __future__ import annotations

import json
from ctypes import byref, c_int32, c_size_t, c_void_p
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Union

from ._checks import elements, flag, token_array
from ._checks import text as utf8
from ._library import LIBRARY, taken_bytes, taken_tokens
from .errors import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from .model import Model

__all__ = ["Messages", "Tokenizer"]

#: A conversation: what a user says, or turns with `role`, `content` and whatever else the model's template knows.
Messages = Union[str, Sequence[Mapping[str, Any]]]


def messages_json(messages: Messages) -> bytes:
    """A conversation as the library reads it."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return json_bytes("messages", [_turn(message) for message in elements("messages", messages)])


def _turn(message: Any) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise TypeError(f"messages: a turn is a mapping with role and content, not {message!r}")
    return dict(message)


def tools_json(tools: Sequence[Mapping[str, Any]]) -> bytes:
    """Functions' schemas as the library reads them."""
    functions = elements("tools", tools)
    for place, function in enumerate(functions):
        if not isinstance(function, Mapping):
            raise TypeError(f"tools at place {place}: a mapping with a function's schema is wanted, not {function!r}")
    return json_bytes("tools", [dict(function) for function in functions])


def json_bytes(argument: str, value: Any) -> bytes:
    """JSON in UTF-8. Raises `InvalidArgumentError` for what JSON has no words for."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{argument}: {error}") from None
    except RecursionError:
        raise InvalidArgumentError(f"{argument}: lists and mappings are nested too deeply") from None


class Tokenizer:
    """A model's vocabulary and chat template: `Model.tokenizer`."""

    def __init__(self, model: Model) -> None:
        info = model._info
        self._model = model
        #: The token that begins a text, or None.
        self.begin_token: Optional[int] = _present(info.begin_token)
        #: The token that ends a text, or None.
        self.end_token: Optional[int] = _present(info.end_token)
        #: The token that fills up, or None.
        self.padding_token: Optional[int] = _present(info.padding_token)
        #: The token for what the vocabulary cannot spell, or None.
        self.unknown_token: Optional[int] = _present(info.unknown_token)
        #: Whether conversations can be rendered.
        self.has_chat_template: bool = bool(info.has_chat_template)

    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """The tokens of a text.

        `add_special` puts the begin-of-text and end-of-text tokens where the model wants them. `parse_special` reads control
        tokens such as `<|im_start|>` where their text stands: on for what `render` made, off for what a user wrote.
        """
        content = utf8("text", text)
        tokens, count = c_void_p(), c_size_t()
        LIBRARY.martlet_tokenize(
            self._model._handle,
            content,
            len(content),
            flag("add_special", add_special),
            flag("parse_special", parse_special),
            byref(tokens),
            byref(count),
        )
        return taken_tokens(tokens, count)

    def decode(self, tokens: Sequence[int], *, skip_special: bool = False) -> str:
        """The text of tokens; `skip_special` leaves control and unknown tokens out. What is not UTF-8 becomes U+FFFD."""
        text, length = c_void_p(), c_size_t()
        array = token_array("tokens", tokens)
        skip = flag("skip_special", skip_special)
        LIBRARY.martlet_detokenize(self._model._handle, array, len(array), skip, byref(text), byref(length))
        return taken_bytes(text, length).decode("utf-8", "replace")

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token, which need not be whole characters."""
        text, length = c_void_p(), c_size_t()
        LIBRARY.martlet_token_text(self._model._handle, token_array("token", [token])[0], byref(text), byref(length))
        return taken_bytes(text, length)

    def token_id(self, text: str) -> Optional[int]:
        """The token that is spelled so, a control token by its name; None if no single token is."""
        content, token = utf8("text", text), c_int32()
        try:
            LIBRARY.martlet_token_id(self._model._handle, content, len(content), byref(token))
        except NotFoundError:
            return None
        return token.value

    def render(
        self,
        messages: Messages,
        *,
        tools: Optional[Sequence[Mapping[str, Any]]] = None,
        add_generation_prompt: bool = True,
    ) -> str:
        """The text that the model continues for a conversation, written by its chat template.

        `tools` are functions' JSON schemas; `add_generation_prompt` ends with the words that begin an answer.
        """
        text, length = c_void_p(), c_size_t()
        functions = None if tools is None else tools_json(tools)
        LIBRARY.martlet_render(
            self._model._handle,
            messages_json(messages),
            functions,
            flag("add_generation_prompt", add_generation_prompt),
            byref(text),
            byref(length),
        )
        return taken_bytes(text, length).decode("utf-8", "replace")


def _present(token: int) -> Optional[int]:
    return token if token >= 0 else None
