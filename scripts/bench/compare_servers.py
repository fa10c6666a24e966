#!/usr/bin/env python3
"""`martlet serve` beside llama-server: the same file, the same requests, the same machine, in turns.

    scripts/bench/compare_servers.py .build/release/martlet llama-server [--rounds 3] [--clients 32] [--requests 96] [--json FILE]

A round starts each server in turn and gives it the same load by `martlet bench-serve`: streamed greedy answers of 128 tokens to prompts of
100 to 300 tokens, with the tokens that end an answer forbidden. Then one client alone: the tokens a second of `bench-serve` with one request at
a time beside those of `martlet complete`. Prints a table of each round and the medians of the ratios.

llama-server comes from the sources in llama-cpp-python's sdist:
`cmake -B build -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON vendor/llama.cpp && cmake --build build --target llama-server`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

SMOLLM2 = Path.home() / ".cache/martlet/models/SmolLM2-135M-Instruct.Q4_1.gguf"
# The ids of SmolLM2's <|im_end|> and <|endoftext|>.
FIELDS = ["--field", "temperature=0", "--field", 'logit_bias={"2":-100,"0":-100}']
GENERATED = 128


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(command: list[str], port: int) -> Iterator[str]:
    """A server's address, once it has loaded its model."""
    address = f"http://127.0.0.1:{port}"
    folder = str(Path(command[0]).resolve().parent)
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "LD_LIBRARY_PATH": folder})
    try:
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{command[0]} does not answer") from None
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def load(martlet: str, address: str, clients: int, requests: int) -> dict:
    command = [
        martlet, "bench-serve", address, "--requests", str(requests), "--concurrency", str(clients), "--prompt-tokens", "100-300",
        "--generate-tokens", str(GENERATED), "--json", *FIELDS]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def host_microseconds(address: str) -> float:
    """Between two steps, on average."""
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if line.startswith("martlet_step") and "{" not in line)
    return float(values["martlet_step_host_microseconds_total"]) / float(values["martlet_steps_total"])


def alone(martlet: str, model: str, threads: int) -> float:
    """Tokens a second that `martlet complete` generates behind a prompt of about 200 tokens."""
    command = [
        martlet, "complete", model, "word " * 200, "--max-tokens", str(GENERATED), "--logit-bias", "2=-100", "--logit-bias", "0=-100",
        "--threads", str(threads), "--device", "cpu", "--json"]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    return result["timing"]["tokens_per_s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet")
    parser.add_argument("llama_server")
    parser.add_argument("--model", default=str(SMOLLM2))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=96)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json")
    options = parser.parse_args()
    threads, rounds = str(options.threads), []
    for number in range(options.rounds):
        port = free_port()
        ours = [options.martlet, "serve", options.model, "--port", str(port), "--threads", threads, "--log-level", "error"]
        with served(ours, port) as address:
            martlet = load(options.martlet, address, options.clients, options.requests)
            martlet["host_us"] = host_microseconds(address)
            one = load(options.martlet, address, 1, 8)
        port = free_port()
        theirs = [
            options.llama_server, "-m", options.model, "--port", str(port), "-t", threads, "-tb", threads, "-np", str(options.clients),
            "-c", str(512 * options.clients)]
        with served(theirs, port) as address:
            llama = load(options.martlet, address, options.clients, options.requests)
        complete = alone(options.martlet, options.model, options.threads)
        rounds.append({"martlet": martlet, "llama-server": llama, "one client": one, "complete": complete})
        for name in ("martlet", "llama-server"):
            result = rounds[-1][name]
            first = result["time_to_first_token_s"]
            print(
                f"round {number + 1}  {name:12}  {result['generated_tokens_per_s']:7.1f} generated tokens/s  first token p50"
                f" {first['p50'] * 1000:6.0f} ms, p99 {first['p99'] * 1000:6.0f} ms  {result['failed']} failed", flush=True)
        print(
            f"round {number + 1}  one client    {1 / one['time_per_token_s']['mean']:7.1f} tokens/s, martlet complete {complete:.1f};"
            f" {martlet['host_us']:.0f} us between steps", flush=True)

    def median(value) -> float:
        return statistics.median(value(one) for one in rounds)

    print("ratios to llama-server, medians: tokens/s", round(median(
        lambda r: r["martlet"]["generated_tokens_per_s"] / r["llama-server"]["generated_tokens_per_s"]), 2), end="")
    for rank in ("p50", "p99"):
        print(f", first token {rank}", round(median(
            lambda r: r["martlet"]["time_to_first_token_s"][rank] / r["llama-server"]["time_to_first_token_s"][rank]), 3), end="")
    print("\none client to martlet complete", round(median(lambda r: 1 / r["one client"]["time_per_token_s"]["mean"] / r["complete"]), 3))
    if options.json:
        Path(options.json).write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
