#!/bin/sh
# Builds the release binary: .build/release/martlet, one file that carries the Swift library with it.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
exec swift build -c release --product martlet --static-swift-stdlib "$@"
