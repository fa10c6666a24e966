#!/bin/sh
# Builds the examples in Swift with what the binary is made of, and runs them if the default model is there.
set -eu
cd "$(dirname "$0")/.."
swift build -c release --static-swift-stdlib -Xswiftc -static-stdlib --quiet --product martlet-tour
swift build -c release --static-swift-stdlib -Xswiftc -static-stdlib --quiet --product martlet-hummingbird
echo "== Example in Swift"
cache=${MARTLET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/martlet}
if [ -e "$cache/models/SmolLM2-135M-Instruct.Q4_1.gguf" ]; then
  .build/release/martlet-tour
  python3 Tests/Server/test_hummingbird.py
else
  echo "  built; not run, since the default model is not in the cache: 'make model' brings it"
fi
