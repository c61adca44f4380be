#!/bin/sh
# Builds rectify as users get it and races it against what they would use instead; tests/bench/run.py tells how.
#   sh tests/bench.sh [--quick] [ARGUMENTS OF tests/bench/run.py...]     such as --filter csv, --plot speed.svg, --scaling
#   sh tests/bench.sh --kernels [ARGUMENTS OF Google Benchmark...]       numbers and compare's figures, without files
# Installs the peers that Debian has, if it may. --quick: small files and few rounds, in about three minutes.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$top/app/install.sh"

quick=
if [ "${1:-}" = --quick ]; then
  quick=yes
  shift
fi
need g++ cmake ninja-build libcli11-dev libfmt-dev nlohmann-json3-dev zlib1g-dev python3
if [ "${1:-}" = --kernels ]; then
  shift
  need libbenchmark-dev doctest-dev
  tools
  cd "$top"
  afresh build/bench
  cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release -DRECTIFY_TESTS=ON -DRECTIFY_INSTALL=OFF >&2 || give_up 'CMake failed, see above'
  cmake --build build/bench --target bench >&2 || give_up 'the build failed, see above'
  build/bench/tests/number_bench "$@"
  exec build/bench/tests/compare_bench "$@"
fi
want mawk perl sed jq miller nodejs time gnuplot-nox python3-numpy
[ -n "$quick" ] || want python3-torch
tools

cd "$top"
afresh build/release
cmake --preset release >&2 || give_up 'CMake failed, see above'
cmake --build --preset release --target rectify_app >&2 || give_up 'the build failed, see above'
if [ -n "$quick" ]; then
  set -- --numbers 400000 --rounds 3 "$@"
else
  set -- --numbers 5500000 --rounds 5 "$@"
fi
python=python3
[ ! -x /usr/bin/python3 ] || python=/usr/bin/python3 # for which Debian's packages are
exec "$python" tests/bench/run.py build/release/app/rectify "$@"
