"""Whole models through `martlet.Model`: text, tokens, streams, cancelling, scores."""

from __future__ import annotations

import copy
import gc
import json
import math
import pickle
import threading
import time

import pytest

import martlet
from martlet import Model, Sampling
from support.checkpoint import tiny

PROMPT = [1203, 1201, 87, 310, 32]


@pytest.fixture(scope="module")
def model():
    with Model.load(tiny(), device="cpu", threads=2) as model:
        yield model


@pytest.fixture(scope="module")
def tokenizers():
    return pytest.importorskip("transformers").AutoTokenizer.from_pretrained(tiny())


# --- Loading ---------------------------------------------------------------------------------------------------------


def test_what_a_model_is(model: Model):
    assert model.device == "cpu" and model.vocabulary_size == 1280 and model.context_length == 4096
    assert model.end_tokens == [1200]
    assert "cpu" in repr(model)


def test_progress_and_options():
    shares: list[float] = []
    with Model.load(tiny(), compute="f32", kv="f16", threads=1, context=100, progress=shares.append) as model:
        assert model.context_length == 100
    assert shares and shares == sorted(shares) and 0 <= shares[0] and shares[-1] <= 1
    with Model.load(tiny(), device="cpu", threads=1, deterministic=True) as model:
        assert model.generate([5, 6, 7], max_tokens=4).result().tokens


def test_loading_can_be_ended():
    with pytest.raises(martlet.CancelledError):
        Model.load(tiny(), progress=lambda share: False)

    def fail(share: float) -> None:
        raise KeyError("from the progress function")

    with pytest.raises(KeyError):
        Model.load(tiny(), progress=fail)


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("no/such/folder/anywhere", {}, martlet.MartletError, "no/such"),
        (None, {"device": "cuda:7"}, martlet.DeviceUnavailableError, "cuda"),
        (None, {"device": "abacus"}, martlet.InvalidArgumentError, "device.*abacus"),
        (None, {"compute": "f8"}, martlet.InvalidArgumentError, "f8"),
        (None, {"kv": "q2"}, martlet.InvalidArgumentError, "^kv.*q2"),
        (None, {"threads": 10**6}, martlet.InvalidArgumentError, "^threads"),
        (None, {"threads": 0}, martlet.InvalidArgumentError, "threads"),
        (None, {"context": -1}, martlet.InvalidArgumentError, "context"),
        (None, {"deterministic": 2}, TypeError, "deterministic"),
        ("a\0b", {}, martlet.InvalidArgumentError, "name"),
    ],
)
def test_what_cannot_be_loaded(name, options, error, words):
    with pytest.raises(error, match=words):
        Model.load(tiny() if name is None else name, **options)


def test_a_file_that_is_not_there_is_pythons_error_too(tmp_path):
    with pytest.raises(FileNotFoundError):
        Model.load(tmp_path / "nothing.gguf")


def test_a_broken_file(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF\x03\0\0\0" + b"\xff" * 64)
    with pytest.raises(martlet.MalformedFileError, match="broken.gguf"):
        Model.load(tmp_path / "broken.gguf")


def test_a_closed_model_is_an_error():
    model = Model.load(tiny())
    generation = model.generate(PROMPT, max_tokens=5)
    model.close()
    model.close()
    with pytest.raises(martlet.InvalidHandleError):
        model.generate(PROMPT)
    assert len(generation.result().tokens) == 5  # a generation keeps what it needs


# --- Text ------------------------------------------------------------------------------------------------------------


def test_tokenizer_is_that_of_transformers(model: Model, tokenizers):
    for text in ["Who are you?", "", "  two  spaces\n", "naïve 日本語 🙂", "<|EOT|> and <think>"]:
        assert model.tokenizer.encode(text, add_special=True, parse_special=True) == tokenizers.encode(text)
        assert model.tokenizer.encode(text, parse_special=True) == tokenizers.encode(text, add_special_tokens=False)
        ids = model.tokenizer.encode(text)
        assert model.tokenizer.decode(ids) == text
    assert model.tokenizer.decode([1203, 87], skip_special=True) == tokenizers.decode(
        [1203, 87], skip_special_tokens=True
    )


def test_control_tokens_of_users_are_text(model: Model):
    assert 1204 in model.tokenizer.encode("<|EOT|>", parse_special=True)
    assert 1204 not in model.tokenizer.encode("<|EOT|>")
    assert model.tokenizer.token_id("<|EOT|>") == 1204 and model.tokenizer.token_id("no such token") is None
    assert model.tokenizer.token_bytes(1204) == b"<|EOT|>"
    assert model.tokenizer.end_token == 1200


def test_rendering_is_that_of_transformers(model: Model, tokenizers):
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho"},
    ]
    for generation_prompt in (True, False):
        expected = tokenizers.apply_chat_template(messages, add_generation_prompt=generation_prompt, tokenize=False)
        assert model.tokenizer.render(messages, add_generation_prompt=generation_prompt) == expected
    assert model.tokenizer.render("Hi") == model.tokenizer.render([{"role": "user", "content": "Hi"}])


