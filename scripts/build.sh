#!/bin/sh
# Builds the release products, which carry the Swift library with them: the binary .build/release/martlet, and
# .build/release/libmartlet.so, the C library that Python uses too (docs/c-api.md).
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh

# SwiftPM's flag makes programs static; libraries need the compiler's own as well. One set of compiler flags for both
# products, so that they share what is compiled.
build() { swift build -c release --static-swift-stdlib -Xswiftc -static-stdlib "$@"; }

build --product martlet "$@"
# The library shows the functions of its headers; everything else, Swift's library included, stays inside, so that it meets
# no other copy in the same process. -s: no symbols that nobody can use; nodelete: Swift's library cannot be unloaded.
release=$(build --show-bin-path)
python3 scripts/c_api.py exports >"$release/libmartlet.map"
build --product MartletC "$@" -Xlinker --version-script="$release/libmartlet.map" -Xlinker -soname=libmartlet.so \
  -Xlinker -z -Xlinker defs -Xlinker -z -Xlinker nodelete -Xlinker --gc-sections -Xlinker --as-needed -Xlinker -s
# SwiftPM names the file after the product, and a product cannot be called martlet: the binary is.
ln -f "$release/libMartletC.so" "$release/libmartlet.so"
