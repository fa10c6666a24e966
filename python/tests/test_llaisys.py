"""The module `llaisys`, used as LLAISYS's own programs use it."""

from __future__ import annotations

import copy
import ctypes

import pytest
import torch

import llaisys
import martlet
from llaisys.libllaisys import LIB_LLAISYS, LlaisysQwen2Meta
from support.checkpoint import tiny
from support.operators import DTYPES

NAMES = {
    "f32": llaisys.DataType.F32,
    "f16": llaisys.DataType.F16,
    "bf16": llaisys.DataType.BF16,
    "i64": llaisys.DataType.I64,
}
TYPES = {**DTYPES, "i64": torch.int64}
TOLERANCE = {"f32": 1e-5, "f16": 1e-3, "bf16": 1e-2}


@pytest.fixture(scope="module")
def api() -> llaisys.RuntimeAPI:
    return llaisys.RuntimeAPI(llaisys.DeviceType.CPU)


def filled(tensor: torch.Tensor, dtype: str) -> llaisys.Tensor:
    ours = llaisys.Tensor(tuple(tensor.shape), dtype=NAMES[dtype], device=llaisys.DeviceType.CPU, device_id=0)
    api = llaisys.RuntimeAPI(llaisys.DeviceType.CPU)
    api.memcpy_sync(ours.data_ptr(), tensor.data_ptr(), tensor.numel() * tensor.element_size(), llaisys.MemcpyKind.D2D)
    return ours


