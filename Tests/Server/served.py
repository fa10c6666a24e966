"""A martlet that serves the default model, for the tests of this folder.

MARTLET names the binary; without it, it is .build/release/martlet.
"""

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(
    os.environ.get("MARTLET_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "martlet"
)
MODEL = CACHE / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "smollm2"


def binary() -> str:
    return os.environ.get("MARTLET") or str(ROOT / ".build/release/martlet")


class Served:
    """A running server."""

    def __init__(self, process: subprocess.Popen, address: str, log: Path):
        self.process = process
        self.address = address
        self.log = log

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.read()

    def metrics(self) -> dict[str, float]:
        """Figures by name and labels."""
        lines = self.get("/metrics").decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}

    def logged(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def memory(self) -> int:
        """Bytes of the process that are in memory."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def settle(self, seconds: float = 20) -> dict[str, float]:
        """Waits until the engine holds nothing, and gives the figures."""
        end = time.monotonic() + seconds
        while True:
            figures = self.metrics()
            if not any(
                figures[name]
                for name in (
                    "martlet_running_sequences", "martlet_waiting_sequences", 'martlet_cache_blocks{state="used"}')
            ):
                return figures
            assert time.monotonic() < end, f"the engine does not come to rest: {figures}"
            time.sleep(0.05)


@contextmanager
def serve(
    *flags: str, config: dict | None = None, ready: bool = True, model: str = str(MODEL), port: int = 0,
    environment: dict[str, str] | None = None,
):
    """Runs `martlet serve` until the block ends: on a free port, unless one is named."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = [binary(), "serve", model, "--name", NAME, "--port", str(port), "--device", "cpu", *flags]
        if config is not None:
            path = Path(folder, "config.json")
            path.write_text(json.dumps(config))
            command += ["--config", str(path)]
        with open(log, "wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=output, env=environment)
        try:
            served = Served(process, _address(process, log), log)
            if ready:
                _wait_until_ready(served)
            yield served
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _address(process: subprocess.Popen, log: Path) -> str:
    mark = "listening on "
    for _ in range(3000):
        for line in log.read_text().splitlines():
            if line.startswith("martlet: " + mark):
                return line.split(mark)[1].strip()
        assert process.poll() is None, f"the server ended: {log.read_text()}"
        time.sleep(0.01)
    raise AssertionError("the server does not listen")


def _wait_until_ready(served: Served) -> None:
    for _ in range(6000):
        try:
            served.get("/health")
            return
        except urllib.error.HTTPError as error:
            assert error.code == 503, error
        assert served.process.poll() is None, f"the server ended: {served.log.read_text()}"
        time.sleep(0.01)
    raise AssertionError("the model is not loaded")
