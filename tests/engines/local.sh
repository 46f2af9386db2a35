#!/usr/bin/env bash
# Nothing to start: a worker process on this machine.
set -eu
. "$(dirname "$0")/engine.sh"
ready "{\"place\": \"backend = \\\"local\\\"\\npython = \\\"$python\\\"\\n\", \"stream\": [\"env\"]}"
