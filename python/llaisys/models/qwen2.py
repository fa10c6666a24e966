"""LLAISYS's model class over Martlet's loader and engine."""

from __future__ import annotations

import os
from typing import Optional, Sequence, Union

import martlet
from martlet._checks import INT32, INT64, token_array, whole

from ..libllaisys import DeviceType
from ..libllaisys.checks import member, real

__all__ = ["Qwen2"]

_DEVICES = {DeviceType.CPU: "cpu", DeviceType.NVIDIA: "cuda", DeviceType.METAX: "metax"}


class Qwen2:
    """A model of the Qwen2 family from a folder with `config.json` and safetensors, in the types that it was saved in.

    Other families that Martlet knows work too: the name is LLAISYS's.
    """

    def __init__(self, model_path: Union[str, os.PathLike[str]], device: DeviceType = DeviceType.CPU) -> None:
        kind = member("device", DeviceType, device)
        if kind not in _DEVICES:
            raise martlet.InvalidArgumentError(f"device: {kind.name} is no kind of device")
        self._model = martlet.Model.load(os.fspath(model_path), device=_DEVICES[kind])
        self._end_tokens = frozenset(self._model.end_tokens)

    def generate(
        self,
        inputs: Sequence[int],
        max_new_tokens: Optional[int] = None,
        top_k: int = 1,
        top_p: float = 0.8,
        temperature: float = 0.8,
    ) -> list[int]:
        """The tokens of `inputs` and those that continue them, with the one that ended the text, as in transformers.

        With `top_k=1` the most probable token is taken; else tokens are drawn. Without `max_new_tokens` it goes on until the
        model ends the text or the context is full.
        """
        tokens = list(token_array("inputs", inputs))
        if not tokens:
            raise martlet.InvalidArgumentError("inputs: at least one token is needed")
        most = None if max_new_tokens is None else whole("max_new_tokens", max_new_tokens, 1, INT64)
        likeliest = whole("top_k", top_k, 0, INT32) == 1
        request = martlet.Sampling(
            max_tokens=most,
            temperature=0.0 if likeliest else real("temperature", temperature),
            top_k=0 if likeliest else top_k,
            top_p=1.0 if likeliest else real("top_p", top_p),
            ignore_end=True,  # the end-of-text token belongs to the result, which it would not be part of otherwise
        )
        with self._model.generate(tokens, request) as generation:
            for piece in generation:
                if piece.token is not None:
                    tokens.append(piece.token)
                    if piece.token in self._end_tokens:
                        break
        return tokens
