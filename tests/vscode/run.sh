#!/usr/bin/env bash
# The extension in a real VS Code in a real browser: builds and packages it, installs the package, and uses it as a person does.
#   NBHOIST_BIN=PATH NBHOIST_TEST_PYTHON=PATH tests/vscode/run.sh CACHE [--pictures] [TEST...]
# --pictures writes the pictures of the README.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=$(mkdir -p "$1" && cd "$1" && pwd)
shift
if [ "${1:-}" = --pictures ]; then
  export NBHOIST_PICTURES=$PWD/docs/images
  mkdir -p "$NBHOIST_PICTURES"
  shift
fi
tests/vscode/install.sh "$cache"
export PATH=$cache/bin:$PATH NBHOIST_VSCODE=$cache
NBHOIST_BIN=$(realpath "$NBHOIST_BIN")
NBHOIST_TEST_PYTHON=$(realpath -s "$NBHOIST_TEST_PYTHON")
export NBHOIST_BIN NBHOIST_TEST_PYTHON

cd vscode-client
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
fi
[ -n "${NBHOIST_SKIP_PACKAGE:-}" ] || npm run -s package -- --server "$NBHOIST_BIN" --out "$cache/nbhoist.vsix" >"$cache/package.log" 2>&1 || { cat "$cache/package.log"; exit 1; }
(cd ../tests/vscode/jupyter-stub && node ../../../vscode-client/node_modules/@vscode/vsce/vsce package --no-dependencies --allow-missing-repository --skip-license \
  --out "$cache/jupyter-stub.vsix" >"$cache/package.log" 2>&1) || { cat "$cache/package.log"; exit 1; }
cd ..
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(tests/vscode/*.test.mjs)
node --test --test-concurrency=1 --test-reporter="${NBHOIST_REPORTER:-spec}" "${tests[@]}"
[ -z "${NBHOIST_PICTURES:-}" ] || "$NBHOIST_TEST_PYTHON" - "$NBHOIST_PICTURES"/*.png <<'PYTHON'
# A screen has few colours: with a palette the pictures take a third of the room.
import sys
from PIL import Image

for path in sys.argv[1:]:
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
PYTHON
