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
swift build -c release --build-tests --scratch-path .build/tests -Xswiftc -enable-testing

# The runner tells of each of thousands of cases that it began and passed, or, with --quiet, not even what it skipped. What
# failed, what was skipped and why, and the closing line are what is worth reading here; the rest goes into the log, since
# it tells which tests were under way in a crash. The argument of a case can have several lines, up to the one that
# ends in "started." POSIX sh knows no status of a pipe's first command, so that goes through a file.
log=.build/tests/log.txt
status=.build/tests/status
rm -f "$status"
# shellcheck disable=SC2086 # ARGS is a list of flags
{
  code=0
  swift test -c release --scratch-path .build/tests --skip-build --disable-xctest ${ARGS:-} "$@" 2>&1 || code=$?
  echo "$code" >"$status"
} | tee "$log" | awk '
  inside { inside = !/ started\.$/; next }
  /^✔ Test run with / { print; next }
  /^(◇|✔) (Suite|Test) / { inside = /^◇/ && !/ started\.$/; next }
  { print; fflush() }'
code=$(cat "$status")
if [ "$code" -ne 0 ]; then
  printf 'All lines of the test runner: %s\n' "$log" >&2
  exit "$code"
fi

# Whoever asked for some tests only meant those of Swift.
if [ -z "${ARGS:-}$*" ]; then
  scripts/test_example.sh
  scripts/test_c.sh
  scripts/test_server.sh
  scripts/test-page.sh
  scripts/test-python.sh
fi
