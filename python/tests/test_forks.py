"""Children of `os.fork`: an error where the library would wait for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from martlet import _library

# What a child prints, by what its parent did. An alarm ends a child that hangs.
PROGRAM = """
import os, signal, sys
import llaisys, martlet

def child(call):
    sys.stdout.flush()
    process = os.fork()
    if process:
        assert os.waitpid(process, 0)[1] == 0
        return
    signal.alarm(30)
    try:
        call()
        print("works")
    except martlet.MartletError as error:
        print("spawn" in str(error))
    sys.exit()

child(lambda: martlet.ops.add(*[martlet.Tensor((1 << 20,))] * 2))
tensor, theirs, api = martlet.Tensor((1 << 20,)), llaisys.Tensor((4,)), llaisys.RuntimeAPI(llaisys.DeviceType.CPU)
martlet.ops.add(tensor, tensor)
child(lambda: martlet.ops.add(tensor, tensor))
child(lambda: llaisys.Ops.add(theirs, theirs, theirs))
child(lambda: api.device_synchronize())
martlet.ops.add(tensor, tensor)
"""


def test_children_of_a_process_that_used_the_library_get_an_error():
    paths = [str(Path(_library.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, env=environment
    )
    assert (result.returncode, result.stdout.split()) == (0, ["works", "True", "True", "True"]), result.stderr
