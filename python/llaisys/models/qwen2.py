"""LLAISYS's model class over Martlet's loader and engine."""

from __future__ import annotations

import os
from typing import Optional, Sequence, Union

import martlet

from ..libllaisys import DeviceType

__all__ = ["Qwen2"]

_DEVICES = {DeviceType.CPU: "cpu", DeviceType.NVIDIA: "cuda", DeviceType.METAX: "metax"}


class Qwen2:
    """A model of the Qwen2 family from a folder with `config.json` and safetensors, in the types that it was saved in.

    Other families that Martlet knows work too: the name is LLAISYS's.
    """

    def __init__(self, model_path: Union[str, os.PathLike[str]], device: DeviceType = DeviceType.CPU) -> None:
        self._model = martlet.Model.load(os.fspath(model_path), device=_DEVICES[DeviceType(device)])
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
        tokens = [int(token) for token in inputs]
        request = martlet.Sampling(
            max_tokens=max_new_tokens,
            temperature=0.0 if top_k == 1 else temperature,
            top_k=0 if top_k == 1 else top_k,
            top_p=1.0 if top_k == 1 else top_p,
            ignore_end=True,  # the end-of-text token belongs to the result, which it would not be part of otherwise
        )
        with self._model.generate(tokens, request) as generation:
            for piece in generation:
                if piece.token is not None:
                    tokens.append(piece.token)
                    if piece.token in self._end_tokens:
                        break
        return tokens
