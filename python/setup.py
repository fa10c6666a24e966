"""Builds the wheel: the Python files and, beside them, the library `libmartlet.so`.

The library is taken from MARTLET_LIBRARY if that is set, else from the build folder of the checkout that this folder lies
in; where neither has it and a Swift toolchain is there, it is built. The wheel works with every Python 3 and is tagged
with the oldest C library that its `libmartlet.so` asks for.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
NAME = "libmartlet.so"


def library() -> Path:
    """The library to package, built if need be."""
    named = os.environ.get("MARTLET_LIBRARY")
    if named:
        path = Path(named)
        if not path.is_file():
            raise SystemExit(f"MARTLET_LIBRARY names {named}, which is not a file")
        return path
    path = HERE.parent / ".build" / "release" / NAME
    script = HERE.parent / "scripts" / "build.sh"
    if not path.is_file() and script.is_file() and shutil.which("swift"):
        subprocess.run([str(script)], check=True)
    if not path.is_file():
        raise SystemExit(
            f"{NAME} is not there: build it with scripts/build.sh in a checkout of Martlet (needs Swift), "
            "or set MARTLET_LIBRARY to one that was built elsewhere"
        )
    return path


def platform_tag(path: Path) -> str:
    """The wheel's platform: the newest version of the C library among those that the library's symbols name."""
    versions = re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)", path.read_bytes())
    if not versions:
        raise SystemExit(f"{path} names no version of the GNU C library: is it a Linux library?")
    major, minor = max((int(a), int(b)) for a, b in versions)
    return f"manylinux_{major}_{minor}_{platform.machine()}"


class BuildWithLibrary(build_py):
    """Puts the library into the package. An editable installation finds it in the checkout instead."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "martlet", NAME)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(library(), target)


class PlatformWheel(bdist_wheel):
    """A wheel for one platform, but for every Python 3: the library is loaded with ctypes."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", platform_tag(library())


class PlatformDistribution(Distribution):
    """Tells setuptools that the files differ by platform."""

    def has_ext_modules(self) -> bool:
        return True


setup(
    distclass=PlatformDistribution,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
)
