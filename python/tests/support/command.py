"""The command line of an operator's file: `python tests/ops/linear.py --device cpu --profile`."""

from __future__ import annotations

import argparse

import torch

import martlet

from .operators import DTYPES, Operator, check, check_mistakes
from .race import Result, race

DEVICES = {"cpu": "cpu", "nvidia": "cuda", "metax": "cuda"}


def torch_device(name: str) -> torch.device:
    """PyTorch's name of a device, once Martlet has said that it is there."""
    martlet.require_device(name)
    return torch.device(DEVICES[name])


def main(operator: Operator) -> None:
    """Tests one operator on all its shapes and types; with `--profile` also measures it beside PyTorch."""
    parser = argparse.ArgumentParser(description=f"Tests {operator.name} against PyTorch.")
    parser.add_argument("--device", default="cpu", choices=list(DEVICES))
    parser.add_argument("--profile", action="store_true", help="measure Martlet beside PyTorch at the real shapes")
    parser.add_argument("--threads", type=int, default=2, help="threads on both sides")
    options = parser.parse_args()
    device = torch_device(options.device)
    torch.set_num_threads(options.threads)
    martlet.set_threads(options.threads)
    print(f"Testing {operator.name} on {options.device}")
    for shape in operator.shapes:
        for dtype in DTYPES:
            print(f"   {shape} {dtype}", flush=True)
            check(operator, shape, dtype, device)
            if operator.stridable and not shape.real:
                check(operator, shape, dtype, device, gaps=True)
    check_mistakes(operator, device)
    print("\033[92mTest passed!\033[0m\n")
    if options.profile:
        print(Result.header())
        for shape in (shape for shape in operator.shapes if shape.real):
            for dtype in DTYPES:
                print(race(operator, shape, dtype, device, options.threads).line(), flush=True)
