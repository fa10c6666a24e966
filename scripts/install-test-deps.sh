#!/bin/sh
# What the tests need beside the toolchain: the default model. Without it the tests of whole models skip and say so.
set -eu
cd "$(dirname "$0")/.."
scripts/fetch-model.sh >/dev/null
