# Installs what the engines need; sourced by run.sh and measure.sh.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=$root/.cache
mkdir -p "$cache"
if [ "$(id -u)" != 0 ]; then
  # Slurm's daemons, munge and network namespaces want it.
  echo "the engines can be started by root only"
  [ -z "${CI:-}" ] || exit 1
  exit 0
fi
# One by one: `command -v` of several is content with any of them.
missing=false
for program in sshd slurmctld slurmd munged runuser ip openssl; do command -v "$program" >/dev/null || missing=true; done
if $missing; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends openssh-server openssh-client slurmctld slurmd slurm-client munge iproute2 openssl >/dev/null
fi
command -v kubectl >/dev/null || { echo "kubectl 1.31 or later is needed: https://kubernetes.io/docs/tasks/tools"; exit 1; }
engine_environment() {
  local home=$cache/$1 list=$root/tests/engines/$2
  if [ ! -f "$home/.complete" ] || ! cmp -s "$list" "$home/.complete"; then
    rm -rf "$home"
    "${NBHOIST_TEST_PYTHON:?}" -m venv "$home"
    "$home/bin/python" -m pip install -q --disable-pip-version-check uv
    "$home/bin/uv" pip install -q -p "$home/bin/python" -r "$list"
    cp "$list" "$home/.complete"
  fi
}
[ -n "${NBHOIST_ENGINES_PYTHON:-}" ] || { engine_environment engines-env requirements.txt; export NBHOIST_ENGINES_PYTHON=$cache/engines-env/bin/python; }
[ -n "${NBHOIST_ENTERPRISE_PYTHON:-}" ] ||
  { engine_environment enterprise-env requirements-enterprise.txt; export NBHOIST_ENTERPRISE_PYTHON=$cache/enterprise-env/bin/python; }
export MPLBACKEND=agg
cd "$root"
