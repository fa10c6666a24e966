"""What all tests share: the device they run on, the model they may use, and how an operator's file becomes tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.extend([str(HERE), str(HERE.parent)])

import torch

import martlet
from support.command import DEVICES, torch_device
from support.operators import DTYPES, Operator, check, check_mistakes


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", choices=list(DEVICES), help="where the operators run")
    parser.addoption("--large", action="store_true", help="also the largest shapes of real models, which take minutes")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch_device(request.config.getoption("--device"))


@pytest.fixture(scope="session", autouse=True)
def threads() -> None:
    """As many threads on both sides as the machine has cores for, at most two."""
    count = min(2, len(os.sched_getaffinity(0)))
    torch.set_num_threads(count)
    martlet.set_threads(count)


class OperatorFile(pytest.Module):
    """A file in tests/ops: its own test functions, and those that its description makes."""

    def collect(self):
        yield from super().collect()
        operator: Operator = self.obj.OPERATOR
        for shape in operator.shapes:
            if shape.large and not self.config.getoption("--large"):
                continue
            for dtype in DTYPES:
                yield OperatorCase.from_parent(
                    self, name=f"{shape} {dtype}", operator=operator, case=(shape, dtype, False)
                )
                if operator.stridable and not shape.real:
                    name = f"{shape} {dtype} with gaps"
                    yield OperatorCase.from_parent(self, name=name, operator=operator, case=(shape, dtype, True))
        yield OperatorCase.from_parent(self, name="mistakes", operator=operator, case=None)


class OperatorCase(pytest.Item):
    """One shape, type and layout of an operator, or all its mistakes."""

    def __init__(self, *, operator: Operator, case: tuple | None, **arguments) -> None:
        super().__init__(**arguments)
        self.operator, self.case = operator, case

    def runtest(self) -> None:
        device = torch_device(self.config.getoption("--device"))
        if self.case is None:
            check_mistakes(self.operator, device)
        else:
            shape, dtype, gaps = self.case
            check(self.operator, shape, dtype, device, gaps=gaps)

    def repr_failure(self, excinfo, style=None):
        return self._repr_failure_py(excinfo, style="short")

    def reportinfo(self):
        return self.path, 0, f"{self.operator.name}: {self.name}"


def pytest_pycollect_makemodule(module_path: Path, parent):
    if module_path.parent == HERE / "ops":
        return OperatorFile.from_parent(parent, path=module_path)
    return None
