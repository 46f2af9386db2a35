#!/usr/bin/env bash
# Checks reports, settings and CI files against their real schemas and tools: SARIF, JUnit, GitHub, GitLab, pre-commit, ruff.
#   tests/lint/run.sh CACHE NBHOIST      NBHOIST is the binary; needs python3, npm and cargo
set -euo pipefail
nbhoist=$(realpath "$2")
cache=$(mkdir -p "$1/lint" && cd "$1/lint" && pwd)
cd "$(dirname "$0")/../.."
root=$PWD

stamp=$(sha256sum tests/lint/requirements.txt | cut -c1-16)
if [ ! -f "$cache/env/.complete-$stamp" ]; then
  rm -rf "$cache/env"
  python3 -m venv "$cache/env"
  "$cache/env/bin/python" -m pip install -q --disable-pip-version-check -r tests/lint/requirements.txt
  touch "$cache/env/.complete-$stamp"
fi
# The schema of SARIF 2.1.0 as Microsoft's matchers carry it, and the one of JUnit files as pytest tests its own with.
if [ ! -f "$cache/sarif.json" ]; then
  (cd "$cache" && npm pack --silent @microsoft/jest-sarif@1.0.0-beta.0 >/dev/null)
  tar -xOzf "$cache/microsoft-jest-sarif-1.0.0-beta.0.tgz" package/lib/schemas/sarif-2.1.0-rtm.5.json > "$cache/sarif.part"
  mv "$cache/sarif.part" "$cache/sarif.json"
fi
if [ ! -f "$cache/junit.xsd" ]; then
  "$cache/env/bin/python" -m pip download -q --disable-pip-version-check --no-deps --no-binary pytest -d "$cache" pytest==9.2.0
  tar -xOzf "$cache/pytest-9.2.0.tar.gz" pytest-9.2.0/testing/example_scripts/junit-10.xsd > "$cache/junit.part"
  mv "$cache/junit.part" "$cache/junit.xsd"
fi

export PATH="$cache/env/bin:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CONFIG_HOME=$work/config PRE_COMMIT_HOME=$work/pre-commit
python tests/lint/reports.py "$nbhoist" "$cache" "$work/reports"
python tests/lint/settings.py "$nbhoist" "$work/settings"
python tests/lint/ci_files.py "$nbhoist" "$work/ci"
python tests/lint/with_ruff.py "$nbhoist" "$work/ruff"
python tests/lint/judged.py "$nbhoist"
pre-commit validate-manifest .pre-commit-hooks.yaml

# The hook, installed by pre-commit itself from this tree; its own profile would take many minutes.
hooked=$work/hooked
mkdir "$hooked"
python tests/lint/sample.py "$hooked"
git -C "$hooked" init -q
git -C "$hooked" add .
export MATURIN_PEP517_ARGS="--profile dev" CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
status=0
(cd "$hooked" && pre-commit try-repo "$root" nbhoist --all-files --verbose) > "$work/hook.log" 2>&1 || status=$?
if [ "$status" -ne 1 ] || ! grep -q "NBH202" "$work/hook.log" || grep -q "archive/old.ipynb" "$work/hook.log"; then
  cat "$work/hook.log"
  echo "the pre-commit hook ended with $status; it should fail with the findings of a.ipynb"
  exit 1
fi
echo "pre-commit: the hook was installed from this tree and fails with what it finds"
