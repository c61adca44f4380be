#!/bin/sh
# One-liners: rectify among the tools that are already there. Each is shown, then run.
#   sh samples/pipelines.sh            with rectify on PATH
# The data are what the hidden units of a network receive that was trained at too high a learning rate
# (data/README.md). Nothing is written outside a scratch folder.
set -eu
export LC_ALL=C
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$(dirname "$0")"/data/*.npy "$(dirname "$0")"/data/*.csv "$scratch"
cd "$scratch"

about() { printf '\n# %s\n' "$*"; }
show() {
  printf '$ %s\n' "$1"
  sh -c "$1"
}

printf '# Some columns of a table, the header kept.\n'
show "cut -d, -f 1-3 digits.csv | rectify --mode relu --to csv | head -n 4"

about "Both rectifiers side by side, on one unit."
show "cut -d, -f 18 digits.csv | rectify --mode relu,leaky --slope 0.1 --to csv | head -n 6"

about "From file to file: the extension chooses the format. Slope 1 changes nothing, and so converts."
show "rectify digits.csv --slope 1 -o digits.npy"
show "rectify digits.npy --slope 1 --to csv | cut -d, -f 1-3 | head -n 2"

about "A file may replace itself: it changes whole, or not at all."
show "rectify digits.csv --mode relu -o digits.csv"
show "cut -d, -f 1-3 digits.csv | head -n 3"

about "ReLU after Leaky ReLU is ReLU: a pipe of two, compared with one."
show "rectify layer2.npy --to npy | rectify --mode relu --to npy -o piped.npy"
show "rectify layer2.npy --mode relu -o direct.npy"
show "cmp piped.npy direct.npy && echo 'the same bytes'"

about "The dying ReLU: units through which not one of 1797 samples sends a gradient back."
cat >dead.awk <<'AWK'
{ for (i = 1; i <= NF; i++) sum[i] += $i; units = NF }
END { for (i = 1; i <= units; i++) dead += sum[i] == 0; print dead + 0, "of", units, "units get no gradient" }
AWK
for layer in layer1 layer2; do
  for mode in relu leaky; do
    show "rectify $layer.npy --mode $mode --grad --to csv | awk -F, -f dead.awk"
  done
done

about "Lines in, lines out: each of a stream of JSON values is a tensor."
show "printf '[1, -2]\n[[3], [-4]]\n-5\n' | rectify --to jsonl --slope 0.5"

about "The same noise on every machine, and the same as torch.manual_seed(0); torch.randn(2, 3)."
show "rectify --randn 2,3 --seed 0 --slope 1 --to json"
