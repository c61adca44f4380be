# Sourced by run.sh and tests/run.sh: need PACKAGE... installs the Debian packages that are not there.

need() {
  command -v dpkg-query >/dev/null || return 0 # no Debian: CMake says what it misses
  missing=
  for package in "$@"; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
    *' installed') ;;
    *) missing="$missing $package" ;;
    esac
  done
  [ -n "$missing" ] || return 0
  sudo=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
      echo "missing; as root: apt-get install$missing" >&2
      return 0 # they may be there from elsewhere, and CMake can fetch the libraries
    }
    sudo=sudo
  fi
  echo "installing$missing" >&2
  # shellcheck disable=SC2086 # a list of names
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >&2 || {
    $sudo apt-get update >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >&2
  }
}

# The same for packages that are good to have: says so and goes on where they are not to be had.
want() {
  for package in "$@"; do
    (need "$package") || echo "cannot install $package: what needs it is skipped" >&2
  done
}
