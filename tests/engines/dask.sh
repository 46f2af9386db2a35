#!/usr/bin/env bash
# A Dask scheduler and worker on loopback, over TLS with an authority of their own.
set -eu
. "$(dirname "$0")/engine.sh"
number=$(port)
authority() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$folder/$1.key" -out "$folder/$1.crt" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout "$folder/$1-end.key" -out "$folder/$1-end.csr" 2>/dev/null
  openssl x509 -req -days 2 -in "$folder/$1-end.csr" -CA "$folder/$1.crt" -CAkey "$folder/$1.key" -CAcreateserial -out "$folder/$1-end.crt" 2>/dev/null
}
authority ours
authority theirs
tls() { printf -- '--tls-ca-file %s --tls-cert %s --tls-key %s' "$folder/ours.crt" "$folder/ours-end.crt" "$folder/ours-end.key"; }
export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=0 DASK_TEMPORARY_DIRECTORY=$folder
bin=$(dirname "$engines")
"$bin/dask" scheduler --protocol tls --host 127.0.0.1 --port "$number" --no-dashboard $(tls) >"$folder/scheduler" 2>&1 &
scheduler=$!
"$bin/dask" worker "tls://127.0.0.1:$number" --host 127.0.0.1 --nworkers 1 --nthreads 4 --no-dashboard $(tls) >"$folder/worker" 2>&1 &
worker=$!
started+=($worker $scheduler)
mkdir "$folder/bin"
printf '#!/bin/sh\nexec %s %s "$@"\n' "$engines" "$(cd "$(dirname "$0")/../.." && pwd)/plugins/nbhoist-executor-dask" >"$folder/bin/nbhoist-executor-dask"
chmod +x "$folder/bin/nbhoist-executor-dask"
until_ok grep -q 'Registered to' "$folder/worker" || { tail -n 20 "$folder/scheduler" "$folder/worker" >&2; exit 1; }
place() {
  printf 'backend = \\"dask\\"\\nuri = \\"tls://127.0.0.1:%s\\"\\npython = \\"%s\\"\\n' "$number" "$python"
  printf 'options = { ca = \\"%s/ours.crt\\", cert = \\"%s/%s-end.crt\\", key = \\"%s/%s-end.key\\" }\\n' "$folder" "$folder" "$1" "$folder" "$1"
}
cut='kill -9 \$(pgrep -P \$NBHOIST_TEST_PROCESS -f nbhoist-executor-dask)'
ready "{\"plain\": \"$engines $(cd "$(dirname "$0")" && pwd)/plain.py dask tls://127.0.0.1:$number $folder/ours.crt $folder/ours-end.crt $folder/ours-end.key\", \"place\": \"$(place ours)\", \"wrong\": \"$(place theirs)\", \"path\": \"$folder/bin\", \"cut\": \"${cut//\\/}\", \"kill\": \"kill -9 $scheduler \$(pgrep -P $worker) $worker\"}"
