#!/bin/sh
# Measures prompt processing and generation on this machine. MODEL: a name or a file, `smollm2` unless set. ARGS: more
# flags for `martlet bench`, such as `--json`.
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh --quiet
if [ "${MODEL:-smollm2}" = smollm2 ]; then
  MODEL=$(scripts/fetch-model.sh)
fi
# shellcheck disable=SC2086 # ARGS is a list of flags
exec .build/release/martlet bench "$MODEL" ${ARGS:-}
