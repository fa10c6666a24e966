"""The structures of `martlet.h` for ctypes, field by field; tests/test_declarations.py compares them with the header."""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)

MAX_DIMENSIONS = 8
Progress = CFUNCTYPE(c_bool, c_double, c_void_p)


class ModelOptions(Structure):
    """`martlet_model_options`."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("device", c_char_p),
        ("compute", c_char_p),
        ("cache", c_char_p),
        ("threads", c_int32),
        ("context_length", c_int64),
        ("progress", Progress),
        ("progress_data", c_void_p),
        ("deterministic", c_bool),
    ]


class ModelInfo(Structure):
    """`martlet_model_info`."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("context_length", c_int64),
        ("vocabulary_size", c_int64),
        ("has_tokenizer", c_bool),
        ("has_chat_template", c_bool),
        ("begin_token", c_int32),
        ("end_token", c_int32),
        ("padding_token", c_int32),
        ("unknown_token", c_int32),
        ("device_type", c_int),
        ("device_index", c_int32),
    ]


class LogitBias(Structure):
    """`martlet_logit_bias`."""

    _fields_ = [("token", c_int32), ("bias", c_float)]


class Request(Structure):
    """`martlet_request`."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("tokens", POINTER(c_int32)),
        ("token_count", c_size_t),
        ("text", c_char_p),
        ("text_length", c_size_t),
        ("messages", c_char_p),
        ("tools", c_char_p),
        ("max_tokens", c_int64),
        ("temperature", c_float),
        ("top_k", c_int32),
        ("top_p", c_float),
        ("min_p", c_float),
        ("repetition_penalty", c_float),
        ("presence_penalty", c_float),
        ("frequency_penalty", c_float),
        ("has_seed", c_bool),
        ("seed", c_uint64),
        ("logprobs", c_int32),
        ("ignore_end", c_bool),
        ("stop", POINTER(c_char_p)),
        ("stop_count", c_size_t),
        ("logit_bias", POINTER(LogitBias)),
        ("logit_bias_count", c_size_t),
    ]


class TokenLogprob(Structure):
    """`martlet_token_logprob`."""

    _fields_ = [("token", c_int32), ("logprob", c_float)]


class Event(Structure):
    """`martlet_event`."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int),
        ("token", c_int32),
        ("text", c_void_p),
        ("text_length", c_size_t),
        ("has_logprob", c_bool),
        ("logprob", c_float),
        ("top", POINTER(TokenLogprob)),
        ("top_count", c_size_t),
        ("finish_reason", c_int),
        ("prompt_tokens", c_int64),
        ("cached_tokens", c_int64),
        ("generated_tokens", c_int64),
        ("queue_seconds", c_double),
        ("first_token_seconds", c_double),
        ("total_seconds", c_double),
    ]


class PerplexityResult(Structure):
    """`martlet_perplexity_result`."""

    _fields_ = [("perplexity", c_double), ("tokens", c_int64), ("chunks", c_int64)]


class Memory(Structure):
    """`martlet_memory`. The function `release` is an address here: it is always somebody else's."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("data", c_void_p),
        ("dimensions", c_size_t),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("dtype", c_int),
        ("device_type", c_int),
        ("device_index", c_int32),
        ("read_only", c_bool),
        ("release", c_void_p),
        ("context", c_void_p),
    ]


class TensorInfo(Structure):
    """`martlet_tensor_info`."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("data", c_void_p),
        ("dimensions", c_size_t),
        ("shape", c_int64 * MAX_DIMENSIONS),
        ("strides", c_int64 * MAX_DIMENSIONS),
        ("dtype", c_int),
        ("device_type", c_int),
        ("device_index", c_int32),
        ("element_size", c_size_t),
        ("element_count", c_size_t),
        ("is_contiguous", c_bool),
        ("read_only", c_bool),
    ]
