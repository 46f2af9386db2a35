#!/usr/bin/env bash
# Two machines that differ, on one: the kernel confined to a share of a core, workers over ssh with a larger share, the link
# shaped. Replays sessions in our notebooks under every policy, one line of JSON each, into bench/experiment.jsonl;
# what is there already is not run again. bench/experiment_report.py writes docs/experiment.md of them. Wants root, control
# groups of version 1, sshd and iproute2.
#   bench/experiment.sh --quick     the heavy session of each domain at 4x and 1 Gbit/s under every policy, and sizes of state: about 45 minutes
#   bench/experiment.sh [--policies never,optimal] [--ratios 2,4,8] [--mbit 10,1000] [--delay SECONDS] [--ways "linear,hyperparameter loop"]
#                       [--notebooks digits,image,remote] [--repeats 5] [--rounds 2] [--pause 4] [--share 0.8] [--states yes] [--results FILE]
#                       [--prepared yes: what comes before the first turn of the parameter is made ready, not counted]
#                       [--without "reducer", "cache", "compression" or "worker ahead"]
# Everything is bench/experiment_all.sh.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
python=${NBHOIST_TEST_PYTHON:?an interpreter with corpus/requirements.txt}
if [ "${1:-}" = --quick ]; then
  shift
  set -- --states yes --repeats 1 "$@"
fi
if [ -z "${NBHOIST_IN_NAMESPACE:-}" ]; then
  # A peer in the table of sizes; no notebook needs it.
  export NBHOIST_DILL="${NBHOIST_DILL:-$root/.cache/experiment-dill}"
  [ -d "$NBHOIST_DILL/dill" ] || "$python" -m pip install --quiet --no-deps --target "$NBHOIST_DILL" dill==0.4.0 || uv pip install --quiet --no-deps --python "$python" --target "$NBHOIST_DILL" dill==0.4.0
  [ -n "${NBHOIST_EXPERIMENT:-}" ] || cargo build --quiet --release -p nbhoist-tests --example experiment
  # Its loopback is the link: nothing else is on it but the kernel's messages.
  NBHOIST_IN_NAMESPACE=1 exec unshare -n "$root/bench/experiment.sh" "$@"
fi
ip link set lo up
folder=$(mktemp -d)
port=$((20000 + $$ % 10000)) # connections are shared by address: one of another namespace is not meant
near=/sys/fs/cgroup/cpu/nbhoist-near-$$
far=/sys/fs/cgroup/cpu/nbhoist-far-$$
clean() {
  [ -z "${server:-}" ] || { for child in $(pgrep -P "$server") "$server"; do kill "$child" 2>/dev/null || true; done; }
  for group in "$near" "$far"; do
    for process in $(cat "$group/cgroup.procs" 2>/dev/null); do kill "$process" 2>/dev/null || true; done
  done
  sleep 1
  rmdir "$near" "$far" 2>/dev/null || true
  rm -rf "$folder"
}
trap clean EXIT
mkdir "$near" "$far"
# Other work on the machine should disturb little.
echo 50000 | tee "$near/cpu.shares" >"$far/cpu.shares"
for key in host id; do ssh-keygen -q -t ed25519 -N '' -f "$folder/$key"; done
cp "$folder/id.pub" "$folder/authorized"
cat >"$folder/sshd_config" <<END
ListenAddress 127.0.0.1
Port $port
HostKey $folder/host
AuthorizedKeysFile $folder/authorized
PidFile $folder/sshd.pid
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
END
cat >"$folder/config" <<END
Host box
  HostName 127.0.0.1
  Port $port
  User $(id -un)
  IdentityFile $folder/id
  IdentitiesOnly yes
  UserKnownHostsFile $folder/known
  StrictHostKeyChecking accept-new
END
# The machine there has a cache of its own, empty at the beginning.
printf '#!/bin/sh\nexport NBHOIST_CACHE_DIR=%s MPLBACKEND=agg OPENBLAS_NUM_THREADS=1\nexec %s "$@"\n' "$folder/cache" "$python" >"$folder/python"
chmod +x "$folder/python"
mkdir -p /run/sshd
sh -c 'echo $$ >"$1/cgroup.procs"; exec "$2" -D -f "$3/sshd_config" -E "$3/log"' - "$far" "$(command -v sshd || echo /usr/sbin/sshd)" "$folder" &
server=$!
for _ in $(seq 100); do ssh -F "$folder/config" -o BatchMode=yes box true 2>/dev/null && break; sleep 0.1; done
${NBHOIST_EXPERIMENT:-target/release/examples/experiment} --near "$near" --far "$far" --ssh "$folder/config" --python "$python" --far-python "$folder/python" "$@"
