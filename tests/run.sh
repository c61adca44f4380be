#!/bin/sh
# Installs what is missing (Debian), builds rectify with its tests, and runs them all.
#   sh tests/run.sh [PRESET [CTEST-ARGUMENTS...]]      PRESET: dev (default), clang, asan, tsan, coverage, analyze
set -eu
top=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
. "$top/app/install.sh"
need g++ cmake ninja-build libcli11-dev libfmt-dev nlohmann-json3-dev doctest-dev python3
want python3-numpy python3-torch python3-jsonschema gnuplot-nox parallel clang locales

preset=${1:-dev}
[ $# -eq 0 ] || shift
if [ "$preset" = clang ]; then need clang; fi
if [ "$preset" = coverage ]; then need gcovr; fi
if [ "$preset" = analyze ]; then need clang-tidy cppcheck; fi
cd "$top"
cmake --preset "$preset" >&2
cmake --build --preset "$preset" >&2
failed=0
ctest --preset "$preset" "$@" || failed=$?
# ctest shows what failed; what could not be tried is said here.
folder=$preset
if [ "$preset" = analyze ]; then folder=dev; fi
sed -n '/^skipped: /p' "build/$folder/Testing/Temporary/LastTest.log" | sort -u
[ "$failed" = 0 ] || exit "$failed"
if [ "$preset" = coverage ]; then cmake --build --preset coverage-report; fi
