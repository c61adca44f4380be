#!/bin/sh
# Builds the fuzz targets (preset fuzz) and runs each for so many seconds, two at a time, from the committed inputs:
#   sh tests/fuzz/run.sh [SECONDS [TARGET...]]
# 20 seconds and every target unless given; 0 runs the committed inputs alone. What is learned stays in
# build/fuzz/corpus/TARGET. An input that fails is left in build/fuzz/failed/TARGET; once mended, it goes to
# tests/fuzz/found/TARGET.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
seconds=${1:-20}
[ $# -eq 0 ] || shift
[ $# -ne 0 ] || set -- json csv npy number pointer options print partial containers pickle
if [ -n "${RECTIFY_QUICK:-}" ]; then
  echo "skipped: fuzzing (--quick)"
  exit 77
fi
. "$top/app/install.sh"
. "$top/tests/clang.sh"
clang=$(clang_that_fuzzes) || {
  echo "skipped: fuzzing: there is no clang++ with libFuzzer and sanitizers (Debian: clang libclang-rt-dev)"
  exit 77
}
cd "$top"
afresh "$top/build/fuzz"
cmake --preset fuzz -DCMAKE_CXX_COMPILER="$clang" >/dev/null
cmake --build --preset fuzz -- --quiet >&2
work=$top/build/fuzz

one() {
  here=$top/tests/fuzz
  mkdir -p "$work/corpus/$1" "$work/failed/$1"
  limit=-max_total_time=$seconds
  [ "$seconds" != 0 ] || limit=-runs=0
  set -- "$1" "$limit" -timeout=60 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
    -artifact_prefix="$work/failed/$1/" "$work/corpus/$1" "$here/seeds/$1"
  [ ! -d "$here/found/$1" ] || set -- "$@" "$here/found/$1"
  [ ! -f "$here/$1.dict" ] || set -- "$@" -dict="$here/$1.dict"
  target=$1
  shift
  if "$work/tests/fuzz/${target}_fuzz" "$@" </dev/null >"$work/$target.log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
    echo "$target: $runs inputs, nothing found"
  else
    echo "$target: failed; the input is in $work/failed/$target, the log is $work/$target.log"
    grep -E '^(fuzz:|other:|SUMMARY:|.*(ERROR|runtime error):)' "$work/$target.log" | head -n 5
    sed -n 's/.*Test unit written to //p' "$work/$target.log" | while IFS= read -r input; do
      echo "$target: in base64: $(base64 <"$input" | tr -d '\n')"
    done
    return 1
  fi
}

failed=0
while [ $# -ne 0 ]; do
  one "$1" &
  first=$!
  shift
  if [ $# -ne 0 ]; then
    one "$1" || failed=1
    shift
  fi
  wait "$first" || failed=1
done
exit "$failed"
