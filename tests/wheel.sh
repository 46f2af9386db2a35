#!/usr/bin/env bash
# Builds the wheel and uses it in an environment of its own: the command runs, the runtime can be imported.
#   tests/wheel.sh CACHE [CARGO-PROFILE]      `dev` takes what was built for the tests; `dist` is what is published
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
cache=$(mkdir -p "$1" && cd "$1" && pwd)
profile=${2:-dev}
maturin=1.16.0
python=${NBHOIST_TEST_PYTHON:-python3}
pip=("$python" -m pip --disable-pip-version-check)
if [ ! -x "$cache/maturin-$maturin/bin/maturin" ]; then
  "${pip[@]}" install -q --target "$cache/maturin-$maturin" "maturin==$maturin"
fi
rm -rf "$cache/wheel" "$cache/wheel-env"
"$cache/maturin-$maturin/bin/maturin" build --quiet --profile "$profile" --out "$cache/wheel"
# Debian's Python makes environments without pip only.
"$python" -m venv --without-pip "$cache/wheel-env"
bin=$cache/wheel-env/bin
"${pip[@]}" --python "$bin/python" install -q "$cache"/wheel/nbhoist-*.whl

cd "$cache"
"$bin/nbhoist" --version
"$bin/nbhoist" check --output-format json "$root/corpus/digits.ipynb" >/dev/null
"$bin/python" - <<'PYTHON'
import importlib.metadata, pkgutil, nbhoist_runtime

import nbhoist, nbhoist.binary, subprocess

found = nbhoist.binary.find()
assert subprocess.run([found, "--version"], capture_output=True, text=True).stdout.startswith("nbhoist "), found
assert callable(nbhoist.load_ipython_extension)
assert importlib.metadata.version("nbhoist"), "the wheel has a version"
names = sorted(module.name for module in pkgutil.iter_modules(nbhoist_runtime.__path__))
assert {"kernel", "worker", "pack"} <= set(names), names
for name in names:
    importlib.import_module(f"nbhoist_runtime.{name}")
print(f"nbhoist_runtime: {len(names)} modules, all importable from {nbhoist_runtime.__file__}")
PYTHON
