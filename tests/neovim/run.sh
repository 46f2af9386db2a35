#!/usr/bin/env bash
# The server in a real Neovim (0.7 or later) on a percent script.   NBHOIST_BIN=PATH tests/neovim/run.sh
set -euo pipefail
cd "$(dirname "$0")"
exec timeout 120 nvim --headless --clean -n -S session.lua
