#!/bin/sh
# Runs the targets of Fuzz/ under libFuzzer, one after the other: docs/reliability.md.
#
#   RUNS    executions of each target, 1000000 unless given
#   TARGET  one of gguf, safetensors, config, tokenizer, template; all unless given
#   ARGS    more flags for libFuzzer, such as `-seed=7`
#   INPUT   a file to run alone, with TARGET; `ARGS=-minimize_crash=1` makes it as short as it can be and still crash
#   SANITIZE=address  adds the address sanitizer, for memory that Swift does not check: two to five times slower
#
# Inputs that libFuzzer finds interesting stay in .build/fuzz-corpus, and later runs go on from there; what makes Martlet
# crash, hang or grow is written to .build/fuzz-artifacts. The status is 1 if there was any of that.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh

RUNS=${RUNS:-1000000}
TARGETS=${TARGET:-gguf safetensors config tokenizer template}
sanitizers=fuzzer
flags=""
scratch=.build/fuzz
if [ "${SANITIZE:-}" = address ]; then
  sanitizers=fuzzer,address
  flags="-Xcc -fsanitize=address"
  scratch=.build/fuzz-address
fi

# Swift's own checks of bounds and overflow stay on, as in the binary that users run.
# shellcheck disable=SC2086 # a list of flags
MARTLET_FUZZ=1 swift build -c release --product MartletFuzzer --scratch-path "$scratch" --sanitize fuzzer \
  -Xswiftc "-sanitize=$sanitizers" $flags

# Swift's backtraces take a second each and hide libFuzzer's own report. The sanitizer keeps freed memory for a while:
# little enough here that growth is not mistaken for it, nor hidden by it.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS="quarantine_size_mb=8:${ASAN_OPTIONS:-}"

if [ -n "${INPUT:-}" ]; then
  : "${TARGET:?INPUT needs TARGET, the kind of file that it is}"
  # shellcheck disable=SC2086 # ARGS is a list of flags
  MARTLET_FUZZ_TARGET=$TARGET exec "$scratch/release/MartletFuzzer" -timeout=5 -rss_limit_mb=2048 \
    -exact_artifact_path="$INPUT.minimized" ${ARGS:-} "$INPUT"
fi

# A figure of libFuzzer's closing statistics.
statistic() { sed -n "s/^stat::$2: *//p" "$1"; }
# The number after a word of its status lines, of those that the pattern picks the last.
status() { grep -E "$2" "$1" | tail -n 1 | sed -n "s/.* $3: *\([0-9]*\).*/\1/p"; }

mkdir -p .build/fuzz-artifacts .build/fuzz-logs
table=.build/fuzz-logs/table.txt
printf '%-12s %10s %7s %6s %8s %7s %9s %9s %7s  %s\n' target executions per_s edges features inputs \
  start_mb end_mb slowest result >"$table"
failed=0
for target in $TARGETS; do
  log=.build/fuzz-logs/$target.txt
  corpus=.build/fuzz-corpus/$target
  mkdir -p "$corpus" "Fuzz/Regressions/$target"
  printf '== %s\n' "$target"
  result=passed
  # shellcheck disable=SC2086 # ARGS is a list of flags
  MARTLET_FUZZ_TARGET=$target nice -n 10 "$scratch/release/MartletFuzzer" \
    -runs="$RUNS" -seed=1 -max_len=8192 -timeout=5 -rss_limit_mb=2048 -malloc_limit_mb=256 \
    -dict="Fuzz/Dictionaries/$target.dict" -artifact_prefix=".build/fuzz-artifacts/$target-" \
    -print_final_stats=1 -reload=0 -verbosity=1 ${ARGS:-} \
    "$corpus" "Fuzz/Seeds/$target" "Fuzz/Regressions/$target" >"$log" 2>&1 || result=FAILED
  if [ "$result" = FAILED ]; then
    failed=1
    tail -n 40 "$log"
  fi
  printf '%-12s %10s %7s %6s %8s %7s %9s %9s %7s  %s\n' "$target" "$(statistic "$log" number_of_executed_units)" \
    "$(statistic "$log" average_exec_per_sec)" "$(status "$log" ' cov: ' cov)" "$(status "$log" ' ft: ' ft)" \
    "$(status "$log" ' corp: ' corp)" "$(status "$log" INITED rss)" "$(status "$log" DONE rss)" \
    "$(statistic "$log" slowest_unit_time_sec)s" "$result" >>"$table"
done
printf '\n'
cat "$table"
exit "$failed"
