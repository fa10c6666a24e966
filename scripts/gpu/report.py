"""What the parts of measure.py share: running the binary, tables, and the file of results."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "Tests/MartletTests/Goldens"
PYTHON_TESTS = ROOT / "python/tests"


class Failure(Exception):
    """A part cannot go on; the text says why."""


@dataclass
class Run:
    """One part of the measurements: its settings, and what it finds.

    `small` asks for shapes so little that a machine without a GPU can try the scripts.
    """

    part: str
    martlet: Path
    device: str
    small: bool
    commands: list[str] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def python_device(self) -> str:
        """The device as the Python tests name it."""
        return "cpu" if self.device == "cpu" else "nvidia"

    @property
    def torch_device(self) -> str:
        return "cpu" if self.device == "cpu" else "cuda"

    # --- Running ------------------------------------------------------------------------------------------------------

    def call(self, *arguments: object, timeout: float | None = None) -> str:
        """What a command writes to standard output; a Failure with the end of its errors if it fails."""
        command = [str(argument) for argument in arguments]
        self.commands.append(shlex.join(command))
        finished = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        if finished.returncode != 0:
            # Assertions print to both.
            said = (finished.stdout[-500:] + finished.stderr[-1500:]).strip()
            raise Failure(f"{shlex.join(command)} ended with status {finished.returncode}:\n{said}")
        return finished.stdout

    def tool(self, *arguments: object, timeout: float | None = None) -> Any:
        """The JSON that a command of the binary prints."""
        return json.loads(self.call(self.martlet, *arguments, "--json", timeout=timeout))

    def bench(self, shape: str, kind: str, **options: int) -> tuple[dict[str, dict], float]:
        """The results of `martlet bench` by test, and the rate in bytes a second that they are shares of."""
        flags = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", value)]
        report = self.tool("bench", "--shape", shape, "--type", kind, "--device", self.device, *flags)
        return {result["test"]: result for result in report["results"]}, report["limits"]["bandwidth_gb_s"] * 1e9

    # --- Reporting ----------------------------------------------------------------------------------------------------

    def table(self, title: str, *columns: str) -> Table:
        table = Table(title, columns)
        self.tables.append({"title": title, "rows": table.rows})
        return table

    def expect(self, holds: bool, otherwise: str) -> None:
        """Notes what is wrong; the part goes on and fails in the end."""
        if not holds:
            self.wrong.append(otherwise)
            print(f"WRONG: {otherwise}", flush=True)

    def document(self) -> dict[str, Any]:
        return {
            "part": self.part, "date": time.strftime("%Y-%m-%d"), "device": self.device, "devices": self.devices(),
            "host": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
            "versions": versions(), "commands": self.commands, "tables": self.tables, "wrong": self.wrong,
        }

    def devices(self) -> Any:
        found = subprocess.run([str(self.martlet), "devices", "--json"], capture_output=True, text=True)
        return json.loads(found.stdout) if found.returncode == 0 else found.stderr.strip()


class Table:
    """Rows that appear as they are found. Numbers get so many digits as say something."""

    def __init__(self, title: str, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.rows: list[dict[str, Any]] = []
        self.widths = [max(10, len(column) + 2) for column in columns]
        self.widths[0] = 26
        print(f"{title}\n" + "".join(name.ljust(width) for name, width in zip(columns, self.widths)).rstrip())

    def add(self, *values: Any) -> None:
        self.rows.append(dict(zip(self.columns, values)))
        texts = (shown(value).ljust(width - 1) + " " for value, width in zip(values, self.widths))
        print("".join(texts).rstrip(), flush=True)


def shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    return str(value)


def versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("torch", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def import_python_tests() -> None:
    """Makes the Python package and what its tests share importable; the library is $MARTLET_LIBRARY or the package's."""
    sys.path.extend([str(PYTHON_TESTS), str(ROOT / "python")])


def checkpoint(run: Run) -> Path:
    """A checkpoint of DeepSeek-R1-Distill-Qwen-1.5B's shape with random weights, or a tiny one; made where it is missing."""
    place = os.environ.get("MARTLET_CHECKPOINT")
    folder = Path(place) if place else Path(tempfile.gettempdir()) / "martlet-checkpoint"
    folder /= "tiny" if run.small else "r1-qwen-1.5b"
    done = folder / "done"
    if not done.exists():
        script = ROOT / "scripts/make-checkpoint.py"
        run.call(sys.executable, script, folder, *(["--tiny"] if run.small else []))
        done.touch()
    return folder
