#!/bin/sh
# Installs what is missing (Debian), builds rectify, and runs it with the arguments given.
#   sh app/run.sh --tensor '[2,-4,5,-6]' --slope 0.4
# Without arguments it runs that example. All chatter goes to standard error; a second run builds nothing.
set -eu
top=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
. "$top/app/install.sh"
need g++ cmake ninja-build libcli11-dev libfmt-dev nlohmann-json3-dev

if [ ! -f "$top/build/release/build.ninja" ]; then
  (cd "$top" && cmake --preset release) >&2
fi
# Ninja says "no work to do" in milliseconds; its output is for people who wait.
cmake --build "$top/build/release" --target rectify_app >"$top/build/release/log" 2>&1 || {
  cat "$top/build/release/log" >&2
  exit 1
}

[ $# -gt 0 ] || set -- --tensor '[2,-4,5,-6]' --slope 0.4
exec "$top/build/release/app/rectify" "$@"
