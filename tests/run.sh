#!/bin/sh
# Installs what is missing (Debian), builds rectify with its tests, and runs them all.
#   sh tests/run.sh [--quick] [PRESET [CTEST-ARGUMENTS...]]
# PRESET: dev (default), clang, asan, tsan, coverage, analyze. --quick leaves out PyTorch, fuzzing, injected faults and a second compiler,
# and does not install what they need.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$top/app/install.sh"
. "$top/tests/clang.sh"

unset RECTIFY_QUICK
if [ "${1:-}" = --quick ]; then
  export RECTIFY_QUICK=yes # the tests that take PyTorch or a second compiler look for it
  shift
fi
preset=${1:-dev}
[ $# -eq 0 ] || shift
case $preset in
dev | clang | asan | tsan | coverage | analyze) ;;
*)
  echo "usage: sh tests/run.sh [--quick] [dev|clang|asan|tsan|coverage|analyze [CTEST-ARGUMENTS...]], not '$preset'" >&2
  exit 2
  ;;
esac

need g++ cmake ninja-build libcli11-dev libfmt-dev nlohmann-json3-dev zlib1g-dev doctest-dev python3
case $preset in
clang) need clang ;;
coverage) need gcovr ;;
analyze) need clang-tidy cppcheck ;;
esac
want python3-numpy python3-jsonschema gnuplot-nox parallel locales jq file pkg-config mandoc zsh fish
if [ -z "${RECTIFY_QUICK:-}" ]; then
  want python3-torch python3-pandas clang doxygen
  if ! clang_that_fuzzes >/dev/null; then want libclang-rt-dev; fi
fi
tools

folder=$preset
if [ "$preset" = analyze ]; then folder=dev; fi
cd "$top"
afresh "build/$folder"
compiler=
if [ "$preset" = clang ]; then
  compiler=$(clang_with 'int main() { return std::span<int>().size(); }') || give_up 'there is no clang++ that makes C++20 (CXX)'
fi
cmake --preset "$preset" ${compiler:+-DCMAKE_CXX_COMPILER="$compiler"} >&2 || give_up 'CMake failed, see above'
cmake --build --preset "$preset" >&2 || give_up 'the build failed, see above'
failed=0
ctest --preset "$preset" --no-tests=error "$@" || failed=$?
# ctest shows what failed; what could not be tried is said here.
sed -n '/^skipped: /p' "build/$folder/Testing/Temporary/LastTest.log" | sort -u
[ -z "$unfulfilled" ] || echo "not installed, so that some tests were skipped; as root: apt-get install$unfulfilled"
[ "$failed" = 0 ] || exit "$failed"
if [ "$preset" = coverage ]; then cmake --build --preset coverage-report; fi
