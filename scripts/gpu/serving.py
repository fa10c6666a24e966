"""How a server on the device bears many clients at once."""

from __future__ import annotations

import contextlib
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator

from report import Failure, Run, checkpoint

# What requests ask for. The first is chosen on the device; so are those that sample from a nucleus.
KINDS = {
    "greedy": ["temperature=0"],
    "top-k 50, top-p 0.95": ["temperature=0.8", "top_k=50", "top_p=0.95", "seed=1"],
}


def serving(run: Run) -> None:
    """256 clients who each wait for their answer, 128 tokens behind 128, streamed; a 1.5B checkpoint of random weights."""
    clients, requests, tokens = (4, 8, 32) if run.small else (256, 512, 128)
    table = run.table(
        f"{clients} clients, {requests} requests of {tokens} tokens behind {tokens}", "requests", "tokens/s", "requests/s",
        "first ms", "p99", "a token ms", "p99 of it", "failed")
    flags = ["--sequences", clients, "--queue", requests, "--cache-tokens", max(2 * tokens, 64) * (clients + 32)]
    with served(run, checkpoint(run), *flags) as address:
        for name, fields in KINDS.items():
            report = run.tool(
                "bench-serve", address, "--requests", requests, "--concurrency", clients, "--prompt-tokens", tokens,
                "--generate-tokens", tokens, *(text for item in fields for text in ("--field", item)))
            first, each = report["time_to_first_token_s"], report["time_per_token_s"]
            failed = report["failed"]
            table.add(
                name, report["generated_tokens_per_s"], report["requests_per_s"], 1e3 * first["p50"], 1e3 * first["p99"],
                1e3 * each["p50"], 1e3 * each["p99"], failed)
            run.expect(failed == 0, f"{failed} of {requests} requests failed")


@contextmanager
def served(run: Run, model: Path, *flags: object) -> Iterator[str]:
    """A server of the model on a port of its own; gives its address."""
    with TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = [str(text) for text in (run.martlet, "serve", model, "--port", 0, "--device", run.device, *flags)]
        run.commands.append(" ".join(command))
        with log.open("w") as output:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True)
        try:
            yield ready(process, log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ready(process: subprocess.Popen, log: Path) -> str:
    """Where the server listens, once the model is loaded."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        places = [line[line.index("http://") :] for line in log.read_text().splitlines() if "http://" in line]
        if places:
            address = places[0].split('"')[0].split()[0].rstrip("/.,")
            with contextlib.suppress(OSError), urllib.request.urlopen(address + "/v1/models", timeout=5):
                return address
        time.sleep(0.1)
    raise Failure(f"the server has no model:\n{log.read_text()[-1500:]}")
