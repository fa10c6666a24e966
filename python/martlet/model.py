"""Models: loading one, and everything that it does."""

from __future__ import annotations

import ctypes
import os
import weakref
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_float, c_size_t, c_void_p
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, NoReturn, Optional, Sequence, Union

from ._checks import INT32, INT64, c_text, elements, flag, real, text, token_array, whole
from ._library import LIBRARY, release, taken_tokens
from ._structures import LogitBias, ModelInfo, ModelOptions, PerplexityResult, Progress, Request
from .devices import FAMILIES, spelled
from .errors import CancelledError, InvalidArgumentError
from .generation import Generation
from .tokenizer import Messages, Tokenizer, messages_json, tools_json

if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    class SamplingOptions(TypedDict, total=False):
        """The fields of `Sampling`, as checkers of types want them for `**options`."""

        max_tokens: Optional[int]
        temperature: float
        top_k: int
        top_p: float
        min_p: float
        repetition_penalty: float
        presence_penalty: float
        frequency_penalty: float
        seed: Optional[int]
        stop: Union[str, Sequence[str]]
        logprobs: Optional[int]
        logit_bias: Optional[Mapping[int, float]]
        ignore_end: bool


__all__ = ["Model", "Perplexity", "Sampling"]

_MOST_SAMPLES = 1 << 16
_NAMES_IN_C = {
    "options->cache": "kv",
    "options->context_length": "context",
    "options->": "",
    "request->": "",
}


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen, and when to end. The defaults take the most probable token until the model ends the text."""

    #: The most tokens to generate; None goes on until the model ends or the context is full.
    max_tokens: Optional[int] = None
    #: Divides the logits; 0 takes the most probable token.
    temperature: float = 0.0
    #: Keeps the highest logits only; 0 keeps all.
    top_k: int = 0
    #: Keeps the most probable tokens up to this sum of probabilities; 1 keeps all.
    top_p: float = 1.0
    #: Keeps tokens at least this many times as probable as the best one; 0 keeps all.
    min_p: float = 0.0
    #: Divides positive and multiplies negative logits of tokens seen before; 1 is off.
    repetition_penalty: float = 1.0
    #: Is subtracted once from the logit of each token that was generated before.
    presence_penalty: float = 0.0
    #: Is subtracted for each time that a token was generated before.
    frequency_penalty: float = 0.0
    #: Of the random choices: the same seed gives the same text whatever else is computed at the time. None draws one.
    seed: Optional[int] = None
    #: A text or texts that end the generation and are not part of it.
    stop: Union[str, Sequence[str]] = ()
    #: How many of the most probable tokens to report beside the chosen one, up to 100; None for no log-probabilities.
    logprobs: Optional[int] = None
    #: Numbers added to the logits of single tokens; `-math.inf` forbids one.
    logit_bias: Optional[Mapping[int, float]] = None
    #: Whether to go on past the tokens with which the model ends a text.
    ignore_end: bool = False


@dataclass(frozen=True)
class Perplexity:
    """How well a model predicts a text."""

    #: exp of the mean negative log-likelihood.
    perplexity: float
    #: Tokens that were scored.
    tokens: int
    #: Chunks that were read.
    chunks: int


class Model:
    """A language model, loaded and ready.

    `Model.load` makes one. Any number of generations may run at once, from any threads; they are computed together, and each
    gets the same tokens as alone: on a processor always, on a GPU to the last bit with `deterministic`. The memory is given back by `close()`, at the end of a `with` block, or with the object.
    """

    def __init__(self, name: str, handle: c_void_p) -> None:
        self._handle = handle.value
        self._free = weakref.finalize(self, release, "martlet_model_free", self._handle)
        self._info = ModelInfo(struct_size=ctypes.sizeof(ModelInfo))
        LIBRARY.martlet_model_describe(self._handle, byref(self._info))
        #: What the model was loaded by.
        self.name = name

    def __reduce__(self) -> NoReturn:
        raise TypeError("a model cannot be copied or pickled: threads share one, and other processes load their own")

    @classmethod
    def load(
        cls,
        name: Union[str, os.PathLike[str]],
        *,
        device: Optional[str] = None,
        compute: str = "auto",
        kv: str = "auto",
        threads: Optional[int] = None,
        context: Optional[int] = None,
        deterministic: bool = False,
        progress: Optional[Callable[[float], Optional[bool]]] = None,
    ) -> Model:
        """Loads a model.

        - `name`: a `.gguf` file, a folder with `config.json` and safetensors, a name in the local Hugging Face cache
          (`owner/name`), or a short name (`smollm2`).
        - `device`: `cpu`, `cuda`, `cuda:1`, `metax:0`; a named device is a demand. None takes the first GPU that works,
          else the processor.
        - `compute`: the types to calculate in: `auto` (the weights' own), `f32`, `f16`, `bf16`.
        - `kv`: the type of keys and values in the cache: `auto`, `f32`, `f16`, `bf16`, `q8_0`.
        - `threads`: of the processor; None is every core that the process may run on.
        - `context`: the most tokens of one sequence, prompt and output together; None takes what the model was trained for,
          at most 8192.
        - `deterministic`: whether a GPU too gives a generation the same bits whatever else it computes at the time, which makes
          many generations together slower; a processor always does.
        - `progress`: called with the share done, 0 to 1; returning False ends the loading with `CancelledError`, and an
          exception that it raises comes out of `load`.
        """
        options = ModelOptions()
        LIBRARY.martlet_model_options_init(byref(options), ctypes.sizeof(ModelOptions))
        options.device = None if device is None else c_text("device", spelled(device))
        options.compute, options.cache = c_text("compute", compute), c_text("kv", kv)
        options.threads = whole("threads", 0 if threads is None else threads, 0 if threads is None else 1, INT32)
        options.context_length = whole("context", 0 if context is None else context, 0 if context is None else 1, INT64)
        options.deterministic = flag("deterministic", deterministic)
        raised: list[BaseException] = []
        if progress is not None:
            tell = progress

            def called(share: float, _: Any) -> bool:
                try:
                    return tell(share) is not False
                except BaseException as error:
                    raised.append(error)
                    return False

            options.progress = Progress(called)
        path, handle = os.fspath(name), c_void_p()
        try:
            with _named_as_here():
                LIBRARY.martlet_model_load(c_text("name", path), byref(options), byref(handle))
        except CancelledError:
            if raised:
                raise raised[0] from None
            raise
        return cls(path, handle)

    # --- What it is --------------------------------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """Where the model runs: `cpu`, `cuda:0`."""
        family = FAMILIES[self._info.device_type]
        return family if family == "cpu" else f"{family}:{self._info.device_index}"

    @property
    def context_length(self) -> int:
        """The most tokens of one sequence, prompt and output together."""
        return int(self._info.context_length)

    @property
    def vocabulary_size(self) -> int:
        """Token ids are below this."""
        return int(self._info.vocabulary_size)

    @property
    def end_tokens(self) -> list[int]:
        """The tokens with which the model ends a text."""
        tokens, count = c_void_p(), c_size_t()
        LIBRARY.martlet_model_end_tokens(self._handle, byref(tokens), byref(count))
        return taken_tokens(tokens, count)

    @property
    def tokenizer(self) -> Optional[Tokenizer]:
        """The vocabulary and chat template; None for a model without one, which takes and gives token ids only."""
        return Tokenizer(self) if self._info.has_tokenizer else None

    # --- Generating --------------------------------------------------------------------------------------------------

    def generate(
        self, prompt: Union[str, Sequence[int]], sampling: Optional[Sampling] = None, **options: Unpack[SamplingOptions]
    ) -> Generation:
        """Continues a text or token ids; the generation runs at once.

        A text gets the begin-of-text token where the model wants it. `options` are the fields of `Sampling`, and win over
        those of `sampling`.
        """
        return self._start(_Request(prompt=prompt, sampling=_sampling(sampling, options)))

    def chat(
        self,
        messages: Messages,
        sampling: Optional[Sampling] = None,
        *,
        tools: Optional[Sequence[Mapping[str, Any]]] = None,
        **options: Unpack[SamplingOptions],
    ) -> Generation:
        """Answers a conversation through the model's chat template; the generation runs at once.

        `messages` is what a user says, or turns with `role` and `content`; `tools` are functions' JSON schemas. What earlier
        turns have in common with the conversation is taken from the cache. `options` are the fields of `Sampling`.
        """
        return self._start(_Request(messages=messages, tools=tools, sampling=_sampling(sampling, options)))

    def samples(
        self,
        prompt: Union[str, Sequence[int]],
        count: int,
        sampling: Optional[Sampling] = None,
        **options: Unpack[SamplingOptions],
    ) -> list[Generation]:
        """So many generations of one prompt, which is computed once. With a seed, number `n` (from 0) has `seed + n`."""
        request = _Request(prompt=prompt, sampling=_sampling(sampling, options))
        handles = (c_void_p * whole("count", count, 0, _MOST_SAMPLES + 1))()
        with _named_as_here():
            LIBRARY.martlet_generation_start_samples(self._handle, byref(request.structure), len(handles), handles)
        return [Generation(c_void_p(handle)) for handle in handles]

    def _start(self, request: _Request) -> Generation:
        handle = c_void_p()
        with _named_as_here():
            LIBRARY.martlet_generation_start(self._handle, byref(request.structure), byref(handle))
        return Generation(handle)

    # --- Scoring -----------------------------------------------------------------------------------------------------

    def log_probabilities(self, tokens: Sequence[int]) -> list[float]:
        """The natural logarithm of each token's probability after the ones before it; the first, which nothing comes before, is NaN."""
        array = token_array("tokens", tokens)
        scores = (c_float * len(array))()
        LIBRARY.martlet_log_probabilities(self._handle, array, len(array), scores)
        return list(scores)

    def perplexity(self, tokens: Sequence[int], context: int = 512) -> Perplexity:
        """The perplexity of token ids by `llama-perplexity`'s protocol: chunks of `context` tokens, each scored on its second half."""
        array, result = token_array("tokens", tokens), PerplexityResult()
        LIBRARY.martlet_perplexity(self._handle, array, len(array), whole("context", context, 1, INT64), byref(result))
        return Perplexity(result.perplexity, result.tokens, result.chunks)

    # --- Ending ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Gives the model's memory back once its generations have ended. Using the model again raises `InvalidHandleError`."""
        self._free()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<martlet.Model {self.name} on {self.device}>"


class _Request:
    """A `martlet_request` with everything that it points to."""

    def __init__(
        self,
        sampling: Sampling,
        prompt: Union[str, Sequence[int], None] = None,
        messages: Optional[Messages] = None,
        tools: Optional[Sequence[Mapping[str, Any]]] = None,
    ) -> None:
        self.structure = request = Request()
        LIBRARY.martlet_request_init(byref(request), ctypes.sizeof(Request))
        if isinstance(prompt, str):
            request.text = content = text("prompt", prompt)
            request.text_length = len(content)
        elif prompt is not None:
            tokens = token_array("prompt", prompt)
            request.tokens, request.token_count = tokens, len(tokens)
        if messages is not None:
            request.messages = messages_json(messages)
        if tools is not None:
            request.tools = tools_json(tools)
        if sampling.max_tokens is not None:
            request.max_tokens = whole("max_tokens", sampling.max_tokens, 1, INT64)
        request.top_k = whole("top_k", sampling.top_k, 0, INT32)
        for name in ("temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"):
            setattr(request, name, real(name, getattr(sampling, name)))
        if sampling.seed is not None:
            request.has_seed, request.seed = True, whole("seed", sampling.seed, 0, 1 << 64)
        if sampling.logprobs is not None:
            request.logprobs = whole("logprobs", sampling.logprobs, 0, 101)
        request.ignore_end = flag("ignore_end", sampling.ignore_end)
        stops = [sampling.stop] if isinstance(sampling.stop, str) else elements("stop", sampling.stop)
        if stops:
            texts = [c_text(f"stop at place {place}", stop) for place, stop in enumerate(stops)]
            if b"" in texts:
                raise InvalidArgumentError(f"stop at place {texts.index(b'')}: an empty text would end every generation")
            request.stop = (c_char_p * len(stops))(*texts)
            request.stop_count = len(stops)
        if sampling.logit_bias is not None and not isinstance(sampling.logit_bias, Mapping):
            raise TypeError(f"logit_bias: a mapping of tokens to numbers is wanted, not {sampling.logit_bias!r}")
        if sampling.logit_bias:
            biases = sampling.logit_bias.items()
            request.logit_bias = (LogitBias * len(biases))(
                *(LogitBias(token_array("logit_bias", [token])[0], real("logit_bias", bias)) for token, bias in biases)
            )
            request.logit_bias_count = len(biases)


@contextmanager
def _named_as_here() -> Iterator[None]:
    """Names arguments in errors as they are named here: `options->cache` of the C interface is `kv`."""
    try:
        yield
    except InvalidArgumentError as error:
        words = str(error)
        for theirs, ours in _NAMES_IN_C.items():
            words = words.replace(theirs, ours)
        raise InvalidArgumentError(words) from None


def _sampling(sampling: Optional[Sampling], options: Mapping[str, Any]) -> Sampling:
    known = Sampling.__dataclass_fields__
    for name in options:
        if name not in known:
            raise InvalidArgumentError(f"{name}: no such option; there are {', '.join(known)}")
    if sampling is None:
        return Sampling(**options)
    return Sampling(**{**sampling.__dict__, **options})
