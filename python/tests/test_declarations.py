"""The declarations for ctypes are those of the headers, field by field and parameter by parameter."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from llaisys import DataType, DeviceType, MemcpyKind
from llaisys.libllaisys import LIB_LLAISYS, LlaisysQwen2Meta, LlaisysQwen2Weights, LlaisysRuntimeAPI
from martlet import DType, _library, _structures, errors

INCLUDE = Path(__file__).resolve().parents[2] / "Sources" / "CMartlet" / "include"


def code(name: str) -> str:
    """A header without comments and line breaks."""
    text = (INCLUDE / name).read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/|//[^\n]*|^#[^\n]*", " ", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\s+", " ", text)


MARTLET, LLAISYS = code("martlet.h") + code("martlet_tensor.h"), code("llaisys.h")
SCALARS = {
    "size_t": ctypes.c_size_t,
    "ptrdiff_t": ctypes.c_ssize_t,
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint8_t": ctypes.c_uint8,
    "uint64_t": ctypes.c_uint64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "bool": ctypes.c_bool,
    "void": None,
}
ENUMS = set(re.findall(r"\} (\w+);", " ".join(re.findall(r"typedef enum \w* ?\{[^}]*\} \w+;", MARTLET + LLAISYS))))
STRUCTURES = {
    "martlet_model_options": _structures.ModelOptions,
    "martlet_model_info": _structures.ModelInfo,
    "martlet_logit_bias": _structures.LogitBias,
    "martlet_request": _structures.Request,
    "martlet_token_logprob": _structures.TokenLogprob,
    "martlet_event": _structures.Event,
    "martlet_perplexity_result": _structures.PerplexityResult,
    "martlet_memory": _structures.Memory,
    "martlet_tensor_info": _structures.TensorInfo,
    "LlaisysQwen2Meta": LlaisysQwen2Meta,
    "LlaisysQwen2Weights": LlaisysQwen2Weights,
    "LlaisysRuntimeAPI": LlaisysRuntimeAPI,
}


def kind(declaration: str) -> str:
    """A parameter's or field's type in few words: `pointer`, or the size and sort of a number."""
    words = declaration.replace("*", " * ").split()
    if "*" in words or "(" in declaration or "[" in declaration:
        return "pointer"
    words = [word for word in words if word not in ("const", "struct", "enum")]
    if words[0] in ENUMS:
        return f"whole {ctypes.sizeof(ctypes.c_int)}"
    if words[0] in SCALARS:
        return python_kind(SCALARS[words[0]])
    return "pointer"  # a handle, a callback


def python_kind(declared: object) -> str:
    """The same of a ctypes type."""
    if declared is None:
        return "void"
    if declared is ctypes.c_bool:
        return "bool"
    if declared in (ctypes.c_float, ctypes.c_double):
        return f"real {ctypes.sizeof(declared)}"
    if isinstance(getattr(declared, "_type_", None), str) and declared._type_ in "bBhHiIlLqQ":
        return f"whole {ctypes.sizeof(declared)}"
    return "pointer"


def functions(header: str) -> dict[str, tuple[str, list[str]]]:
    found = {}
    for result, name, parameters in re.findall(r"([\w ]+?[ *]+)(\w+)\(((?:[^()]|\([^()]*\))*)\);", header):
        if "typedef" in result or result.strip() in ("return", ""):
            continue
        entries = [] if parameters.strip() in ("", "void") else parameters.split(",")
        found[name] = kind(result), [kind(entry) for entry in entries]
    return found


def fields(header: str, name: str) -> list[tuple[str, str]]:
    body = re.search(rf"typedef struct {name} \{{(.*?)\}} {name};", header).group(1)
    found = []
    for declaration in filter(None, (part.strip() for part in body.split(";"))):
        if pointer := re.match(r".*\(\*(\w+)\)\(", declaration):
            found.append((pointer.group(1), "pointer"))
            continue
        first, *rest = declaration.split(",")
        base = first.rsplit(" ", 1)[0]
        for entry in [first.rsplit(" ", 1)[1], *rest]:
            found.append(
                (re.sub(r"\[.*|\W", "", entry), "pointer" if "*" in first + entry or "[" in entry else kind(base))
            )
    return found


def test_functions_of_martlet():
    declared = functions(MARTLET)
    ours = {name: ("whole 4", list(map(python_kind, types))) for name, types in _library.SIGNATURES.items()}
    ours |= {name: (python_kind(r), list(map(python_kind, types))) for name, (r, types) in _library.OTHERS.items()}
    # Python takes events itself instead of being called back with them.
    assert set(declared) - set(ours) == {"martlet_generate"}
    assert ours == {name: declared[name] for name in ours}


def test_functions_of_llaisys():
    for name, (result, parameters) in functions(LLAISYS).items():
        function = getattr(LIB_LLAISYS, name)
        assert (python_kind(function.restype), list(map(python_kind, function.argtypes))) == (result, parameters), name


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures(name: str):
    declared = fields(LLAISYS if name.startswith("Llaisys") else MARTLET, name)
    ours = [
        (field, "pointer" if hasattr(kind_, "_length_") else python_kind(kind_))
        for field, kind_ in STRUCTURES[name]._fields_
    ]
    assert ours == declared


def enumerators(header: str, prefix: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(rf"\b{prefix}(\w+) = (\d+)", header)}


def test_enumerations():
    assert {m.name: int(m) for m in DType} == enumerators(MARTLET, "MARTLET_DTYPE_")
    assert {m.name: int(m) for m in DataType} == enumerators(LLAISYS, "LLAISYS_DTYPE_")
    assert {m.name: int(m) for m in MemcpyKind} == enumerators(LLAISYS, "LLAISYS_MEMCPY_")
    assert {m.name: int(m) for m in DeviceType if m.name != "COUNT"} == enumerators(LLAISYS, "LLAISYS_DEVICE_")
    statuses = re.search(r"typedef enum martlet_status \{(.*?)\}", MARTLET).group(1)
    assert set(errors._BY_STATUS) == set(enumerators(statuses, "MARTLET_").values()) - {0, 11}
