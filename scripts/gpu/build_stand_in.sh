#!/bin/sh
# Builds the library that stands in for MetaX's (Tests/StandInMetaX), for tests: never installed.
#
#   scripts/gpu/build_stand_in.sh OUTPUT [-DSTAND_IN_HPCC] [-DSTAND_IN_CODE] [-DSTAND_IN_WITHOUT_GRAPHS]
#
# Then, on a machine with a GPU of NVIDIA's, or with host memory and no kernels that run on any other:
#   MARTLET_MACA_RUNTIME=OUTPUT MARTLET_ALLOW_STAND_IN=1 martlet doctor --device metax
set -eu
[ $# -ge 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64; }
output=$1
shift
compiler=$(command -v cc || command -v clang || true)
swift=$(command -v swift || true)
[ -n "$compiler" ] || [ -z "$swift" ] || compiler=$(dirname "$(readlink -f "$swift")")/clang
[ -n "$compiler" ] || { echo "build_stand_in: no C compiler; clang comes with Swift's toolchain" >&2; exit 69; }
exec "$compiler" -std=gnu11 -O1 -fPIC -shared -pthread -Wall -Wextra -Werror "$@" -o "$output" \
  "$(dirname "$0")"/../../Tests/StandInMetaX/*.c -ldl
