#!/usr/bin/env bash
# Checks that the Rust code compiles for macOS and Windows: types only. Nothing is linked or run, so no C compiler of theirs is needed.
#   tests/platforms.sh [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(x86_64-apple-darwin x86_64-pc-windows-gnu)
for target in "${targets[@]}"; do
  rustup target add "$target"
  name=${target//-/_}
  # What C compilers would make is not looked at by a check.
  env "CC_$name=true" "CXX_$name=true" "AR_$name=true" cargo check --workspace --target "$target"
done
