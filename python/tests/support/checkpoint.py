"""Small checkpoints for tests, made when they are first asked for."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "make-checkpoint.py"


@functools.cache
def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="martlet-checkpoint-")


@functools.cache
def tiny(head: str = "random", dtype: str = "bf16") -> Path:
    """The folder of a tiny Qwen2 with random weights; see scripts/make-checkpoint.py."""
    folder = Path(_folder().name, f"{head}-{dtype}")
    command = [sys.executable, str(SCRIPT), str(folder), "--tiny", "--head", head, "--dtype", dtype]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder
