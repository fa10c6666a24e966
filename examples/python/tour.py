#!/usr/bin/env python3
"""A tour of Martlet for Python, in cells: VS Code, PyCharm and Jupytext run them one by one, `python tour.py` all at once.

Needs the default model (`make model` brings it); the last cells also need PyTorch.
"""

# %% Load a model
import asyncio

import martlet

model = martlet.Model.load("smollm2", device="cpu")
print(f"{model}: {model.vocabulary_size} tokens, context of {model.context_length}")

# %% Ask it something, and show the answer as it comes
for piece in model.chat("What is the capital of France, and what is it famous for?", max_tokens=40):
    print(piece.text, end="", flush=True)
print()

# %% Text, tokens and back
tokenizer = model.tokenizer
assert tokenizer is not None
ids = tokenizer.encode("A martlet never lands.")
print(ids, [tokenizer.token_bytes(token) for token in ids])
print(tokenizer.render([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]))

# %% Several generations at once: they are computed together, and each is what it would be alone
prompts = ["One, two, three,", "Monday, Tuesday,", "def fibonacci(n):"]
for prompt, generation in zip(prompts, [model.generate(prompt, max_tokens=12) for prompt in prompts]):
    print(repr(prompt + generation.text))

# %% How sure it is: log-probabilities of the chosen token and of the likeliest ones
result = model.generate("The opposite of hot is", max_tokens=3, logprobs=3).result()
for token, logprob, top in zip(result.tokens, result.logprobs, result.top):
    likeliest = [(tokenizer.decode([other]), round(value, 2)) for other, value in top]
    print(f"{tokenizer.decode([token])!r} {logprob:.2f} of {likeliest}")

# %% Draw instead of taking the likeliest: the same seed gives the same text
wild = martlet.Sampling(max_tokens=16, temperature=1.0, top_p=0.9, seed=42)
assert model.generate("Once upon a time", wild).text == model.generate("Once upon a time", wild).text


# %% asyncio: generations as tasks
async def ask(question: str) -> str:
    return (await model.chat(question, max_tokens=16)).text


async def main() -> None:
    print(await asyncio.gather(ask("Name a bird."), ask("Name a fish.")))


asyncio.run(main())

# %% What goes wrong says what to do
try:
    model.generate("too hot", temperature=-1.0).result()
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %% Operators, on the memory of PyTorch
try:
    import torch
except ImportError:
    raise SystemExit("PyTorch is not there: the tour ends here") from None

x, weight = torch.randn(4, 64), torch.randn(16, 64)
out = torch.empty(4, 16)
martlet.ops.linear(x, weight, out=out)  # nothing is copied: the result is in `out`
torch.testing.assert_close(out, x @ weight.T, atol=1e-4, rtol=1e-4)

gate = martlet.ops.swiglu(x, x)  # without `out` the result is a tensor of Martlet's
torch.testing.assert_close(torch.from_dlpack(gate), torch.nn.functional.silu(x) * x)
print(gate, "shares its memory with", torch.from_dlpack(gate).shape)

# %% The end: the model's memory is given back
model.close()
