#!/bin/sh
# A table in parts, on all processors of a machine or on several machines: values and report of the undivided table, byte
# for byte.
#   sh samples/parts.sh INPUT.csv PARTS OUT            by GNU parallel
#   sh samples/parts.sh INPUT.csv PARTS OUT slurm      by Slurm: an array of jobs, and one that joins what they have made
# with rectify on PATH. Leaves OUT.csv (`rectify INPUT.csv --to csv`) and OUT.json (`rectify compare INPUT.csv --to json`),
# or, if a part fails three times, neither. Begun again it makes the parts that are missing and no others: with -o a part is
# there whole or not at all. The parts and what their jobs said stay in OUT.parts.
# shellcheck disable=SC2016 # what stands in single quotes expands in the jobs
set -eu

# The words of one job: part K, and the joint.
case ${1:-} in
--one)
  part=$2/$PARTS
  for try in 1 2 3; do # a job may be killed, a node may lose its disk for a moment
    if { [ -e "$WORK/$2.csv" ] || rectify "$INPUT" --part "$part" --to csv -o "$WORK/$2.csv"; } &&
      { [ -e "$WORK/$2.json" ] || rectify compare "$INPUT" --part "$part" --partial -o "$WORK/$2.json"; }; then
      exit 0
    fi
    echo "part $part: try $try failed" >&2
  done
  exit 1
  ;;
--join)
  set --
  for k in $(seq "$PARTS"); do set -- "$@" "$WORK/$k.json"; done
  rectify compare --merge "$@" --to json -o "$OUT.json"
  for k in $(seq "$PARTS"); do cat "$WORK/$k.csv"; done >"$WORK/joined.csv"
  mv "$WORK/joined.csv" "$OUT.csv"
  : >"$WORK/done"
  exit 0
  ;;
esac

[ $# -ge 3 ] || { echo "usage: sh parts.sh INPUT.csv PARTS OUT [slurm]" >&2; exit 2; }
SCRIPT=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/$(basename -- "$0")
INPUT=$1 PARTS=$2 OUT=$3 WORK=$3.parts
export SCRIPT INPUT PARTS OUT WORK
mkdir -p "$WORK"
rm -f "$WORK/done"
# Parts of another table, or of other sizes, are none of these.
of="$PARTS $(stat -L -c '%n %s %y' -- "$INPUT")"
if [ "$(cat "$WORK/of" 2>/dev/null)" != "$of" ]; then
  rm -f "$WORK"/*.csv "$WORK"/*.json
  printf '%s\n' "$of" >"$WORK/of"
fi

if [ "${4:-}" = slurm ]; then
  jobs=$(sbatch --parsable --job-name=rectify --array="1-$PARTS" --requeue --output="$WORK/%a.log" \
    --wrap 'exec sh "$SCRIPT" --one "$SLURM_ARRAY_TASK_ID"')
  sbatch --wait --parsable --job-name=rectify-join --output="$WORK/join.log" --kill-on-invalid-dep=yes \
    --dependency="afterok:$jobs" --wrap 'exec sh "$SCRIPT" --join' >/dev/null || true # 0 of a job that was never begun, too
  [ -e "$WORK/done" ] || { echo "not all parts are there: see $WORK/*.log, then run this again" >&2; exit 1; }
else
  seq "$PARTS" | parallel --will-cite --halt soon,fail=1 --retries 3 --joblog "$WORK/jobs.log" 'sh "$SCRIPT" --one {}'
  sh "$SCRIPT" --join
fi
