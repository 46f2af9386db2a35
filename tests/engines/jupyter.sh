#!/usr/bin/env bash
# A Jupyter Server (`jupyter.sh server`), Kernel Gateway (`gateway`) or Enterprise Gateway (`enterprise`) on loopback, behind a relay
# whose connections can be cut.
set -eu
. "$(dirname "$0")/engine.sh"
number=$(port) relay=$(port)
export JUPYTER_DATA_DIR=$folder/data JUPYTER_RUNTIME_DIR=$folder/runtime JUPYTER_CONFIG_DIR=$folder/config JUPYTER_TOKEN=sesame JUPYTER_PREFER_ENV_PATH=0
mkdir -p "$folder/data/kernels/python3" "$folder/root"
cat >"$folder/data/kernels/python3/kernel.json" <<END
{"argv": ["$python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Python 3", "language": "python"}
END
case $1 in
  server)
    "$engines" -m jupyter_server --no-browser --allow-root --ip=127.0.0.1 --port="$number" --IdentityProvider.token=sesame \
      --ServerApp.root_dir="$folder/root" --KernelSpecManager.ensure_native_kernel=False >"$folder/log" 2>&1 & ;;
  gateway)
    "$engines" -m kernel_gateway --KernelGatewayApp.ip=127.0.0.1 --KernelGatewayApp.port="$number" --KernelGatewayApp.auth_token=sesame \
      --JupyterWebsocketPersonality.list_kernels=True >"$folder/log" 2>&1 & ;;
  enterprise)
    unset JUPYTER_TOKEN
    # It starts nothing for root unless it is told that root is fine.
    export EG_UNAUTHORIZED_USERS=nobody
    "${NBHOIST_ENTERPRISE_PYTHON:-$engines}" -m enterprise_gateway --EnterpriseGatewayApp.ip=127.0.0.1 --EnterpriseGatewayApp.port="$number" \
      --EnterpriseGatewayApp.auth_token=sesame --EnterpriseGatewayApp.list_kernels=True >"$folder/log" 2>&1 & ;;
esac
server=$!
started+=($server)
"$engines" "$(dirname "$0")/relay.py" "$relay" "$number" "$folder/cut" >/dev/null 2>&1 &
started+=($!)
until_ok "$engines" -c "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:$relay/api/kernels', headers={'Authorization': 'token sesame'})).read()" ||
  { tail -n 20 "$folder/log" >&2; exit 1; }
cut="touch $folder/cut; while [ -e $folder/cut ]; do sleep 0.05; done"
place="backend = \\\"jupyter\\\"\\nuri = \\\"http://127.0.0.1:$relay\\\"\\ntoken-env = \\\"NBHOIST_TEST_TOKEN\\\"\\n"
ready "{\"place\": \"$place\", \"wrong\": \"$place\", \"environment\": {\"NBHOIST_TEST_TOKEN\": \"sesame\"}, \"wrong_environment\": {\"NBHOIST_TEST_TOKEN\": \"guess\"}, \"cut\": \"$cut\", \"kill\": \"kill -9 $server; touch $folder/cut\"}"
