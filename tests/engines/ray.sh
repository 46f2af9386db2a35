#!/usr/bin/env bash
# Ray in a network namespace that has loopback alone, because it listens on every interface it sees. Wants root.
set -eu
if [ -z "${NBHOIST_IN_NAMESPACE:-}" ]; then
  NBHOIST_IN_NAMESPACE=1 exec unshare -n -m "$0" "$@"
fi
. "$(dirname "$0")/engine.sh"
ip link set lo up
ip route add default dev lo src 127.0.0.1
echo 'nameserver 127.0.0.1' >"$folder/resolv"
mount --bind "$folder/resolv" /etc/resolv.conf
bin=$(dirname "$engines")
# Its workers would give way to everything else on the machine.
export RAY_worker_niceness=0 RAY_USAGE_STATS_ENABLED=0 RAY_agent_register_timeout_ms=120000 RAY_AUTH_MODE=token RAY_AUTH_TOKEN=sesame-sesame-sesame-sesame-1234
start() {
  "$bin/ray" start --head --block --temp-dir="$folder/ray" --node-ip-address=127.0.0.1 --port=6380 --include-dashboard=false --num-cpus=4 \
    --object-store-memory=300000000 --disable-usage-stats >"$folder/log" 2>&1 &
  head=$!
  while ! grep -q 'Ray runtime started' "$folder/log"; do
    kill -0 $head 2>/dev/null || return 1
    sleep 0.2
  done
  started+=($head)
}
# On a busy machine Ray gives up waiting for its own processes.
start || start || start || { tail -n 20 "$folder/log" >&2; exit 1; }
mkdir "$folder/bin" "$folder/wrong"
plugin=$(cd "$(dirname "$0")/../.." && pwd)/plugins/nbhoist-executor-ray
wrap() {
  printf '#!/bin/sh\nexport RAY_AUTH_MODE=token RAY_AUTH_TOKEN=%s\nexec nsenter --net=/proc/%s/ns/net --mount=/proc/%s/ns/mnt %s %s "$@"\n' \
    "$2" $$ $$ "$engines" "$plugin" >"$folder/$1/nbhoist-executor-ray"
  chmod +x "$folder/$1/nbhoist-executor-ray"
}
wrap bin "$RAY_AUTH_TOKEN"
wrap wrong guess-guess-guess-guess-guess-12345
place="backend = \\\"ray\\\"\\nuri = \\\"127.0.0.1:6380\\\"\\npython = \\\"$python\\\"\\n"
cut='kill -9 $(pgrep -P $NBHOIST_TEST_PROCESS -f nbhoist-executor-ray)'
printf 'kill -9 $(pgrep -f "^%s.*(raylet|gcs_server)") $(pgrep -f "^ray::Place") %s\n' "$(dirname "$bin")" "$head" >"$folder/kill"
printf 'export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=%s\nexec nsenter --net=/proc/%s/ns/net --mount=/proc/%s/ns/mnt %s %s ray 127.0.0.1:6380\n' \
  "$RAY_AUTH_TOKEN" $$ $$ "$engines" "$(cd "$(dirname "$0")" && pwd)/plain.py" >"$folder/plain"
ready "{\"plain\": \"sh $folder/plain\", \"place\": \"$place\", \"wrong\": \"$place\", \"path\": \"$folder/bin\", \"wrong_path\": \"$folder/wrong\", \"cut\": \"$cut\", \"kill\": \"sh $folder/kill\"}"
"$bin/ray" stop --force >/dev/null 2>&1 || true
