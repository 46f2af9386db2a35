#!/usr/bin/env bash
# An OpenSSH server on loopback, with keys and a configuration of its own.
set -eu
. "$(dirname "$0")/engine.sh"
number=$(port)
for key in host id wrong; do ssh-keygen -q -t ed25519 -N '' -f "$folder/$key"; done
cp "$folder/id.pub" "$folder/authorized"
cat >"$folder/sshd_config" <<END
ListenAddress 127.0.0.1
Port $number
HostKey $folder/host
AuthorizedKeysFile $folder/authorized
PidFile $folder/sshd.pid
Subsystem sftp internal-sftp
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
END
configure() {
  cat >"$folder/$1" <<END
Host box
  HostName 127.0.0.1
  Port $number
  User $(id -un)
  IdentityFile $folder/$2
  IdentitiesOnly yes
  UserKnownHostsFile $folder/known
  StrictHostKeyChecking accept-new
END
}
configure config id
configure config.wrong wrong
mkdir -p /run/sshd
"$(command -v sshd || echo /usr/sbin/sshd)" -D -f "$folder/sshd_config" -E "$folder/log" &
server=$!
started+=($server)
until_ok ssh -F "$folder/config" -o BatchMode=yes box true
place() { printf 'backend = \\"ssh\\"\\nhost = \\"box\\"\\npython = \\"%s\\"\\noptions = [\\"-F\\", \\"%s\\"]\\n' "$python" "$folder/$1"; }
# The server's children are the two halves of a connection.
printf 'sessions=$(pgrep -P %s)\nkill -9 %s $sessions\n' $server $server >"$folder/kill"
printf 'kill -9 $(pgrep -P %s)\n' $server >"$folder/cut"
ready "{\"plain\": \"$engines $(cd "$(dirname "$0")" && pwd)/plain.py scp $folder/config $folder\", \"place\": \"$(place config)\", \"wrong\": \"$(place config.wrong)\", \"cut\": \"sh $folder/cut\", \"kill\": \"sh $folder/kill\"}"
