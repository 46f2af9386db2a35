#!/usr/bin/env bash
# Measures what nbhoist adds on each engine, beside `cat` of the same bytes over the same byte stream: lines of JSON, and
# the table in docs/executors.md.
#   tests/engines/measure.sh [ENGINE...]
set -euo pipefail
. "$(dirname "$0")/prepare.sh"
export NBHOIST_MEASURE=measure::overheads
cargo test --quiet --release -p nbhoist --test engines --no-run
for engine in "${@:-local ssh slurm ray dask jupyter_server kernel_gateway kubectl}"; do
  for one in $engine; do
    cargo test --quiet --release -p nbhoist --test engines -- --ignored --nocapture --exact "$one" 2>&1 | grep '^measured: ' || echo "$one could not be measured"
  done
done
cargo test --quiet --release -p nbhoist --test engines -- --ignored --exact report::overheads
