# shellcheck shell=sh disable=SC2154 # top is set where this is sourced
# Sourced by run.sh and tests/run.sh, which set $top to the tree: packages, and what stands in the way of a build.

missing=   # packages that the build needs, and that are neither there nor could be installed
unfulfilled= # the same for those that it can do without

# need PACKAGE...: installs the Debian packages that are not there.
need() {
  command -v dpkg-query >/dev/null || return 0 # this is not Debian: the commands alone are looked at
  lacking=$(absent "$@")
  # shellcheck disable=SC2086 # a list of names
  [ -z "$lacking" ] || add $lacking || missing="$missing$(absent "$@")"
}

# want PACKAGE...: the same for packages that are good to have.
want() {
  command -v dpkg-query >/dev/null || return 0
  lacking=$(absent "$@")
  [ -n "$lacking" ] || return 0
  # shellcheck disable=SC2086
  if ! add $lacking; then
    # One that this Debian does not have stands in the way of all the others.
    known=
    for package in $lacking; do
      if apt-cache show "$package" >/dev/null 2>&1; then known="$known $package"; fi
    done
    [ "$known" = "$lacking" ] || [ -z "$known" ] || add $known || true
  fi
  unfulfilled="$unfulfilled$(absent "$@")"
}

# Those of the packages that are not installed, each behind a blank.
absent() {
  for package in "$@"; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
    *' installed') ;;
    *) printf ' %s' "$package" ;;
    esac
  done
}

# Installs packages as root, or as someone whom sudo makes root (at a terminal it may ask for the password).
add() {
  sudo=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || return 1
    if [ -t 0 ]; then sudo='sudo'; else sudo='sudo -n'; fi
    $sudo true 2>/dev/null || return 1
  fi
  echo "installing $*" >&2
  get="$sudo env DEBIAN_FRONTEND=noninteractive apt-get"
  $get install -y --no-install-recommends "$@" >&2 || {
    $get update >&2 && $get install -y --no-install-recommends "$@" >&2
  }
}

# The last word where something is missing.
give_up() {
  if [ -n "$missing" ]; then
    echo "rectify is not built: packages are missing and could not be installed (no network, or not root)." \
      "As root: apt-get update && apt-get install$missing" >&2
  else
    echo "rectify is not built: $1" >&2
  fi
  exit 1
}

# What no build can begin without. Libraries that are missing may be elsewhere, or CMake fetches them.
tools() {
  for tool in cmake ninja "${CXX:-c++}"; do
    # shellcheck disable=SC2086 # CXX may be a command with arguments
    command -v ${tool%% *} >/dev/null ||
      give_up "there is no $tool (it takes CMake 3.25, Ninja and a compiler of C++20; CXX names another than c++)"
  done
}

# A build folder remembers the tree it was made for: in a tree that was copied or moved, it would build the old one, or
# nothing. What the fuzzer has learned or found is kept.
afresh() {
  [ -f "$1/CMakeCache.txt" ] || return 0
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$1/CMakeCache.txt")
  [ "$(CDPATH='' cd -- "$home" 2>/dev/null && pwd -P)" != "$(CDPATH='' cd -- "$top" && pwd -P)" ] || return 0
  for entry in "$1"/* "$1"/.[!.]*; do
    case ${entry##*/} in
    corpus | failed) ;;
    *) rm -rf "$entry" ;;
    esac
  done
}