def test_mistakes_in_text(model: Model):
    with pytest.raises(martlet.InvalidArgumentError, match="tokens: -1 at place 1"):
        model.tokenizer.decode([1, -1])
    with pytest.raises(martlet.InvalidArgumentError):
        model.tokenizer.decode([1 << 40])
    with pytest.raises(ValueError, match="1280|token"):
        model.tokenizer.decode([1 << 30])
    with pytest.raises(martlet.InvalidArgumentError, match="messages"):
        model.tokenizer.render([{"role": "user", "content": object()}])


# --- Generating ------------------------------------------------------------------------------------------------------


def test_generating_and_streaming_agree(model: Model):
    result = model.generate(PROMPT, max_tokens=20).result()
    assert len(result.tokens) == 20 and result.finish_reason == "length" and result.prompt_tokens == 5
    assert result.text == model.tokenizer.decode(result.tokens)
    stream = model.generate(PROMPT, max_tokens=20)
    pieces = list(stream)
    assert "".join(piece.text for piece in pieces) == result.text
    assert [piece.token for piece in pieces if piece.token is not None] == result.tokens
    assert list(stream) == pieces and stream.text == str(stream) == result.text and stream.tokens == result.tokens
    assert 0 < result.timing.first_token_s <= result.timing.total_s


def test_text_and_conversations_are_prompts(model: Model):
    text = "Who are you?"
    ids = model.tokenizer.encode(text, add_special=True)
    assert model.generate(text, max_tokens=8).tokens == model.generate(ids, max_tokens=8).tokens
    rendered = model.tokenizer.encode(model.tokenizer.render(text), parse_special=True)
    answer = model.chat(text, max_tokens=8).result()
    assert answer.tokens == model.generate(rendered, max_tokens=8).tokens
    assert answer.tokens == model.chat([{"role": "user", "content": text}], max_tokens=8).tokens


def test_several_at_once_are_as_alone(model: Model):
    prompts = [[1203, *range(10 * n, 10 * n + 3 + n)] for n in range(6)]
    alone = [model.generate(prompt, max_tokens=24).tokens for prompt in prompts]
    together = [model.generate(prompt, max_tokens=24) for prompt in prompts]
    assert [generation.tokens for generation in together] == alone


def test_seeds(model: Model):
    options = Sampling(max_tokens=16, temperature=1.5, seed=7)
    first = model.generate(PROMPT, options).tokens
    assert first == model.generate(PROMPT, options).tokens != model.generate(PROMPT, options, seed=8).tokens
    samples = [generation.tokens for generation in model.samples(PROMPT, 3, options)]
    assert samples[0] == first and samples[1] == model.generate(PROMPT, options, seed=8).tokens


def test_log_probabilities(model: Model):
    result = model.generate(PROMPT, max_tokens=6, logprobs=4).result()
    scores = model.log_probabilities(PROMPT + result.tokens)
    assert math.isnan(scores[0]) and len(result.logprobs) == 6
    assert scores[len(PROMPT) :] == pytest.approx(result.logprobs, abs=1e-4)
    for token, logprob, top in zip(result.tokens, result.logprobs, result.top):
        assert len(top) == 4 and top[0] == (token, logprob)
        assert [value for _, value in top] == sorted((value for _, value in top), reverse=True)
    text = [token % 1200 for token in range(3, 2000, 7)]
    scored = model.perplexity(text, context=64)
    assert scored.perplexity > 1 and scored.chunks == len(text) // 64


