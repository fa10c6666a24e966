#!/bin/sh
# Answers one question with one model: the first thing that a newcomer runs.
#
# MODEL: a name or a file, `smollm2` unless set. PROMPT: the question. ARGS: more flags for `martlet run`.
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh --quiet
MODEL=${MODEL:-smollm2}
[ "$MODEL" != smollm2 ] || scripts/fetch-model.sh >/dev/null
# shellcheck disable=SC2086 # ARGS is a list of flags
exec .build/release/martlet run "$MODEL" ${ARGS:-} "${PROMPT:-What is the capital of France?}"
