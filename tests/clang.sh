# shellcheck shell=sh
# Sourced by run.sh and fuzz/run.sh.

# clang_with PROGRAM FLAG...: the first clang++ in PATH, under its own name or one with a version, which makes something
# that runs of this text and with these flags. Debian has clang without what its sanitizers link to.
clang_with() {
  scratch=$(mktemp -d)
  printf '#include <span>\n%s\n' "$1" >"$scratch/try.cpp"
  shift
  found=
  for name in clang++ $(clang_names); do
    if "$name" -std=c++20 "$@" "$scratch/try.cpp" -o "$scratch/try" && "$scratch/try" -runs=1; then
      found=$name
      break
    fi
  done >/dev/null 2>&1 </dev/null
  rm -rf "$scratch"
  [ -n "$found" ] && echo "$found"
}

# A clang++ of which the preset fuzz can make its targets.
clang_that_fuzzes() {
  clang_with 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' \
    -fsanitize=fuzzer,address,undefined
}

# clang++-19 and the like, the highest version first.
clang_names() {
  (
    IFS=:
    set -f
    for folder in $PATH; do
      set +f
      for path in "$folder"/clang++-[0-9]*; do
        [ ! -x "$path" ] || echo "${path##*/}"
      done
      set -f
    done
  ) | sort -t - -k 2nr -u
}
