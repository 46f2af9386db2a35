"""Fetches what stayed, as `nbhoist fetch` does: a new worker reads the file there and sends it."""

import sys

from conftest import Process
from nbhoist_runtime import frames


def main(command, digest, *options):
    assert command == "fetch"
    given = dict(zip(options[::2], options[1::2]))
    worker = Process()
    file = given["--into"]
    with open(file, "wb") as plain:
        out = frames.in_file(plain, file, digest)
        take = lambda frame, payload: frames.write(out, frame, payload)
        frames.write(out, worker.ask({"op": "home", "folder": given["--folder"], "sha256": digest}, "collected", take))
    worker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
