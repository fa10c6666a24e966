#!/usr/bin/env python3
"""Keeps `martlet serve` busy with good, bad and rude clients, and checks every answer.

    scripts/soak.py --seconds 600                # what docs/reliability.md reports
    scripts/soak.py --seconds 20 --clients 16    # what the tests run

The expected text of each prompt comes from `martlet complete`, another process with the batch to itself. Prints one JSON
object and ends with status 1 if an answer differed, an error was not the expected one, the server ended, the engine did not
come to rest, or its memory grew. Needs the standard library only; MARTLET names the binary.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests/Server"))
from served import MODEL, binary, serve  # noqa: E402

PROMPTS = [
    "Once upon a time", "The capital of France is", "def fibonacci(n):", "Dear Sir or Madam,", "1, 2, 3, 4,",
    "The three primary colours are", "In the beginning", "import numpy as np\n", "Roses are red,", "To be or not to be",
    "The quick brown fox " * 12 + "jumps", "A long list of words: " + "word " * 150,
]
LENGTHS = (4, 12, 40)


def expected_texts() -> dict[tuple[int, int], str]:
    """What a process of its own generates greedily for each prompt and length."""
    texts = {}
    for number, prompt in enumerate(PROMPTS):
        command = [binary(), "complete", str(MODEL), prompt, "--max-tokens", str(max(LENGTHS)), "--json", "--device", "cpu"]
        result = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for length in LENGTHS:
            command[command.index("--max-tokens") + 1] = str(length)
            texts[number, length] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["text"]
        assert result["text"].startswith(texts[number, LENGTHS[0]])
    return texts


class Failure(Exception):
    """The server did something wrong."""


class Client:
    """One of many that send one request after the other, each of a kind drawn at random."""

    def __init__(self, port: int, texts: dict, seed: int, counts: Counter):
        self.port = port
        self.texts = texts
        self.random = random.Random(seed)
        self.counts = counts

    async def run(self, end: float) -> None:
        kinds = {
            self.whole: 6, self.stream: 8, self.several: 2, self.cancel: 4, self.vanish: 3, self.malformed: 3,
            self.garbage: 2, self.oversize: 1, self.slow_reader: 2, self.slow_sender: 1, self.figures: 1,
        }
        while time.monotonic() < end:
            kind = self.random.choices(list(kinds), list(kinds.values()))[0]
            await asyncio.wait_for(kind(), 300)
            self.counts[kind.__name__] += 1

    def body(self, **fields) -> tuple[dict, str]:
        number, length = self.random.randrange(len(PROMPTS)), self.random.choice(LENGTHS)
        body = {"prompt": PROMPTS[number], "max_tokens": length, "temperature": 0, "priority": self.random.randint(-2, 2)}
        if self.random.random() < 0.3:
            body["cache_salt"] = str(self.random.randrange(3))
        return body | fields, self.texts[number, length]

    async def open(self, data: bytes):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        return reader, writer

    def request(self, body: dict | bytes) -> bytes:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return (
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(data)
        ) + data

    async def answer(self, data: bytes, pause: float = 0) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        reader, writer = await self.open(data)
        text = b""
        try:
            while part := await reader.read(64 if pause else 65536):
                text += part
                if pause:
                    await asyncio.sleep(pause)
        finally:
            writer.close()
        head, _, body = text.partition(b"\r\n\r\n")
        if b"chunked" in head.lower():
            body = unchunked(body)
        return int(head.split(b" ")[1]), body

    def check(self, found: str, expected: str, body: dict) -> None:
        if found != expected:
            raise Failure(f"wrong text for {body}: {found!r}, expected {expected!r}")

    async def whole(self):
        body, expected = self.body()
        status, data = await self.answer(self.request(body))
        if status == 429:
            self.counts["refused"] += 1
            return
        if status != 200:
            raise Failure(f"status {status} for {body}: {data[:300]!r}")
        self.check(json.loads(data)["choices"][0]["text"], expected, body)

    async def several(self):
        body, expected = self.body(n=3)
        status, data = await self.answer(self.request(body))
        if status == 429:
            self.counts["refused"] += 1
            return
        for choice in json.loads(data)["choices"]:
            self.check(choice["text"], expected, body)

    async def stream(self, pause: float = 0):
        body, expected = self.body(stream=True)
        status, data = await self.answer(self.request(body), pause)
        if status == 429:
            self.counts["refused"] += 1
            return
        events = [line[6:] for line in data.decode().split("\n") if line.startswith("data: ")]
        if events[-1:] != ["[DONE]"]:
            raise Failure(f"a stream ends with {events[-1:]} for {body}")
        self.check("".join(json.loads(event)["choices"][0]["text"] for event in events[:-1]), expected, body)

    async def slow_reader(self):
        await self.stream(pause=0.01)

    async def cancel(self):
        body, expected = self.body(stream=True, max_tokens=max(LENGTHS))
        reader, writer = await self.open(self.request(body))
        text = b""
        for _ in range(self.random.randint(1, 10)):
            text += await reader.read(200)
        if b" 200 " in text:
            # The last event may have been cut off, and so may its chunk.
            events = text.decode(errors="replace").split("\n\n")[:-1]
            lines = [line[6:] for event in events for line in event.split("\n") if line.startswith("data: {")]
            prefix = "".join(json.loads(line)["choices"][0]["text"] for line in lines)
            full = self.texts[PROMPTS.index(body["prompt"]), max(LENGTHS)]
            if not full.startswith(prefix):
                raise Failure(f"wrong text before a cancel: {prefix!r}, expected a beginning of {full!r}")
        self.end(writer)

    async def vanish(self):
        body, _ = self.body(max_tokens=max(LENGTHS), stream=self.random.random() < 0.5)
        _, writer = await self.open(self.request(body)[: self.random.choice([None, None, 60, -5])])
        await asyncio.sleep(self.random.random() * 0.1)
        self.end(writer)

    def end(self, writer) -> None:
        if self.random.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()

    async def malformed(self):
        body, _ = self.body()
        wrong = self.random.choice([
            b"{", b"[]", b'{"prompt": 1.5}', json.dumps(body | {"temperature": "hot"}).encode(),
            json.dumps(body | {"unknown": 1}).encode(), json.dumps(body | {"n": 10**9}).encode(),
            json.dumps(body | {"prompt": [10**7]}).encode(), json.dumps(body | {"max_tokens": 10**6}).encode(),
            json.dumps(body | {"stop": [""]}).encode(), b"\xff" * 100, b"[" * 10_000,
        ])
        status, data = await self.answer(self.request(wrong))
        if status != 400 or "error" not in json.loads(data):
            raise Failure(f"status {status} for {wrong[:200]!r}: {data[:200]!r}")

    async def garbage(self):
        data = self.random.randbytes(self.random.randint(1, 3000)) + b"\r\n\r\n"
        try:
            reader, writer = await self.open(data)
            await asyncio.wait_for(reader.read(1000), 0.2)
            self.end(writer)
        except (ConnectionError, asyncio.TimeoutError):
            pass

    async def oversize(self):
        status, _ = await self.answer(self.request({"prompt": "word " * 20_000}))
        if status != 400:
            raise Failure(f"status {status} for a prompt that does not fit")
        try:
            status, _ = await self.answer(self.request(b'"' + b"x" * (9 << 20) + b'"'))
        except (ConnectionError, IndexError):
            return  # Refused while it was still being sent.
        if status != 413:
            raise Failure(f"status {status} for a body that is too large")

    async def slow_sender(self):
        body, expected = self.body()
        data = self.request(body)
        reader, writer = await self.open(data[:20])
        for start in range(20, len(data), 40):
            writer.write(data[start : start + 40])
            await writer.drain()
            await asyncio.sleep(0.01)
        text = await reader.read()
        writer.close()
        if b" 200 " in text.split(b"\r\n")[0]:
            self.check(json.loads(text.partition(b"\r\n\r\n")[2])["choices"][0]["text"], expected, body)

    async def figures(self):
        status, data = await self.answer(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        if status != 200 or b"martlet_steps_total" not in data:
            raise Failure(f"status {status} for the figures")


def unchunked(data: bytes) -> bytes:
    """The content of a chunked body."""
    content = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        count = int(size, 16)
        content += data[:count]
        data = data[count + 2 :]
    return content


async def drive(served, options, texts) -> tuple[Counter, list[int], list[str]]:
    counts: Counter = Counter()
    end = time.monotonic() + options.seconds
    clients = [
        asyncio.create_task(Client(served.port, texts, options.seed + number, counts).run(end))
        for number in range(options.clients)
    ]
    memory, failures = [], []
    while not all(client.done() for client in clients):
        await asyncio.wait(clients, timeout=max(0.5, options.seconds / 100), return_when=asyncio.FIRST_EXCEPTION)
        memory.append(served.memory())
        failures += [repr(c.exception()) for c in clients if c.done() and not c.cancelled() and c.exception()]
        if failures:
            for client in clients:
                client.cancel()
            break
    return counts, memory, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    texts = expected_texts()
    # A cache that holds few of them, so that sequences are thrown out and computed again.
    config = {"queue": 24, "sequences": 12, "context": 512, "cache_tokens": 640}
    with serve(config=config) as served:
        counts, memory, failures = asyncio.run(drive(served, options, texts))
        figures = served.settle(60) if served.process.poll() is None else {}
        alive = served.process.poll() is None
    half = len(memory) // 2
    first, last = max(memory[:half] or [0]), max(memory[half:] or [0])
    report = {
        "seconds": options.seconds, "clients": options.clients, "requests": dict(sorted(counts.items())),
        "answers": sum(counts.values()), "failures": failures, "alive": alive,
        "memory_mb": {"first_half_max": first >> 20, "second_half_max": last >> 20},
        "tokens": figures.get("martlet_generated_tokens_total"),
        "preemptions": figures.get("martlet_preemptions_total"),
        "cancelled": figures.get("martlet_cancelled_requests_total"),
    }
    print(json.dumps(report, indent=2))
    # What a request costs for a moment is not growth; a tenth of the model's weight for nothing would be.
    grew = last > first * 1.1 + (8 << 20)
    return 1 if failures or not alive or grew else 0


if __name__ == "__main__":
    sys.exit(main())
