#!/usr/bin/env python3
"""Reads every kernel as MetaX's compiler gets it, with Clang and without MetaX's toolchain.

Usage: check_metax.py [SOURCE …]. The text is what Martlet hands to MetaX's run-time compiler: the same files as for NVIDIA
behind MetaX's definitions. Clang reads it for a processor whose waves have 64 lanes, against `metax_declarations.h`, which
knows what both vendors share and refuses masks of 32 bits. NVIDIA's compiler gets the same text for waves of 32 lanes, as the
library that stands in for MetaX's hands it on. This shows that no kernel needs what only NVIDIA has; it does not show that
MetaX's own compiler takes it.
"""

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check_kernels import Compiler, find_compiler, sources

DECLARATIONS = Path(__file__).resolve().parent / "metax_declarations.h"
# What MetaXCompiler.swift puts ahead of the source, by the lanes of a wave.
DEFINITIONS = "#define MT_PLATFORM_METAX 1\n#define MT_WAVE {}\n"
# Of Tests/StandInMetaX/nvidia.c; the virtual architecture makes no machine code, which check_kernels.py has looked at.
STAND_IN = ("compute_80", ["--std=c++17", "--device-as-default-execution-space"])
# What is compiled before the lanes are known has nothing ahead of it.
ALONE = "Identify.cu"
# HIP is the dialect of Clang that is nearest: device code for waves of 64 lanes. Only reading is needed, which Clang does
# for targets that it generates no code for.
OPTIONS = ["-cc1", "-x", "hip", "-triple", "amdgcn-amd-amdhsa", "-target-cpu", "gfx906", "-fcuda-is-device", "-std=c++17",
           "-Wall", "-Werror", "-Wno-unknown-pragmas", "-Wno-unused-function", "-Wno-unused-variable",
           "-Wno-unused-const-variable", "-Wno-sign-compare", "-Wno-pragma-once-outside-header", "-Wno-cuda-compat", "-include", str(DECLARATIONS), "-fsyntax-only", "-"]
# What must not pass, or passing says nothing.
REFUSED = {
    "a mask of 32 bits": "KERNEL(64) k(float *p) { *p = __shfl_sync(0xffffffffu, *p, 0, 32); }",
    "a mask without a type": "KERNEL(64) k(float *p) { __syncwarp(-1); }",
    "NVIDIA's assembler": 'KERNEL(64) k(float *p) { asm volatile("ld.global.f32 %0, [%1];" : "=f"(*p) : "l"(p)); }',
    "NVIDIA's conversion of addresses": "KERNEL(64) k(float *p) { *p = (float)__cvta_generic_to_shared(p); }",
    "matrix units": "KERNEL(64) k(float *p) { u32 a[4], b[2]; multiply_add<bf16>(p, a, b); }",
    "a function of the host": "int f(); KERNEL(64) k(int *p) { *p = f(); }",
    "a second number of launch bounds": "extern \"C\" __global__ void __launch_bounds__(64, 2) k(float *p) {}",
}


def find_clang() -> str:
    """The one beside Swift, else any."""
    swift = shutil.which("swift")
    beside = Path(swift).resolve().parent / "clang" if swift else None
    found = str(beside) if beside and beside.exists() else shutil.which("clang")
    return found or sys.exit("clang is missing: it comes with Swift's toolchain")


def read(clang: str, text: str) -> str:
    """What Clang says of a source; empty if it takes it."""
    result = subprocess.run([clang, *OPTIONS], input=text, capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stderr or f"clang ended with {result.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="files such as Add.cu (default: all)")
    arguments = parser.parse_args()
    clang, files = find_clang(), sources()
    chosen = [name for name in files if not arguments.names or name in arguments.names]
    prelude = next(iter(files.values()))
    prelude = prelude[: prelude.rindex("#line 1")]
    nvidia = Compiler(find_compiler())

    def text(name: str, wave: int) -> str:
        return files[name][files[name].rindex("#line 1") :] if name == ALONE else DEFINITIONS.format(wave) + files[name]

    failures = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, words in zip(chosen, pool.map(lambda name: read(clang, text(name, 64)), chosen)):
            if words:
                failures.append(f"{name}: {words}")
        wrong = [DEFINITIONS.format(64) + prelude + kernel for kernel in REFUSED.values()]
        for name, words in zip(REFUSED, pool.map(lambda source: read(clang, source), wrong)):
            if not words:
                failures.append(f"{name} was taken: the check is blind to it")
        for name, result in zip(chosen, pool.map(lambda name: nvidia.compile(name, text(name, 32), *STAND_IN), chosen)):
            if not result[0]:
                failures.append(f"{name} for the stand-in: {result[1]}")
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"MetaX: {len(chosen)} files read, {len(REFUSED)} wrong ones refused, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
