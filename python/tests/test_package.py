"""The package itself: its wheel, its page of documentation, its hints."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import martlet
from martlet import _library

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys
sys.path.insert(0, sys.argv[1])
import martlet, llaisys
assert martlet.__file__.startswith(sys.argv[1]) and martlet._library.library_path().parent.name == "martlet"
assert martlet.ops.add(*[martlet.Tensor((2,))] * 2).shape == (2,)
assert llaisys.RuntimeAPI(llaisys.DeviceType.CPU).get_device_count() == 1
print(martlet.__version__, sorted(name for name in ("numpy", "torch", "safetensors") if name in sys.modules))
"""


def run(*command: object, **environment: str) -> str:
    result = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return result.stdout.strip()


def test_the_wheel_carries_everything(tmp_path: Path):
    """Without site-packages there is nothing but Python's own library."""
    setuptools = pytest.importorskip("setuptools", "70.1")
    assert setuptools
    library = str(_library.library_path())
    wheel = Path(run(ROOT / "scripts" / "build-wheel.sh", MARTLET_LIBRARY=library, MARTLET_PYTHON=sys.executable))
    version, tag, *platform = wheel.stem.split("-")[1:]
    assert version == martlet.__version__ and tag == "py3" and "manylinux_2_" in platform[-1]
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", tmp_path, wheel)
    environment = {key: "" for key in ("MARTLET_LIBRARY", "PYTHONPATH")}
    assert run(sys.executable, "-I", "-S", "-c", PROBE, tmp_path, **environment) == f"{martlet.__version__} []"


def test_a_library_that_is_not_there_is_an_error_that_says_where_it_was_sought():
    command = [sys.executable, "-c", "import martlet"]
    environment = {**os.environ, "MARTLET_LIBRARY": "nowhere/libmartlet.so", "PYTHONPATH": str(ROOT / "python")}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 1 and "MARTLET_LIBRARY names nowhere/libmartlet.so" in result.stderr


def test_the_page_is_what_the_docstrings_say():
    run(sys.executable, ROOT / "scripts" / "docs-python.py", "--check")


def test_all_public_names_are_there():
    for module in (martlet, martlet.ops):
        assert all(getattr(module, name).__doc__ for name in module.__all__)


def test_hints_of_options_are_the_fields_of_sampling():
    tree = ast.parse((ROOT / "python" / "martlet" / "model.py").read_text(encoding="utf-8"))
    fields = {
        node.name: [(s.target.id, ast.unparse(s.annotation)) for s in node.body if isinstance(s, ast.AnnAssign)]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    assert fields["SamplingOptions"] == fields["Sampling"]
