#!/bin/sh
# Runs the tests of the Python package against .build/release/libmartlet.so. Arguments are flags for pytest: `-k dlpack`,
# `--large` (operators at the largest shapes of real models), `--device nvidia`.
#
# MARTLET_PYTHON names a Python that has PyTorch and transformers; `none` leaves these tests out. MARTLET_LIBRARY names a
# library that was built elsewhere.
set -eu
[ -z "${MARTLET_LIBRARY:-}" ] || MARTLET_LIBRARY=$(realpath "$MARTLET_LIBRARY")
case ${MARTLET_PYTHON:-} in
  # Without following links: a virtual environment is known by the path of its Python.
  */*) MARTLET_PYTHON=$(cd "$(dirname "$MARTLET_PYTHON")" && pwd)/${MARTLET_PYTHON##*/} ;;
esac
cd "$(dirname "$0")/.."
if [ "${MARTLET_PYTHON:-}" = none ]; then
  printf 'The Python tests are left out: MARTLET_PYTHON is none.\n' >&2
  exit
fi
[ -n "${MARTLET_LIBRARY:-}" ] || scripts/build.sh --quiet
packages=$(scripts/install-python-deps.sh)

# Runs Python with the tests' packages behind the sources of this checkout.
python() {
  PYTHONPATH=${packages:-${PYTHONPATH:-}} PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 \
    "${MARTLET_PYTHON:-python3}" "$@"
}

python scripts/docs-python.py --check
if [ -z "${MARTLET_PYTHON:-}" ] || python -c 'import mypy' 2>/dev/null; then
  python -m mypy --config-file python/pyproject.toml --cache-dir .build/mypy python/martlet python/llaisys
else
  printf 'MARTLET_PYTHON has no mypy: the type hints are not checked.\n' >&2
fi
(cd python && python -m pytest "$@")
if [ $# -eq 0 ]; then
  # The example, and files of tests as the programs that they are too, all with the sources of this checkout.
  python -c 'import sys, runpy; sys.path.insert(0, "python"); runpy.run_path("examples/python/tour.py", run_name="__main__")'
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  log=$folder/log
  programs() {
    python python/tests/ops/add.py --device cpu &&
      python scripts/make-checkpoint.py "$folder/tiny" --tiny &&
      python python/tests/test_infer.py --model "$folder/tiny" --test --dtype f32 --threads 1
  }
  if ! programs >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
  fi
fi
