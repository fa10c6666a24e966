"""Generations in asyncio: `async for`, `await`, and tasks that are cancelled."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

import martlet
from martlet import Model
from support.checkpoint import tiny

PROMPT = [1203, 1201, 87, 310, 32]


@pytest.fixture(scope="module")
def model():
    with Model.load(tiny(), device="cpu", threads=2) as model:
        yield model


def test_async_streams(model: Model):
    async def main() -> None:
        expected = model.generate(PROMPT, max_tokens=16).tokens
        tokens = [piece.token async for piece in model.generate(PROMPT, max_tokens=16) if piece.token is not None]
        assert tokens == expected
        results = await asyncio.gather(*(model.generate(PROMPT, max_tokens=16) for _ in range(20)))
        assert all(result.tokens == expected for result in results)

    asyncio.run(main())


def test_cancelled_tasks_cancel_their_generation(model: Model):
    async def main() -> None:
        generation = model.generate(PROMPT, ignore_end=True)

        async def follow() -> None:
            async for _ in generation:
                pass

        task = asyncio.create_task(follow())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(martlet.CancelledError):
            await asyncio.to_thread(generation.result)

    asyncio.run(main())


def test_leaving_a_loop_leaves_the_others_alone(model: Model):
    async def main() -> None:
        generation = model.generate(PROMPT, max_tokens=200, ignore_end=True)

        async def leave() -> None:
            async for _ in generation:
                break

        async def follow() -> list[int | None]:
            return [piece.token async for piece in generation]

        _, tokens = await asyncio.gather(leave(), follow())
        assert len([token for token in tokens if token is not None]) == 200
        assert len((await generation).tokens) == 200

    asyncio.run(main())


def test_a_cancelled_task_leaves_a_generation_that_another_one_reads(model: Model):
    async def main() -> None:
        generation = model.generate(PROMPT, max_tokens=400, ignore_end=True)

        async def follow() -> int:
            return len([piece async for piece in generation if piece.token is not None])

        impatient, patient = asyncio.create_task(follow()), asyncio.create_task(follow())
        await asyncio.sleep(0.01)
        impatient.cancel()
        assert await patient == 400

    asyncio.run(main())


def test_a_loop_that_was_left_does_not_keep_the_generation(model: Model):
    async def main() -> None:
        generation = model.generate(PROMPT, ignore_end=True)
        async for _ in generation:
            break
        dropped = weakref.ref(generation)
        del generation
        for _ in range(500):
            gc.collect()
            if dropped() is None:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("something still holds the generation")

    asyncio.run(main())


def test_errors_are_new_ones_each_time(model: Model):
    generation = model.generate(PROMPT, ignore_end=True)
    generation.cancel()
    errors = []
    for _ in range(2):
        with pytest.raises(martlet.CancelledError) as caught:
            generation.result()
        errors.append(caught.value)
    assert errors[0] is not errors[1] and str(errors[0]) == str(errors[1])


def test_errors_reach_the_task(model: Model):
    async def main() -> None:
        with pytest.raises(ValueError):
            await model.generate([5] * 5000)

    asyncio.run(main())
