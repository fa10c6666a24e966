#!/bin/sh
# Makes .venv with what scripts/goldens, scripts/reference and scripts/bench import. Usage: scripts/venv.sh [PYTHON]
# Building and testing Martlet need none of it. llama-cpp-python compiles llama.cpp for this very processor, which takes minutes.
set -eu

cd "$(dirname "$0")/.."
python="${1:-python3}"
requirements=scripts/goldens/requirements.txt
torch="$(sed -n 's/^torch==//p' "$requirements")"

[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --upgrade pip

# The CPU build is a tenth of the size, but not every package index carries it.
if ! .venv/bin/python -m pip install --quiet "torch==$torch+cpu" 2>/dev/null; then
  .venv/bin/python -m pip install --quiet "torch==$torch"
fi
# A local version such as 2.13.0+cpu satisfies the ==2.13.0 of the list, so this keeps it.
.venv/bin/python -m pip install --quiet --requirement "$requirements"
.venv/bin/python -c 'import torch; print("torch", torch.__version__, "in .venv")'
