#!/bin/sh
# Installs what the tests of the Python package import into .build/python, and prints how to call Python with it.
#
# Nothing else on the machine changes, and neither root nor a virtual environment is needed: pip puts the packages into that
# folder, and PYTHONPATH leads to it. MARTLET_PYTHON names a Python that has everything; then nothing is installed.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${MARTLET_PYTHON:-}" ]; then
  printf '%s\n' "$MARTLET_PYTHON"
  exit
fi
fail() {
  printf 'install-python-deps: %s\n' "$*" >&2
  exit 69
}
requirements=python/tests/requirements.txt
folder=.build/python
stamp=$folder/.installed
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "Python 3.10 or newer is needed for PyTorch: set MARTLET_PYTHON"
if ! cmp -s "$requirements" "$stamp"; then
  torch=$(sed -n 's/^torch==//p' "$requirements")
  rm -rf "$folder"
  mkdir -p "$folder"
  printf 'install-python-deps: installing PyTorch and transformers into %s\n' "$folder" >&2
  install() { python3 -m pip install --quiet --disable-pip-version-check --target "$folder" "$@" >&2; }
  # The CPU build is a tenth of the size, but not every package index carries it. In one call, so that nothing that needs
  # PyTorch brings another one.
  sed "s/^torch==.*/torch==$torch+cpu/" "$requirements" >"$folder.txt"
  if ! install --requirement "$folder.txt" 2>/dev/null; then
    install --requirement "$requirements" ||
      fail "pip could not install them; MARTLET_PYTHON=none leaves the Python tests out, MARTLET_PYTHON=path uses another Python"
  fi
  rm -f "$folder.txt"
  cp "$requirements" "$stamp"
fi
printf 'env PYTHONPATH=%s python3\n' "$PWD/$folder"
