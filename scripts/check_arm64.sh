#!/bin/sh
# Compiles the C loops for 64-bit Arm, to find what only builds on x86. Nothing is run and nothing installed. Needs clang
# (the Swift toolchain brings one) and the C library's headers for that processor (Debian's libc6-dev-arm64-cross).
set -eu
cd "$(dirname "$0")/.."

compiler=${CLANG:-clang}
if ! command -v "$compiler" >/dev/null; then
  echo "check_arm64: skipped: there is no $compiler; name one in CLANG"
  exit 0
fi
headers=${ARM64_HEADERS:-/usr/aarch64-linux-gnu/include}
if [ "$(uname -m)" = aarch64 ]; then
  set --
elif [ -e "$headers/stdio.h" ]; then
  # -nostdlibinc leaves the compiler's own headers and takes away those of this machine's processor.
  set -- --target=aarch64-linux-gnu -nostdlibinc -isystem "$headers"
else
  echo "check_arm64: skipped: no headers at $headers; install libc6-dev-arm64-cross or name a folder in ARM64_HEADERS"
  exit 0
fi

for source in Sources/CMartletSIMD/*.c; do
  "$compiler" "$@" -std=c2x -O2 -Wall -Werror -ISources/CMartletSIMD/include -c -o /dev/null "$source"
done
echo "check_arm64: CMartletSIMD was compiled for arm64; it was not run"
