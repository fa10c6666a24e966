#!/bin/sh
# Measures Martlet beside llama.cpp and PyTorch. ARGS: flags for scripts/bench/compare.py. PYTHON: an interpreter that has both; without it
# scripts/venv.sh makes one, which takes minutes once.
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh --quiet
scripts/fetch-model.sh >/dev/null
if [ -z "${PYTHON:-}" ]; then
  PYTHON=.venv/bin/python
  [ -x "$PYTHON" ] || scripts/venv.sh
fi
# shellcheck disable=SC2086 # ARGS is a list of flags
exec "$PYTHON" scripts/bench/compare.py .build/release/martlet ${ARGS:-}