def test_what_ends_a_text(model: Model):
    free = model.generate(PROMPT, max_tokens=12).result()
    third = free.tokens[2]
    stopped = model.generate(PROMPT, max_tokens=12, stop=model.tokenizer.decode([third]).strip()).result()
    assert stopped.finish_reason == "stop" and free.text.startswith(stopped.text) and len(stopped.text) < len(free.text)
    forced = {token: -math.inf for token in range(1280) if token != 1200}
    assert model.generate(PROMPT, max_tokens=5, logit_bias=forced).result().finish_reason == "stop"
    ended = model.generate(PROMPT, max_tokens=5, logit_bias=forced, ignore_end=True).result()
    assert ended.tokens == [1200] * 5 and ended.finish_reason == "length"


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"min_p": 2.0}, "min_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1 << 70}, "max_tokens"),
        ({"seed": -1}, "seed"),
        ({"logprobs": 101}, "logprobs"),
        ({"logit_bias": {-1: 1.0}}, "logit_bias"),
        ({"temprature": 1.0}, "temprature"),
        ({"stop": "a\0b"}, "stop"),
        ({"stop": ["a", ""]}, "stop at place 1"),
        ({"temperature": 1e300}, "temperature"),
    ],
)
def test_mistakes_in_options(model: Model, options: dict, argument: str):
    with pytest.raises(ValueError, match=argument):
        model.generate(PROMPT, **options).result()


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 2.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"ignore_end": "no"}, "ignore_end"),
        ({"seed": "x"}, "seed"),
        ({"stop": [1]}, "stop"),
        ({"logit_bias": [1]}, "logit_bias"),
        ({"logit_bias": {"a": 1.0}}, "logit_bias"),
        ({"logit_bias": {1: "a"}}, "logit_bias"),
        ({"prompt": 3}, "prompt"),
        ({"prompt": [1.5]}, "prompt at place 0"),
        ({"prompt": [1, True]}, "prompt at place 1"),
        ({"prompt": [5, "a"]}, "prompt at place 1"),
    ],
)
def test_wrong_types_name_the_argument(model: Model, options: dict, argument: str):
    with pytest.raises(TypeError, match=argument):
        model.generate(**{"prompt": PROMPT, **options})


def test_mistakes_in_conversations(model: Model):
    for tools, words in [(5, "tools"), ([5], "tools at place 0"), ("ab", "tools")]:
        with pytest.raises(TypeError, match=words):
            model.chat("x", tools=tools)
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValueError, match="messages.*nested"):
        model.chat([{"role": "user", "content": nested}])
    with pytest.raises(TypeError, match="add_special"):
        model.tokenizer.encode("x", add_special="no")


def test_models_and_generations_are_not_copied(model: Model):
    for thing in (model, model.generate(PROMPT, max_tokens=1)):
        for call in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied"):
                call(thing)


def test_prompts_from_other_libraries(model: Model):
    numpy, torch = pytest.importorskip("numpy"), pytest.importorskip("torch")
    expected = model.generate(PROMPT, max_tokens=4).tokens
    for prompt in (numpy.array(PROMPT), torch.tensor(PROMPT), iter(PROMPT), tuple(PROMPT)):
        assert model.generate(prompt, max_tokens=4).tokens == expected


@pytest.mark.parametrize("prompt", [[], [-1], [1 << 40], [1280], [5] * 5000])
def test_mistakes_in_prompts(model: Model, prompt: list[int]):
    with pytest.raises(ValueError):
        model.generate(prompt, max_tokens=2).result()


# --- Ending early ----------------------------------------------------------------------------------------------------


def test_cancelling_wakes_who_waits(model: Model):
    generation = model.generate(PROMPT, ignore_end=True)
    threading.Timer(0.2, generation.cancel).start()
    start = time.monotonic()
    with pytest.raises(martlet.CancelledError):
        generation.result()
    assert time.monotonic() - start < 5
    with pytest.raises(martlet.CancelledError):
        generation.result()


def test_blocks_and_dropped_generations_end(model: Model):
    with model.generate(PROMPT, ignore_end=True) as generation:
        next(iter(generation))
    with pytest.raises(martlet.CancelledError):
        generation.result()
    dropped = model.generate(PROMPT, ignore_end=True)
    next(iter(dropped))
    del dropped
    gc.collect()
    assert len(model.generate(PROMPT, max_tokens=3).tokens) == 3


# --- The default model -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smollm2():
    try:
        model = Model.load("smollm2", device="cpu", compute="f32")
    except martlet.NotFoundError as error:
        pytest.skip(f"the default model is not there: {error}")
    with model:
        yield model


def test_the_default_model_answers(smollm2: Model):
    answer = smollm2.chat("What is the capital of France?", max_tokens=40).result()
    assert "Paris" in answer.text and answer.finish_reason in ("stop", "length")


def test_the_default_model_calls_functions(smollm2: Model):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    messages = [{"role": "user", "content": "Hi"}]
    text = smollm2.tokenizer.render(messages, tools=json.loads(json.dumps(tools)))
    assert text.endswith("<|im_start|>assistant\n")
