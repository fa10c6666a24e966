#!/bin/sh
# Builds the documentation of the library from the comments of its public declarations: .build/docs/Martlet.doccarchive.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
graphs=.build/docs/symbol-graphs
mkdir -p "$graphs"
swift build --quiet --target Martlet --scratch-path .build/docs/build \
  -Xswiftc -emit-symbol-graph -Xswiftc -emit-symbol-graph-dir -Xswiftc "$PWD/$graphs"
# Only Martlet's own public modules, not those of its dependencies.
find "$graphs" -name '*.symbols.json' ! -name 'Martlet*' -delete
docc convert --additional-symbol-graph-dir "$graphs" \
  --fallback-display-name Martlet --fallback-bundle-identifier martlet \
  --output-path .build/docs/Martlet.doccarchive