def content(ours: llaisys.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A copy of the elements, by address and strides."""
    span = 1 + sum(stride * (extent - 1) for stride, extent in zip(ours.strides(), ours.shape()))
    memory = torch.zeros(span, dtype=dtype)
    api = llaisys.RuntimeAPI(ours.device_type())
    api.memcpy_sync(memory.data_ptr(), ours.data_ptr(), span * memory.element_size(), llaisys.MemcpyKind.D2D)
    return memory.as_strided(ours.shape(), ours.strides())


def test_runtime(api: llaisys.RuntimeAPI):
    assert api.get_device_count() == 1
    api.set_device(0)
    size = 1 << 20
    source, target = torch.randint(0, 255, (size,), dtype=torch.uint8), torch.zeros(size, dtype=torch.uint8)
    first, second, host = api.malloc_device(size), api.malloc_device(size), api.malloc_host(size)
    stream = api.create_stream()
    api.memcpy_sync(first, source.data_ptr(), size, llaisys.MemcpyKind.H2D)
    api.memcpy_async(second, first, size, llaisys.MemcpyKind.D2D, stream)
    api.stream_synchronize(stream)
    api.memcpy_sync(host, second, size, llaisys.MemcpyKind.D2H)
    api.memcpy_sync(target.data_ptr(), host, size, llaisys.MemcpyKind.H2H)
    api.device_synchronize()
    api.destroy_stream(stream)
    api.free_device(first)
    api.free_device(second)
    api.free_host(host)
    assert torch.equal(source, target)


@pytest.mark.parametrize("device", [llaisys.DeviceType.NVIDIA, llaisys.DeviceType.METAX])
def test_a_device_that_is_not_there_is_an_exception_with_the_reason(device: llaisys.DeviceType):
    name = {llaisys.DeviceType.NVIDIA: "cuda", llaisys.DeviceType.METAX: "metax"}[device]
    if any(d.available and d.name.startswith(name) for d in martlet.devices()):
        pytest.skip(f"{name} is there")
    with pytest.raises(martlet.DeviceUnavailableError, match="not available"):
        llaisys.RuntimeAPI(device)
    with pytest.raises(martlet.MartletError):
        llaisys.Tensor((2, 3), device=device)


def test_tensor(capfd: pytest.CaptureFixture):
    theirs = torch.arange(60, dtype=torch.int64).reshape(3, 4, 5)
    ours = llaisys.Tensor((3, 4, 5), dtype=llaisys.DataType.I64, device=llaisys.DeviceType.CPU)
    ours.load(theirs.data_ptr())
    assert (ours.ndim(), ours.dtype(), ours.device_id()) == (3, llaisys.DataType.I64, 0)
    assert ours.device_type() == llaisys.DeviceType.CPU and ours.is_contiguous()
    pairs = [
        (ours, theirs),
        (ours.view(6, 10), theirs.view(6, 10)),
        (ours.permute(2, 0, 1), theirs.permute(2, 0, 1)),
        (ours.slice(2, 1, 4), theirs[:, :, 1:4]),
    ]
    for our, their in pairs:
        assert our.shape() == their.shape and our.strides() == their.stride()
        assert our.is_contiguous() == their.is_contiguous()
        assert torch.equal(content(our, torch.int64), their)
    ours.debug()
    printed = capfd.readouterr().out
    assert "3" in printed and "59" in printed
    assert "I64" in repr(ours)


def operators(dtype: str) -> list:
    """Each operator with its inputs, and what PyTorch makes of them."""
    t = TYPES[dtype]
    x, y, w = torch.rand(5, 8).to(t), torch.rand(5, 8).to(t), torch.rand(8).to(t)
    weight, bias = (torch.rand(3, 8) * 0.1).to(t), torch.rand(3).to(t)
    ids = torch.tensor([4, 0, 2])
    q, k = torch.rand(5, 4, 8).to(t), torch.rand(11, 2, 8).to(t)
    ops, functional = llaisys.Ops, torch.nn.functional
    mask = torch.ones(5, 11, dtype=torch.bool).tril(6)
    by_head = [z.transpose(0, 1)[None] for z in (q, k, k)]
    norm = (x.float() * torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-5)).to(t) * w
    attention = functional.scaled_dot_product_attention(*by_head, attn_mask=mask, scale=0.3, enable_gqa=True)
    return [
        (lambda o, a, b: ops.add(o, a, b), [x, y], x + y),
        (lambda o, i, e: ops.embedding(o, i, e), [ids, x], x[ids]),
        (lambda o, a, b, c: ops.linear(o, a, b, c), [x, weight, bias], functional.linear(x, weight, bias)),
        (lambda o, a, b: ops.linear(o, a, b, None), [x, weight], functional.linear(x, weight)),
        (lambda o, a: ops.rearrange(o, a.permute(1, 0)), [x], x.T.contiguous()),
        (lambda o, a, b: ops.rms_norm(o, a, b, 1e-5), [x, w], norm),
        (lambda o, a, b, c: ops.self_attention(o, a, b, c, 0.3), [q, k, k], attention[0].transpose(0, 1).contiguous()),
        (lambda o, a, b: ops.swiglu(o, a, b), [x, y], functional.silu(x) * y),
        (lambda o, a, p: ops.rope(o, a, p, 10000.0), [q[:2], torch.arange(2)], turned(q[:2])),
    ]


def turned(x: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[0])[:, None] / 10000.0 ** (torch.arange(half) * 2 / x.shape[-1])
    cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
    a, b = x[..., :half].float(), x[..., half:].float()
    return torch.cat((a * cosine - b * sine, b * cosine + a * sine), -1).to(x.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_operators(dtype: str):
    for call, inputs, expected in operators(dtype):
        out = filled(torch.full_like(expected, float("nan")), dtype)
        call(out, *(filled(x, "i64" if x.dtype == torch.int64 else dtype) for x in inputs))
        torch.testing.assert_close(content(out, expected.dtype), expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_argmax(dtype: str):
    values = torch.rand(4096).to(TYPES[dtype])
    index, value = filled(torch.zeros(1, dtype=torch.int64), "i64"), filled(torch.zeros(1, dtype=values.dtype), dtype)
    llaisys.Ops.argmax(index, value, filled(values, dtype))
    assert content(value, values.dtype)[0] == values.max()
    assert values[content(index, torch.int64)[0]] == values.max()


def test_mistakes_are_exceptions():
    small, large = llaisys.Tensor((2, 3)), llaisys.Tensor((2, 4))
    with pytest.raises(ValueError, match="b"):
        llaisys.Ops.add(small, small, large)
    with pytest.raises(ValueError):
        llaisys.Ops.linear(small, small, large, None)
    for call in [
        lambda: small.view(5),
        lambda: small.view(-1, 3),
        lambda: small.slice(0, 1, 9),
        lambda: small.slice(5, 0, 1),
        lambda: small.permute(0),
        lambda: llaisys.Tensor((2,), dtype=llaisys.DataType.INVALID),
        lambda: llaisys.Tensor((2,), device_id=-1),
        lambda: llaisys.Tensor((1 << 40, 1 << 40)),
    ]:
        with pytest.raises((ValueError, martlet.MartletError)):
            call()
    llaisys.Ops.add(small, small, small)  # nothing is left of the errors before


# Numbers that are valid ones in their lowest 32 bits.
WRAPPING = [
    (lambda api: llaisys.Tensor([2], device_id=1 << 32), "device_id"),
    (lambda api: llaisys.Tensor([2], device_id=-1), "device_id: -1 is not"),
    (lambda api: llaisys.Tensor([2], dtype=(1 << 32) + 13), "dtype"),
    (lambda api: llaisys.Tensor([2], device=1 << 32), "device"),
    (lambda api: llaisys.RuntimeAPI(1 << 32), "device_type"),
    (lambda api: llaisys.RuntimeAPI(llaisys.DeviceType.COUNT), "device_type"),
    (lambda api: llaisys.Qwen2("nowhere", 1 << 32), "device"),
    (lambda api: llaisys.Qwen2("nowhere", llaisys.DeviceType.COUNT), "device"),
    (lambda api: api.set_device(1 << 32), "device_id"),
    (lambda api: api.set_device(-1), "device_id"),
    (lambda api: api.memcpy_sync(0, 0, 0, 1 << 32), "kind"),
    (lambda api: api.memcpy_async(0, 0, 0, 1 << 32, None), "kind"),
    (lambda api: llaisys.Ops.rms_norm(*[llaisys.Tensor([2, 2])] * 3, 1e300), "eps"),
]


@pytest.mark.parametrize(("call", "argument"), WRAPPING)
def test_numbers_do_not_wrap(api: llaisys.RuntimeAPI, call, argument: str):
    with pytest.raises(martlet.InvalidArgumentError, match=f"^{argument}"):
        call(api)


def test_numbers_of_ctypes_are_taken(api: llaisys.RuntimeAPI):
    tensor = llaisys.Tensor([ctypes.c_size_t(2)], ctypes.c_int(6), ctypes.c_int(0), ctypes.c_int(0))
    assert tensor.shape() == (2,) and tensor.dtype() == llaisys.DataType.I64
    api.set_device(ctypes.c_int(0))
    for wrong in ("f32", 1.5, True, None):
        with pytest.raises(TypeError, match="^dtype"):
            llaisys.Tensor([2], dtype=wrong)


def test_copies():
    tensor = filled(torch.arange(6, dtype=torch.int64).reshape(2, 3), "i64")
    look, elements = copy.copy(tensor.permute(1, 0)), copy.deepcopy(tensor.permute(1, 0))
    address = tensor.data_ptr()
    del tensor
    expected = torch.arange(6).reshape(2, 3).T
    assert look.data_ptr() == address != elements.data_ptr() and look.strides() == (1, 3)
    assert torch.equal(content(look, torch.int64), expected) and torch.equal(content(elements, torch.int64), expected)
    with pytest.raises(TypeError, match="once"):
        look.__init__([2])


def test_whole_model():
    folder = tiny("random")
    model = llaisys.models.Qwen2(str(folder), llaisys.DeviceType.CPU)
    prompt = [1203, 1201, 87, 310, 32]
    tokens = model.generate(prompt, max_new_tokens=20, top_k=1, top_p=0.8, temperature=0.8)
    assert tokens[: len(prompt)] == prompt and len(tokens) == 25
    assert tokens == model.generate(prompt, 20)
    with martlet.Model.load(folder) as same:
        assert tokens[5:] == same.generate(prompt, max_tokens=20).tokens
    drawn = {tuple(model.generate(prompt, 20, top_k=50, top_p=1.0, temperature=2.0)) for _ in range(4)}
    assert len(drawn) > 1
    with pytest.raises(ValueError):
        model.generate([], 5)
    with pytest.raises(ValueError, match="inputs"):
        model.generate([1 << 40], 5)
    with pytest.raises(TypeError, match="inputs at place 0"):
        model.generate([1.9], 5)
    with pytest.raises(ValueError, match="max_new_tokens"):
        model.generate(prompt, 0)


def test_whole_model_with_the_programs_own_weights():
    """A program that fills the weights itself, over the C interface, gets the tokens of the loader."""
    from safetensors.torch import load_file

    folder = tiny("random")
    weights = load_file(folder / "model.safetensors")
    meta = LlaisysQwen2Meta(llaisys.DataType.BF16, 3, 64, 4, 2, 16, 160, 4096, 1280, 1e-6, 10000.0, 1200)
    handle = LIB_LLAISYS.llaisysQwen2ModelCreate(ctypes.byref(meta), llaisys.DeviceType.CPU, None, 0)
    ours = LIB_LLAISYS.llaisysQwen2ModelWeights(handle).contents
    for name, key in [("in_embed", "model.embed_tokens"), ("out_embed", "lm_head"), ("out_norm_w", "model.norm")]:
        LIB_LLAISYS.tensorLoad(getattr(ours, name), weights[f"{key}.weight"].data_ptr())
    lists = {
        "attn_norm_w": "input_layernorm.weight",
        "mlp_norm_w": "post_attention_layernorm.weight",
        "attn_o_w": "self_attn.o_proj.weight",
        **{f"attn_{p}_{k[0]}": f"self_attn.{p}_proj.{k}" for p in "qkv" for k in ("weight", "bias")},
        **{f"mlp_{p}_w": f"mlp.{p}_proj.weight" for p in ("gate", "up", "down")},
    }
    for layer in range(3):
        for name, key in lists.items():
            LIB_LLAISYS.tensorLoad(getattr(ours, name)[layer], weights[f"model.layers.{layer}.{key}"].data_ptr())
    tokens = [1203, 1201, 87, 310, 32]
    expected = llaisys.models.Qwen2(folder).generate(tokens, 12)
    while len(tokens) < len(expected):
        tokens.append(LIB_LLAISYS.llaisysQwen2ModelInfer(handle, (ctypes.c_int64 * len(tokens))(*tokens), len(tokens)))
    LIB_LLAISYS.llaisysQwen2ModelDestroy(handle)
    assert tokens == expected
