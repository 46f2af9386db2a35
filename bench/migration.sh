#!/usr/bin/env bash
# Measures migrations end to end over ssh and a link of 1 Gbit/s, beside bytes / link + run time: lines of JSON, and
# the table in docs/executors.md. Wants root.
# The first line is what fresh memory costs on this machine: all state and every result needs it, and the floor has none of it.
#   bench/migration.sh [RATE [MB...]]      RATE as tc understands it, 1gbit when not given; with sizes, lines alone
set -euo pipefail
if [ -z "${NBHOIST_IN_NAMESPACE:-}" ]; then
  . "$(dirname "$0")/../tests/engines/prepare.sh"
  cargo test --quiet --release -p nbhoist --test engines --no-run
  # Its loopback is the link: nothing else is on it but the kernel's messages.
  NBHOIST_IN_NAMESPACE=1 exec unshare -n "$root/bench/migration.sh" "$@"
fi
ip link set lo up
tc qdisc replace dev lo root tbf rate "${1:-1gbit}" burst 256kb latency 100ms
[ $# -lt 2 ] || export NBHOIST_MIGRATION_MB="${*:2}"
export NBHOIST_MEASURE=floor::over_a_link
cd "$(dirname "$0")/.."
echo "measured: $(python3 bench/memory.py)"
cargo test --quiet --offline --release -p nbhoist --test engines -- --ignored --nocapture --exact ssh 2>&1 | grep -E '^measured: |panicked'
[ -n "${NBHOIST_MIGRATION_MB:-}" ] || cargo test --quiet --offline --release -p nbhoist --test engines -- --ignored --exact report::migrations
