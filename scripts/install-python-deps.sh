#!/bin/sh
# Installs what the tests of the Python package import into .build/python, and prints that folder, for PYTHONPATH.
#
# Nothing else on the machine changes, and neither root nor a virtual environment is needed. Where MARTLET_PYTHON names a
# Python, which then has everything, nothing is installed and nothing printed. MARTLET_TORCH_INDEX names a further package
# index, such as PyTorch's own with the builds for processors only.
set -eu
cd "$(dirname "$0")/.."

[ -z "${MARTLET_PYTHON:-}" ] || exit 0
fail() {
  printf 'install-python-deps: %s\n' "$*" >&2
  exit 69
}
requirements=python/tests/requirements.txt
folder=$PWD/.build/python
stamp=$folder/.installed
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "the tests' packages (NumPy, transformers) need Python 3.11 or newer: name one that has them with MARTLET_PYTHON=path, or leave the Python tests out with MARTLET_PYTHON=none"
if ! cmp -s "$requirements" "$stamp"; then
  torch=$(sed -n 's/^torch==//p' "$requirements")
  # Into an empty folder, which nothing of an attempt that was cut off is left in.
  install() {
    rm -rf "$folder"
    mkdir -p "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --target "$folder" \
      ${MARTLET_TORCH_INDEX:+--extra-index-url "$MARTLET_TORCH_INDEX"} --requirement "$1" >&2
  }
  printf 'install-python-deps: installing PyTorch and transformers into %s\n' "$folder" >&2
  # The CPU build is a tenth of the size, but not every package index carries it. In one call, so that nothing that needs
  # PyTorch brings another one.
  mkdir -p .build
  sed "s/^torch==.*/torch==$torch+cpu/" "$requirements" >"$folder.txt"
  log=$folder.log
  if ! install "$folder.txt" 2>"$log"; then
    if ! grep -q 'No matching distribution found for torch==' "$log"; then
      cat "$log" >&2
      fail "pip could not install them; MARTLET_PYTHON=none leaves the Python tests out, MARTLET_PYTHON=path uses another Python"
    fi
    printf 'install-python-deps: the package index has no torch %s+cpu; taking the build for GPUs, which is gigabytes. MARTLET_TORCH_INDEX can name an index that has it.\n' "$torch" >&2
    install "$requirements" ||
      fail "pip could not install them; MARTLET_PYTHON=none leaves the Python tests out, MARTLET_PYTHON=path uses another Python"
  fi
  rm -f "$folder.txt" "$log"
  cp "$requirements" "$stamp"
fi
printf '%s\n' "$folder"
