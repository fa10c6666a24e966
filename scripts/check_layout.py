#!/usr/bin/env python3
"""Checks how the sources are laid out; each finding names file, line and what to do.

Run by `make check`, or alone: `python3 scripts/check_layout.py`. Needs nothing but git and the standard library. A rule
is one function below that yields findings; to add one, write it and put it on the list at the end.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts/gpu"))
import portable  # noqa: E402

CODE = {".swift", ".c", ".h", ".cu", ".cuh", ".py", ".sh"}
LINES_MOST, LINES_WARN = 600, 400
BYTES_MOST = 1 << 20
# From here upwards packages of others may be imported.
FIRST_LAYER_WITH_PACKAGES = "MartletHub"
SYSTEM_MODULES = {"Darwin", "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Musl", "Synchronization"}


@dataclass
class Finding:
    path: str
    line: int
    message: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {'error' if self.is_error else 'warning'}: {self.message}"


# --- What there is ---------------------------------------------------------------------------------------------------


@cache
def files() -> list[Path]:
    """What git tracks, and what it would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (Path(name) for name in sorted(set(names.split("\0"))) if name)
    return [path for path in paths if (ROOT / path).is_file()]


@cache
def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def lines(path: Path) -> Iterator[tuple[int, str]]:
    yield from enumerate(text(path).splitlines(), start=1)


def folders(root: str) -> list[Path]:
    """The folders directly in `root` that hold files of the repository."""
    depth = len(Path(root).parts)
    inside = (p for p in files() if p.is_relative_to(root) and len(p.parts) > depth + 1)
    return sorted({Path(*p.parts[: depth + 1]) for p in inside})


