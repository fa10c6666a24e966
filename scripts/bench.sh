#!/bin/sh
# Measures prompt processing and generation on this machine. MODEL: a name or a file, `smollm2` unless set. ARGS: more
# flags for `martlet bench`, such as `--json`.
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh --quiet
MODEL=${MODEL:-smollm2}
[ "$MODEL" != smollm2 ] || scripts/fetch-model.sh >/dev/null
# shellcheck disable=SC2086 # ARGS is a list of flags
exec .build/release/martlet bench "$MODEL" ${ARGS:-}
