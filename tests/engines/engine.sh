# What the scripts that start engines share. Each prints one line of JSON when its engine is there, and takes it away when its
# standard input ends. Sourced with `set -eu` in force; `folder` is a fresh directory that goes away.
folder=$(mktemp -d /tmp/nbhoist-engine.XXXXXX)
python=$NBHOIST_TEST_PYTHON
engines=${NBHOIST_ENGINES_PYTHON:-$NBHOIST_TEST_PYTHON}
started=()
tidy() {
  [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
  sleep 0.3
  [ ${#started[@]} -eq 0 ] || kill -9 "${started[@]}" 2>/dev/null || true
  rm -rf "$folder"
}
trap tidy EXIT
# A port that is free, from a range out of which no outgoing connection gets one.
port() {
  "$python" -c '
import random, socket
while True:
    number = random.randrange(20000, 30000)
    try:
        socket.socket().bind(("127.0.0.1", number))
        break
    except OSError:
        pass
print(number)'
}
# Waits at most 5 minutes for a command to succeed.
until_ok() {
  for _ in $(seq ${PATIENCE:-1500}); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  echo "not ready: $*" >&2
  return 1
}
# Says what is there and waits for the end of standard input.
ready() { printf '%s\n' "$1"; cat >/dev/null; }
