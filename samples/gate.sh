#!/bin/sh
# A gate for training: looks at what the rectifiers of each checkpoint receive, and stops at the first in which too many
# units have died, before more is spent on it.
#   sh samples/gate.sh LIMIT ACTS...        with rectify on PATH; LIMIT is a share, such as 0.5
# ACTS are files that samples/dump_activations.py has written, or any other that `rectify compare` reads. In a CI run the
# summary is a file that the service shows: SUMMARY=$GITHUB_STEP_SUMMARY, say. Exit: 0 all pass, 3 one does not, else an error.
set -eu
limit=$1
shift
report=$(mktemp)
trap 'rm -f "$report"' EXIT
for acts in "$@"; do
  status=0
  rectify compare --fail-if-dead "$limit" --to markdown --top 3 "$acts" >"$report" || status=$?
  [ -z "${SUMMARY:-}" ] || cat "$report" >>"$SUMMARY"
  case $status in
  0) echo "$acts: go on" ;;
  3) echo "$acts: stop: a lower learning rate, or leaky for relu"; exit 3 ;;
  *) exit "$status" ;; # a broken file is not a dead network
  esac
done
