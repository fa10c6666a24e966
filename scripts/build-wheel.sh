#!/bin/sh
# Builds the Python wheel with libmartlet.so inside: .build/wheels/martlet-….whl, and prints its path.
#
# MARTLET_LIBRARY names a library that was built elsewhere; otherwise the one of this checkout is built.
set -eu
[ -z "${MARTLET_LIBRARY:-}" ] || MARTLET_LIBRARY=$(realpath "$MARTLET_LIBRARY")
cd "$(dirname "$0")/.."
if [ -z "${MARTLET_LIBRARY:-}" ]; then
  scripts/build.sh --quiet
  MARTLET_LIBRARY=$PWD/.build/release/libmartlet.so
fi
export MARTLET_LIBRARY
python=${MARTLET_PYTHON:-python3}
# Where the machine's own setuptools will do, nothing is fetched for the build.
isolation=
if "$python" -c 'import setuptools, sys; sys.exit(tuple(map(int, setuptools.__version__.split(".")[:2])) < (70, 1))' 2>/dev/null; then
  isolation=--no-build-isolation
fi
# setuptools leaves files beside the sources: in a folder of our own, so that two builds at a time do not meet.
wheels=$PWD/.build/wheels
mkdir -p "$wheels"
folder=$(mktemp -d "$PWD/.build/wheel.XXXXXX")
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/python"
cp -R python/pyproject.toml python/setup.py python/README.md python/martlet python/llaisys "$folder/python"
find "$folder/python" -name __pycache__ -prune -exec rm -rf {} +
# shellcheck disable=SC2086 # a flag or none
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps $isolation --wheel-dir "$folder" "$folder/python" >&2
for wheel in "$folder"/*.whl; do
  mv "$wheel" "$wheels/"
  printf '%s\n' "$wheels/${wheel##*/}"
done
