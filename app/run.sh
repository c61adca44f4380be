#!/bin/sh
# Installs what is missing (Debian), builds rectify, and runs it with the arguments given.
#   sh app/run.sh --tensor '[2,-4,5,-6]' --slope 0.4
# Without arguments it runs that example. All chatter goes to standard error: the build's progress if that is a terminal,
# else nothing unless the build fails. A second run builds nothing.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$top/app/install.sh"
need g++ cmake ninja-build libcli11-dev libfmt-dev nlohmann-json3-dev zlib1g-dev
tools
build=$top/build/release

configure() {
  cd "$top" && cmake --preset release
}
make() {
  cmake --build "$build" --target rectify_app "$@"
}

# Runs a step for people who wait, or for nobody.
step() {
  if [ -t 2 ]; then
    "$@" >&2 || give_up 'the build failed, see above'
  else
    "$@" >"$build/log" 2>&1 || {
      cat "$build/log" >&2
      give_up 'the build failed, see above'
    }
  fi
}

afresh "$build"
mkdir -p "$build"
[ -f "$build/build.ninja" ] || (step configure)
# Ninja finds in milliseconds that nothing is to be done; nobody needs to hear of that each time.
case $(make -- -n 2>/dev/null) in
*'no work to do'*) ;;
*) step make ;;
esac

[ $# -gt 0 ] || set -- --tensor '[2,-4,5,-6]' --slope 0.4
exec "$build/app/rectify" "$@"
