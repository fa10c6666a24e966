#!/usr/bin/env python3
"""Compiles every kernel for several architectures, as Martlet does at run time, without a GPU.

Usage: check_kernels.py [--verbose] [SOURCE …]. Fails if a kernel does not compile, if one whose source says "Spills: none"
spills registers or uses local memory, or if the assembler ignored what a kernel asks for. The run-time compiler is taken
from $MARTLET_NVRTC (a path to libnvrtc.so), from the Python package nvidia-cuda-nvrtc of this Python, or from one that this
script installs into .build/nvrtc.
"""

import argparse
import ctypes
import re
import subprocess
import sys
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KERNELS = ROOT / "Sources/CMartletKernels/kernels.c"
ARCHITECTURES = ["sm_80", "sm_89", "sm_90a", "sm_100"]
# The options of CUDACompiler.swift, and a report.
OPTIONS = ["--std=c++17", "--device-as-default-execution-space", "-DMT_PLATFORM_NVIDIA=1", "--ptxas-options=-v"]
PACKAGE = "nvidia-cuda-nvrtc==13.0.88"
# What ptxas says when it leaves something out: setmaxnreg ignored, wgmma serialised.
IGNORED = re.compile(r"C7508|C7510")


def find_compiler() -> Path:
    if named := os.environ.get("MARTLET_NVRTC"):
        return Path(named)
    installed = ROOT / ".build/nvrtc"
    for attempt in range(2):
        for folder in [*map(Path, sys.path), installed]:
            for path in sorted(folder.glob("nvidia/*/lib/libnvrtc.so.1[0-9]"), reverse=True):
                return path
        if attempt == 0:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(installed), PACKAGE]
            subprocess.run(command, check=True)
    sys.exit(f"{PACKAGE} has no libnvrtc")


class Compiler:
    def __init__(self, path: Path):
        # It opens this by its bare name, in folders that the system does not search.
        for builtins in path.parent.glob("libnvrtc-builtins.so*"):
            ctypes.CDLL(str(builtins))
        self.library = ctypes.CDLL(str(path))

    @property
    def version(self) -> str:
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        return f"{major.value}.{minor.value}"

    def compile(
        self, name: str, source: str, architecture: str, options: list[str] = OPTIONS
    ) -> tuple[bool, str, int]:
        """Whether it worked, the log, and the bytes of machine code."""
        options = [f"--gpu-architecture={architecture}", *options]
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        self.library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), name.encode(), 0, None, None)
        array = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        worked = self.library.nvrtcCompileProgram(program, len(options), array) == 0
        self.library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.library.nvrtcGetProgramLog(program, log)
        size.value = 0
        self.library.nvrtcGetCUBINSize(program, ctypes.byref(size))
        self.library.nvrtcDestroyProgram(ctypes.byref(program))
        return worked, log.value.decode(errors="replace"), size.value


def sources() -> dict[str, str]:
    """Each kernel file with what stands before it, in the order of kernels.c."""
    paths = [(KERNELS.parent / path).resolve() for path in re.findall(r'^#embed "(.+)"', KERNELS.read_text(), re.M)]
    parts = {path: f'#line 1 "{path.name}"\n{path.read_text()}\n' for path in paths}
    prelude = "".join(text for path, text in parts.items() if path.suffix != ".cu")
    return {path.name: prelude + text for path, text in parts.items() if path.suffix == ".cu"}


def findings(source: str, log: str) -> list[str]:
    """What is wrong with a compiled kernel, by the assembler's report."""
    found = [line for line in log.splitlines() if IGNORED.search(line)]
    # The check is for a file's own words, which come last.
    if "Spills: none" in source[source.rindex("#line 1") :]:
        entry = ""
        for line in log.splitlines():
            if match := re.search(r"Function properties for (\S+)", line):
                entry = match.group(1)
            if match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
                if any(int(number) for number in match.groups()):
                    found.append(f"{entry}: {match.group(0)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbose", action="store_true", help="print the most registers of each file")
    parser.add_argument("names", nargs="*", help="files such as Add.cu (default: all)")
    arguments = parser.parse_args()
    compiler = Compiler(find_compiler())
    chosen = {name: text for name, text in sources().items() if not arguments.names or name in arguments.names}
    jobs = [(name, text, architecture) for name, text in chosen.items() for architecture in ARCHITECTURES]
    failures = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: compiler.compile(*job), jobs)
        for (name, text, architecture), (worked, log, size) in zip(jobs, results):
            wrong = findings(text, log) if worked else [log]
            failures += bool(wrong)
            for line in wrong:
                print(f"{name} for {architecture}: {line}", file=sys.stderr)
            if arguments.verbose:
                registers = [int(number) for number in re.findall(r"Used (\d+) registers", log)]
                print(f"{name:22} {architecture:7} {max(registers, default=0):4} registers {size:8} bytes")
    print(f"kernels: {len(chosen)} files, {len(ARCHITECTURES)} architectures, NVRTC {compiler.version}, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
