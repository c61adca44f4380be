#!/bin/sh
# expect.sh FILE COMMAND [ARGUMENTS...]: succeeds if COMMAND exits with 0 and writes exactly what FILE
# holds, on both streams together; shows the difference otherwise. An empty FILE is a mistake.
expected=$1
shift
[ -s "$expected" ] || { echo "expect.sh: $expected is missing or empty" >&2; exit 1; }
got=$(mktemp) || exit 1
trap 'rm -f "$got"' EXIT
"$@" >"$got" 2>&1 </dev/null
status=$?
diff -u "$expected" "$got" || exit 1
[ "$status" -eq 0 ] || echo "expect.sh: exit status $status" >&2
exit "$status"
