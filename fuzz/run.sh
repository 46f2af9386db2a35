#!/usr/bin/env bash
# Fuzzes every target (or those named) with libFuzzer and prints a table of what was done.
#   fuzz/run.sh [-n] [-s SECONDS] [TARGET...]     seconds of each target, 600 unless told; -n: with what the last run built
# Needs cargo-fuzz (cargo install cargo-fuzz) and a C++ compiler; a stable toolchain does, as nothing here is unsafe code
# that a sanitizer would watch. What breaks a target is kept in fuzz/artifacts; put right, it belongs into fuzz/regressions.
set -euo pipefail
cd "$(dirname "$0")"
seconds=600
build=true
while getopts "ns:" option; do
  case $option in
    n) build=false ;;
    s) seconds=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is needed: cargo install cargo-fuzz"; exit 2; }
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)

if $build; then
  cargo run --quiet --manifest-path ../Cargo.toml -p nbhoist-tests --example fuzz_seeds -- corpus
  cargo fuzz build --sanitizer none
fi
binaries=target/$(rustc -vV | sed -n 's/^host: //p')/release
# The product reads notebooks on threads with 256 MB of stack.
ulimit -s 262144
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "| target | executions | a second | edges reached | of | longest input, bytes | found |"
echo "|---|---|---|---|---|---|---|"
status=0
for target in "${targets[@]}"; do
  found=0
  # An input that takes over 20 s counts as a hang, one that takes over 2 GB as unbounded.
  # Started directly: `cargo fuzz run` would build again whenever somebody works on the sources meanwhile.
  mkdir -p "artifacts/$target"
  "$binaries/$target" "corpus/$target" -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -max_len=200000 -dict=corpus/pieces.dict -print_final_stats=1 -verbosity=1 >"$log" 2>&1 || found=1
  number() { grep -oE "$1" "$log" | tail -1 | grep -oE '[0-9]+' | tail -1 || echo 0; }
  of=$(grep -oE 'Loaded [0-9]+ modules +\([0-9]+ inline' "$log" | grep -oE '[0-9]+ inline' | grep -oE '[0-9]+' || echo 0)
  longest=$(find "corpus/$target" -type f -printf '%s\n' | sort -n | tail -1)
  echo "| $target | $(number 'number_of_executed_units: [0-9]+') | $(number 'average_exec_per_sec: +[0-9]+') | $(number 'cov: [0-9]+') | $of | $longest | $found |"
  if [ $found = 1 ]; then
    status=1
    tail -30 "$log" >&2
  fi
done
exit $status
