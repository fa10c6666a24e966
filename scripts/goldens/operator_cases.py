"""The cases of `operators.py`: per operator a table of shapes, strides, scales and attributes.

Names that begin with "llaisys" are the shapes of LLAISYS's tests. The rest is chosen to be odd: one row, widths that no vector length
divides, primes, padded rows, permuted axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Case:
    """One call of an operator. Strides are in elements and given only where a tensor is not contiguous ("out" is the output)."""

    name: str
    shapes: dict[str, list[int]]
    strides: dict[str, list[int]] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    attributes: dict = field(default_factory=dict)
    minimum_tolerance: float = 0.0  # where float32 arguments themselves limit what can be reached


def pair(first: str, second: str) -> list[Case]:
    """Element-wise operators of two inputs."""

    def case(name: str, shape: list[int], strides: dict[str, list[int]] | None = None, **more) -> Case:
        return Case(name, {first: shape, second: shape}, strides or {}, **more)

    return [
        case("llaisys-small", [2, 3]),
        case("llaisys-rows", [512, 4096]),
        case("one-element", [1, 1]),
        case("one-row", [1, 1000]),
        case("primes", [7, 131]),
        case("padded-rows", [5, 37], {first: [48, 1], second: [64, 1]}),
        case("padded-output", [6, 33], {"out": [40, 1]}),
        case("column-major", [19, 23], {first: [1, 19]}),
        case("large-values", [3, 65], scales={first: 16.0, second: 4.0}),
    ]


def argmax() -> list[Case]:
    return [Case(name, {"values": shape}, strides) for name, shape, strides in [
        ("llaisys-small", [4], {}),
        ("llaisys-row", [4096], {}),
        ("one-element", [1], {}),
        ("prime", [1009], {}),
        ("vocabulary", [49152], {}),
        ("rows", [5, 257], {}),
        ("padded-rows", [3, 100], {"values": [128, 1]}),
    ]]


def embedding() -> list[Case]:
    return [Case(name, {"indices": [count], "weight": [rows, width]}, strides) for name, count, rows, width, strides in [
        ("llaisys-small", 1, 2, 3, {}),
        ("llaisys-rows", 50, 512, 4096, {}),
        ("one-column", 9, 5, 1, {}),
        ("primes", 13, 29, 67, {}),
        ("model-width", 3, 101, 576, {}),
        ("padded-rows", 7, 17, 30, {"weight": [32, 1]}),
    ]]


def linear() -> list[Case]:
    cases = []
    for name, rows, outputs, inputs, strides in [
        ("llaisys-small", 2, 3, 4, {}),
        ("llaisys-wide", 512, 4096, 4096, {}),
        ("one-element", 1, 1, 1, {}),
        ("decode", 1, 576, 576, {}),
        ("down-projection", 1, 64, 1536, {}),
        ("prefill", 33, 192, 576, {}),
        ("primes", 7, 31, 101, {}),
        ("narrow", 17, 5, 3, {}),
        ("padded-rows", 5, 21, 50, {"x": [64, 1], "weight": [56, 1]}),
        ("padded-output", 9, 18, 40, {"out": [24, 1]}),
    ]:
        shapes = {"x": [rows, inputs], "weight": [outputs, inputs]}
        scales = {"weight": 2.0 ** -round(math.log2(inputs) / 2)}
        cases.append(Case(name, shapes, strides, scales))
        cases.append(Case(name + "-bias", shapes | {"bias": [outputs]}, strides, scales))
    return cases


def rearrange() -> list[Case]:
    return [Case(name, {"x": shape}, strides) for name, shape, strides in [
        ("llaisys-201", [4, 2, 3], {"x": [1, 12, 4]}),
        ("llaisys-120", [5, 6, 4], {"x": [6, 1, 30]}),
        ("transpose", [67, 31], {"x": [1, 67]}),
        ("heads-first", [9, 13, 64], {"x": [64, 576, 1]}),
        ("padded-rows", [11, 37], {"x": [48, 1]}),
        ("every-third", [50], {"x": [3]}),
        ("broadcast", [4, 9], {"x": [0, 1]}),
        ("to-padded", [7, 29], {"out": [32, 1]}),
        ("to-transposed", [17, 40], {"out": [1, 17]}),
        ("four-axes", [2, 3, 5, 7], {"x": [105, 1, 21, 3]}),
    ]]


def rms_norm() -> list[Case]:
    return [
        Case(name, {"x": [rows, width], "weight": [width]}, strides, scales, {"epsilon": epsilon})
        for name, rows, width, strides, scales, epsilon in [
            ("llaisys-small", 1, 4, {}, {}, 1e-5),
            ("llaisys-rows", 512, 4096, {}, {}, 1e-5),
            ("one-element", 1, 1, {}, {}, 1e-5),
            ("model-width", 3, 576, {}, {}, 1e-5),
            ("primes", 5, 97, {}, {}, 1e-6),
            ("padded-rows", 7, 33, {"x": [40, 1]}, {}, 1e-5),
            ("padded-output", 4, 45, {"out": [64, 1]}, {}, 1e-5),
            ("epsilon-matters", 3, 64, {}, {"x": 2.0**-9}, 1e-5),
            ("large-values", 3, 128, {}, {"x": 64.0}, 1e-5),
        ]
    ]


def rope() -> list[Case]:
    def case(name: str, shape: list[int], positions: list[int], theta: float = 10000.0, strides=None) -> Case:
        # An angle near p is rounded to float32, which moves sine and cosine by up to p * 2^-23.
        limit = max(positions) * 2.0**-23
        return Case(name, {"x": shape}, strides or {}, {}, {"positions": positions, "theta": theta}, limit)

    return [
        case("llaisys-small", [2, 1, 4], [0, 1]),
        case("llaisys-wide", [512, 4, 4096], list(range(512, 1024))),
        case("position-zero", [1, 3, 64], [0]),
        case("decode", [1, 9, 64], [37], 100000.0),
        case("prefill", [11, 3, 64], list(range(11)), 100000.0),
        case("width-80", [3, 2, 80], [1, 2, 3]),
        case("width-128", [2, 5, 128], [30, 63], 500000.0),
        case("width-2", [5, 3, 2], [0, 1, 2, 3, 4]),
        case("width-6", [4, 3, 6], [3, 1, 4, 1]),
        case("scattered", [5, 2, 16], [9, 0, 41, 7, 7]),
        case("far", [3, 2, 64], [8191, 4000, 100], 100000.0),
        case("padded-heads", [4, 3, 18], [0, 5, 6, 20], strides={"x": [80, 24, 1]}),
        case("permuted-heads", [6, 3, 16], [2, 3, 4, 5, 6, 7], strides={"x": [16, 96, 1]}),
    ]


def self_attention() -> list[Case]:
    def case(name, queries, keys, heads, key_heads, width, strides=None, scales=None) -> Case:
        shapes = {
            "query": [queries, heads, width],
            "key": [keys, key_heads, width],
            "value": [keys, key_heads, width],
        }
        return Case(name, shapes, strides or {}, scales or {}, {"scale": width**-0.5})

    return [
        case("llaisys-small", 2, 2, 1, 1, 4),
        case("llaisys-grouped", 5, 11, 4, 2, 8),
        case("one-token", 1, 1, 3, 1, 16),
        case("decode", 1, 257, 9, 3, 64),
        case("decode-long", 1, 1031, 3, 1, 64),
        case("prefill", 23, 23, 9, 3, 64),
        case("chunk", 7, 61, 6, 2, 64),
        case("ungrouped", 13, 17, 4, 4, 80),
        case("group-of-8", 5, 29, 8, 1, 128),
        case("groups-of-8", 3, 10, 16, 2, 32),
        case("width-5", 4, 9, 3, 1, 5),
        case("sharp", 6, 40, 2, 2, 64, scales={"query": 4.0, "key": 4.0}),
        case("padded", 5, 12, 4, 2, 20, {
            "query": [128, 24, 1], "key": [64, 32, 1], "value": [48, 20, 1], "out": [96, 24, 1]}),
        case("heads-first", 6, 14, 3, 1, 16, {
            "query": [16, 96, 1], "key": [16, 224, 1], "value": [16, 224, 1]}),
    ]


CASES = {
    "add": pair("a", "b"),
    "argmax": argmax(),
    "embedding": embedding(),
    "linear": linear(),
    "rearrange": rearrange(),
    "rms_norm": rms_norm(),
    "rope": rope(),
    "self_attention": self_attention(),
    "swiglu": pair("gate", "up"),
}