@cache
def manifest() -> dict:
    """The package as SwiftPM understands Package.swift."""
    command = ["swift", "package", "describe", "--type", "json"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{result.stderr}")
    return json.loads(result.stdout)


@cache
def layers() -> dict[str, set[str]]:
    """Every target with the targets that it may import, in the order of Package.swift: lowest first."""
    pattern = r'(?:\blayer\(|\.target\(\s*name:|\.executableTarget\(\s*name:)\s*"(\w+)"'
    names = re.findall(pattern, text(Path("Package.swift")))
    targets = {t["name"]: set(t.get("target_dependencies", [])) for t in manifest()["targets"]}
    return {name: targets[name] for name in names if name in targets}


# --- Rules -----------------------------------------------------------------------------------------------------------


def operators_are_whole() -> Iterator[Finding]:
    """An operator is a folder with its contract, its processor part, its GPU part and a test twin."""
    for folder in folders("Sources/MartletOperators"):
        name = folder.name
        if name == "Support":  # what several operators share
            continue
        needed = [
            folder / f"{name}.swift",
            folder / f"{name}+CPU.swift",
            folder / f"{name}+GPU.swift",
            Path("Tests/MartletOperatorsTests", name, f"{name}Tests.swift"),
        ]
        for path in needed:
            if path not in files():
                yield Finding(str(path), 1, f"operator {name} lacks this file: see docs/adding-an-operator.md")


def tests_have_an_operator() -> Iterator[Finding]:
    names = {folder.name for folder in folders("Sources/MartletOperators")}
    for folder in folders("Tests/MartletOperatorsTests"):
        if (folder / f"{folder.name}Tests.swift") in files() and folder.name not in names:
            yield Finding(str(folder), 1, f"there is no operator {folder.name}: rename or remove its tests")


def files_are_short() -> Iterator[Finding]:
    for path in files():
        if path.suffix not in CODE:
            continue
        count = text(path).count("\n")
        if count > LINES_MOST:
            yield Finding(str(path), count, f"{count} lines, at most {LINES_MOST} are allowed: split it by concern")
        elif count > LINES_WARN:
            yield Finding(str(path), count, f"{count} lines, {LINES_WARN} are the aim: is a layer missing?", False)


def files_are_small() -> Iterator[Finding]:
    for path in files():
        size = (ROOT / path).stat().st_size
        if size > BYTES_MOST:
            yield Finding(str(path), 1, f"{size} bytes, at most {BYTES_MOST} are allowed: make it smaller or fetch it")


def imports_point_down() -> Iterator[Finding]:
    """A target imports what Package.swift lists for it, and that list names only targets further up in the file."""
    order = list(layers())
    for name, dependencies in layers().items():
        for dependency in dependencies:
            if dependency not in order or order.index(dependency) >= order.index(name):
                yield Finding("Package.swift", 1, f"{name} depends on {dependency}, which is not below it in this file")
    access = r"(?:(?:public|package|internal|private|fileprivate)\s+)?"
    pattern = re.compile(rf"^\s*(?:@\w+\s+)*{access}import\s+(?:\w+\s+)?(\w+)")
    lowest_with_packages = order.index(FIRST_LAYER_WITH_PACKAGES)
    for path in files():
        if path.suffix != ".swift" or path.parts[0] != "Sources" or path.parts[1] not in order:
            continue
        target = path.parts[1]
        for number, line in lines(path):
            if not (match := pattern.match(line)):
                continue
            module = match.group(1)
            if module in SYSTEM_MODULES or module in layers()[target]:
                continue
            if module in order:
                yield Finding(str(path), number, f"{target} may not import {module}: see the layers in docs/design.md")
            elif order.index(target) < lowest_with_packages:
                yield Finding(
                    str(path), number,
                    f"{target} may not import {module}: no package of others below {FIRST_LAYER_WITH_PACKAGES}")


def no_lock_file() -> Iterator[Finding]:
    for path in files():
        if path.name == "Package.resolved":
            yield Finding(str(path), 1, "versions are a matter of Package.swift: git rm --cached it")


def no_machine_paths() -> Iterator[Finding]:
    """Nothing may name the machine it was written on, and nothing is left for later in the code."""
    # The brackets keep the rules from finding themselves.
    rules = [
        (re.compile(r"/(?:[w]ork|[r]oot|[h]ome/\w+|[t]mp/\w+|[U]sers/\w+)/"), "somebody's machine: derive the path"),
        (re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX)\b"), "unfinished work: finish it or leave it out"),
        (re.compile(r"[f]atalError\(\"(?:not |un)implemented"), "throw an error that says what is not supported"),
    ]
    for path in files():
        if path.suffix not in CODE | {".md", ".yml", ""} or path.name == "LICENSE":
            continue
        for number, line in lines(path):
            for pattern, advice in rules:
                if pattern.search(line):
                    yield Finding(str(path), number, advice)


def no_unproved_concurrency() -> Iterator[Finding]:
    """`@unchecked Sendable` and `nonisolated(unsafe)` stand beside the comment that proves them."""
    pattern = re.compile(r"@unchecked\s+Sendable|nonisolated\(unsafe\)")
    for path in files():
        if path.suffix != ".swift":
            continue
        code = text(path).splitlines()
        for index, line in enumerate(code):
            if line.lstrip().startswith("//") or not pattern.search(line):
                continue
            above = index - 1
            while above >= 0 and code[above].lstrip().startswith("@"):
                above -= 1
            if "//" not in line and not (above >= 0 and code[above].lstrip().startswith("//")):
                yield Finding(str(path), index + 1, "say in a comment right above why this is safe")


def kernels_are_portable() -> Iterator[Finding]:
    """What is one vendor's stands in the prelude or in parts for NVIDIA; every kernel file is embedded."""
    # The prelude gives vendors' names to all; the others ask what the hardware is, by the vendor's own words.
    vendors_own = {
        Path("Sources/MartletOperators/Support/Device.cuh"), Path("Sources/MartletRuntime/GPU/Identify.cu"),
        Path("Sources/MartletRuntime/GPU/Survey.cu"),
    }
    embedded = text(Path("Sources/CMartletKernels/kernels.c"))
    for path in files():
        if path.suffix not in {".cu", ".cuh"}:
            continue
        if f'"../{path.relative_to("Sources")}"' not in embedded:
            yield Finding(str(path), 1, "name it in Sources/CMartletKernels/kernels.c, or no kernel can use it")
        if path in vendors_own:
            continue
        for number, found in portable.violations(text(path)):
            yield Finding(
                str(path), number, f"{found} is a vendor's own: use Support/Device.cuh, or guard it by MT_PLATFORM_NVIDIA")


RULES = [
    operators_are_whole,
    kernels_are_portable,
    tests_have_an_operator,
    files_are_short,
    files_are_small,
    imports_point_down,
    no_lock_file,
    no_machine_paths,
    no_unproved_concurrency,
]


def main() -> int:
    findings = [finding for rule in RULES for finding in rule()]
    for finding in findings:
        print(finding, file=sys.stderr)
    errors = sum(finding.is_error for finding in findings)
    print(f"layout: {len(RULES)} rules, {len(files())} files, {errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
