#!/usr/bin/env bash
# Runs every part of measure.py within seventeen minutes and leaves tables and JSON in a folder.
#
#   scripts/gpu/measure_all.sh OUT [PART …]
#
# MARTLET names the binary, MARTLET_LIBRARY libmartlet.so, PYTHON an interpreter with PyTorch and transformers, FLAGS more
# flags for measure.py (FLAGS="--device cpu --small" tries it without a GPU). Each part has a time of its own; one that fails or
# runs out of time does not keep the others from running. The exit status is the number of parts that did not end well.
set -u

out=${1:?usage: measure_all.sh OUT [PART …]}
shift
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"

# Seconds a part may take; together seventeen minutes. The first kernels are compiled in the first part that needs them.
declare -A limits=(
  [copy]=20 [doctor]=90 [generation]=105 [prompts]=120 [attention]=25 [batches]=35 [checkpoint]=45 [serving]=45
  [determinism]=110 [deterministic]=120 [goldens]=40 [inference]=110 [graphs]=15 [sampling]=25 [leaks]=15 [operators]=60
)
order=(copy doctor generation prompts attention batches goldens graphs determinism deterministic sampling leaks checkpoint inference serving operators)
[ $# -eq 0 ] || order=("$@")

bad=0
began=$SECONDS
for part in "${order[@]}"; do
  limit=${limits[$part]:-60}
  echo "=== $part (at most $limit s, $((SECONDS - began)) s so far)"
  start=$SECONDS
  # shellcheck disable=SC2086
  timeout --kill-after=5 "$limit" "${PYTHON:-python3}" "$here/measure.py" "$part" --json "$out/$part.json" ${FLAGS:-} \
    > >(tee "$out/$part.txt") 2> >(tee "$out/$part.err" >&2)
  status=$?
  case $status in
    0) result=done ;;
    124 | 137) result="out of time" bad=$((bad + 1)) ;;
    *) result="failed, status $status" bad=$((bad + 1)) ;;
  esac
  echo "$part: $result, $((SECONDS - start)) s" | tee -a "$out/summary.txt"
done
echo "=== all in $((SECONDS - began)) s, $bad parts did not end well"
exit "$bad"
