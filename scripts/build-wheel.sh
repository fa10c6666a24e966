#!/bin/sh
# Builds the Python wheel with libmartlet.so inside: .build/wheels/martlet-….whl, and prints its path.
#
# MARTLET_LIBRARY names a library that was built elsewhere; otherwise the one of this checkout is built.
set -eu
[ -z "${MARTLET_LIBRARY:-}" ] || MARTLET_LIBRARY=$(realpath "$MARTLET_LIBRARY")
cd "$(dirname "$0")/.."
[ -n "${MARTLET_LIBRARY:-}" ] || scripts/build.sh --quiet
wheels=$PWD/.build/wheels
rm -rf "$wheels"
mkdir -p "$wheels"
python=${MARTLET_PYTHON:-python3}
# Where the machine's own setuptools will do, nothing is fetched for the build.
isolation=
if $python -c 'import setuptools, sys; sys.exit(tuple(map(int, setuptools.__version__.split(".")[:2])) < (70, 1))' 2>/dev/null; then
  isolation=--no-build-isolation
fi
# shellcheck disable=SC2086 # a command, and a flag or none
$python -m pip wheel --quiet --disable-pip-version-check --no-deps $isolation --wheel-dir "$wheels" ./python >&2
rm -rf python/build python/*.egg-info
ls "$wheels"/*.whl
