#!/usr/bin/env bash
# Starts every engine and takes the same steps on each; writes the matrix in docs/executors.md. NBHOIST_TEST_PYTHON is the Python of the
# tests. With arguments, only the tests of these names: tests/engines/run.sh ssh slurm
set -euo pipefail
. "$(dirname "$0")/prepare.sh"
if [ $# -gt 0 ]; then
  for engine in "$@"; do cargo test --quiet -p nbhoist --test engines -- --ignored --nocapture --exact "$engine"; done
  exit
fi
cargo test --quiet -p nbhoist-executor --test parity -- --ignored
cargo test --quiet -p nbhoist --test engines -- --ignored --test-threads=2 --skip steps:: --skip measure:: --skip floor:: --skip report:: --skip table::
cargo test --quiet -p nbhoist --test engines -- --ignored --exact table::table
