#!/usr/bin/env bash
# All sessions of docs/experiment.md, the most telling ones first; what is in bench/experiment.jsonl already is not run again, so
# it may be stopped at any time. About 3 hours, with the machine for itself. With NBHOIST_LOCK, a file, each session is run
# while that is locked.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${NBHOIST_EXPERIMENT:-}" ] || cargo build --quiet --release -p nbhoist-tests --example experiment
[ -z "${NBHOIST_LOCK:-}" ] || exec 9>"$NBHOIST_LOCK"
hold() { [ -z "${NBHOIST_LOCK:-}" ] || flock "$@" 9; }
run() {
  hold -x
  bench/experiment.sh "$@" || echo "did not end: $*"
  hold -u
}
# Sessions without moves use a fifth of a core each, so those of the three notebooks are run side by side.
never() {
  hold -x
  for notebook in digits image remote; do bench/experiment.sh --policies never --notebooks "$notebook" "$@" & done
  wait
  hold -u
}
for repeat in 1 2 3 4 5; do
  never --repeats $repeat
  for policy in optimal always cell block knowledge performance; do
    for notebook in digits image remote; do run --policies $policy --notebooks $notebook --repeats $repeat; done
  done
  for options in "--ratios 2" "--ratios 8" "--mbit 10" "--mbit 100" "--mbit 10000" "--delay 0.02" "--delay 0.1"; do
    # The link does not matter where nothing moves.
    case $options in --ratios*) never --prepared yes --repeats $repeat $options ;; esac
    for notebook in digits image remote; do run --prepared yes --policies optimal --notebooks $notebook --repeats $repeat $options; done
  done
  for part in reducer cache compression "worker ahead"; do
    run --prepared yes --policies optimal --notebooks remote --repeats $repeat --without "$part"
  done
done
run --states yes --repeats 0
# Public notebooks need what they import: NBHOIST_PUBLIC_PYTHON has corpus/runnable-requirements.txt, and corpus/fetch.py --runnable was run.
[ -z "${NBHOIST_PUBLIC_PYTHON:-}" ] || NBHOIST_TEST_PYTHON=$NBHOIST_PUBLIC_PYTHON run --ways linear --notebooks line,nested,score --repeats 5 \
  --policies never,always,cell,block,knowledge,performance,optimal
