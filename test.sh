#!/usr/bin/env bash
# Runs every test. Needs cargo, a C compiler and Python 3.11 or later; installs the rest into .cache.
#   ./test.sh          what a change must pass
#   ./test.sh --full   also the full oracle and the heavy packages of the conformance test (hours)
set -euo pipefail
cd "$(dirname "$0")"
full=false
[ "${1:-}" = "--full" ] && full=true
root=$PWD
cache=$root/.cache
mkdir -p "$cache"
began=$SECONDS

step() { printf '\n== %s (%d s so far)\n' "$1" "$((SECONDS - began))"; }

# A virtual environment for a list of requirements, made again when the list changes.
environment() {
  local name=$1 list=$2
  local home=$cache/$name stamp
  stamp=$(cat "$list" tests/conformance/requirements.txt corpus/requirements.txt | sha256sum | cut -c1-16)
  if [ ! -f "$home/.complete-$stamp" ]; then
    rm -rf "$home"
    "$python" -m venv "$home" 2>/dev/null || { "$python" -m pip install -q virtualenv && "$python" -m virtualenv -q "$home"; }
    "$home/bin/python" -m pip install -q --disable-pip-version-check -r "$list"
    touch "$home/.complete-$stamp"
  fi
}

command -v cargo >/dev/null || { echo "cargo is needed: https://rustup.rs"; exit 2; }
python=$(command -v python3 || true)
[ -n "$python" ] || { echo "python3 is needed"; exit 2; }

step "Python environment of the tests"
environment test-env tests/requirements.txt
export NBHOIST_TEST_PYTHON=$cache/test-env/bin/python
export MPLBACKEND=agg
# What earlier runs took must not decide how a test ends.
export NBHOIST_HISTORY=off

step "Format and lints"
if cargo fmt --version >/dev/null 2>&1; then cargo fmt --all --check; fi
if cargo clippy --version >/dev/null 2>&1; then cargo clippy --quiet --workspace --all-targets -- -D warnings; fi

step "Rust tests"
cargo test --workspace

binary=$(realpath "${CARGO_TARGET_DIR:-target}/debug/nbhoist")

step "Reports, settings and CI files against their schemas and tools"
tests/lint/run.sh "$cache" "$binary"

if $full; then
  step "Rules and fixes on the public notebooks"
  "$NBHOIST_TEST_PYTHON" corpus/fetch.py
  "$NBHOIST_TEST_PYTHON" tests/lint/precision.py "$binary" .cache/nbhoist-corpus/notebooks --check
  "$NBHOIST_TEST_PYTHON" tests/lint/fixes.py "$binary" .cache/nbhoist-corpus/notebooks
fi

step "Wheel"
tests/wheel.sh "$cache/wheel"

step "Instructions of each stage"
python3 bench/instructions.py

step "Python runtime"
"$NBHOIST_TEST_PYTHON" -m pytest -q executor/runtime/tests

step "Magics in real kernels"
NBHOIST_BIN=$binary "$NBHOIST_TEST_PYTHON" -m pytest -q tests/magics

step "Executors on real engines"
tests/engines/run.sh

step "Library effects against the libraries"
if $full; then
  # What cannot be installed here stays unverified; a run that was interrupted goes on where it stopped.
  environment conformance-env tests/conformance/requirements-full.txt
  "$cache/conformance-env/bin/python" tests/conformance/conform.py --full --resume "$cache/conformance" --report docs/library-effects.md
else
  "$NBHOIST_TEST_PYTHON" tests/conformance/conform.py --quick
fi

step "The server in Neovim"
tests/vscode/install.sh "$cache/vscode"
NBHOIST_BIN=$binary tests/neovim/run.sh

step "The extension in VS Code"
NBHOIST_BIN=$binary tests/vscode/run.sh "$cache/vscode"

step "Oracle: blocks run elsewhere against all in one place"
if $full; then
  environment oracle-env corpus/runnable-requirements.txt
  "$cache/oracle-env/bin/python" corpus/fetch.py --runnable
  cargo build --quiet --release -p nbhoist-analyzer --example plans
  environment peers-env tests/oracle/requirements-peers.txt
  [ -d "$cache/only-dill" ] || "$cache/oracle-env/bin/python" -m pip install -q --target "$cache/only-dill" dill==0.4.1
  "$cache/oracle-env/bin/python" tests/oracle --max-seconds 15 --drop 100 --report docs/oracle.md --mode static --mode full \
    --mode marimo --mode pyflakes --mode ipyflow --mode dill --peers "$cache/peers-env/bin/python" --dill "$cache/only-dill" --peer-blocks 150
else
  cargo build --quiet -p nbhoist-analyzer --example plans
  "$NBHOIST_TEST_PYTHON" tests/oracle --quick --plans target/debug/examples/plans
fi

step "done"
