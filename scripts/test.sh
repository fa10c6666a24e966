#!/bin/sh
# Builds and runs all tests. ARGS: more flags for `swift test`, such as `--filter MartletTensorTests`.
#
# The tests run the optimised code that users run; without optimisation the C loops alone would take minutes
# (docs/decisions/0002-tests-in-release.md). They have a build folder of their own: the static build of the binary and
# the dynamic one of the tests differ in every compiler call, so that in one folder each would undo the other.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
if [ -x scripts/install-test-deps.sh ]; then
  scripts/install-test-deps.sh
fi
# `swift test` would build too, but tells of each of thousands of cases unless it is quiet, and then of no progress.
swift build -c release --build-tests --scratch-path .build/tests -Xswiftc -enable-testing
# shellcheck disable=SC2086 # ARGS is a list of flags
exec swift test -c release --scratch-path .build/tests --skip-build --disable-xctest --quiet ${ARGS:-} "$@"
