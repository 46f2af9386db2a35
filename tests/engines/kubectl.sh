#!/usr/bin/env bash
# The real kubectl against an API server of our own (fake_kubernetes.py).
set -eu
. "$(dirname "$0")/engine.sh"
number=$(port) relay=$(port)
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout "$folder/key" \
  -out "$folder/certificate" 2>/dev/null
"$engines" "$(dirname "$0")/fake_kubernetes.py" "$number" sesame "$folder/certificate" "$folder/key" >"$folder/log" 2>&1 &
server=$!
started+=($server)
"$engines" "$(dirname "$0")/relay.py" "$relay" "$number" "$folder/cut" >/dev/null 2>&1 &
started+=($!)
configure() {
  cat >"$folder/$1" <<END
{"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:$relay", "certificate-authority": "$folder/certificate"}}],
 "users": [{"name": "u", "user": {"token": "$2"}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "default"}}]}
END
}
configure config sesame
configure config.wrong guess
cat >"$folder/pod.json" <<END
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "nbhoist-SESSION"}, "spec": {"restartPolicy": "Never", "containers": [{"name": "worker",
 "image": "python:3.11", "command": ["sleep", "infinity"], "resources": {"limits": {"cpu": "2", "memory": "2Gi"}}}]}}
END
cat >"$folder/start" <<'END'
# The pod is made once; a later stream finds it.
folder=$1 session=$2
kubectl get pod "nbhoist-$session" >/dev/null 2>&1 || {
  sed "s/SESSION/$session/" "$folder/pod.json" | kubectl create --validate=false -f - >&2 &&
  kubectl wait --for=condition=Ready "pod/nbhoist-$session" --timeout=300s >&2
}
shift 2
exec kubectl exec -i "nbhoist-$session" -- "$@"
END
until_ok env KUBECONFIG="$folder/config" kubectl version || { cat "$folder/log" >&2; exit 1; }
cut="touch $folder/cut; while [ -e $folder/cut ]; do sleep 0.05; done"
place="command = [\\\"sh\\\", \\\"$folder/start\\\", \\\"$folder\\\", \\\"{session}\\\", \\\"{python}\\\", \\\"-u\\\", \\\"{worker}\\\"]\\npython = \\\"$python\\\"\\nclose = [\\\"kubectl\\\", \\\"delete\\\", \\\"pod\\\", \\\"nbhoist-{session}\\\", \\\"--wait=false\\\"]\\n"
ready "{\"place\": \"$place\", \"wrong\": \"$place\", \"environment\": {\"KUBECONFIG\": \"$folder/config\"}, \"wrong_environment\": {\"KUBECONFIG\": \"$folder/config.wrong\"}, \"cut\": \"$cut\", \"kill\": \"kill -9 $server; touch $folder/cut\"}"
