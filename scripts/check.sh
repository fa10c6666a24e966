#!/bin/sh
# Everything that is checked without running Martlet: the same for people and for continuous integration.
set -eu
cd "$(dirname "$0")/.."

step() { printf '== %s\n' "$*"; }

step "Setup"
scripts/setup.sh

step "Formatter (make format repairs what it reports)"
swift format lint --strict --recursive --parallel Package.swift Sources Tests Fuzz examples

step "Layout of the sources"
python3 scripts/check_layout.py

step "Documentation of the C interface"
python3 scripts/c_api.py docs --check

step "Kernels for every GPU architecture (no GPU needed)"
python3 scripts/gpu/portable.py
python3 scripts/gpu/check_kernels.py
python3 scripts/gpu/check_metax.py

step "Release build (Package.swift makes every warning an error)"
scripts/build.sh --quiet
