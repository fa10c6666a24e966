#!/bin/sh
# Runs the tests of the Python package against .build/release/libmartlet.so. Arguments are flags for pytest: `-k dlpack`,
# `--large` (operators at the largest shapes of real models), `--device nvidia`.
#
# MARTLET_PYTHON names a Python that has PyTorch and transformers; `none` leaves these tests out. MARTLET_LIBRARY names a
# library that was built elsewhere.
set -eu
[ -z "${MARTLET_LIBRARY:-}" ] || MARTLET_LIBRARY=$(realpath "$MARTLET_LIBRARY")
cd "$(dirname "$0")/.."
if [ "${MARTLET_PYTHON:-}" = none ]; then
  printf 'The Python tests are left out: MARTLET_PYTHON is none.\n' >&2
  exit
fi
[ -n "${MARTLET_LIBRARY:-}" ] || scripts/build.sh --quiet
command=$(scripts/install-python-deps.sh)

# Runs Python with the tests' packages behind the sources of this checkout.
python() {
  # shellcheck disable=SC2086 # a command and its arguments
  PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 $command "$@"
}

python scripts/docs-python.py --check
if python -c 'import mypy' 2>/dev/null; then
  python -m mypy --config-file python/pyproject.toml --cache-dir .build/mypy python/martlet python/llaisys
else
  printf 'mypy is not there: the type hints are not checked.\n' >&2
fi
cd python
python -m pytest "$@"
cd ..
if [ $# -eq 0 ]; then
  # The example, and a file of operator tests as a program: with the sources of this checkout, as pytest has them.
  python -c 'import sys, runpy; sys.path.insert(0, "python"); runpy.run_path("examples/python/tour.py", run_name="__main__")'
fi
