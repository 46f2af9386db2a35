"""Reads a result while it still comes, in a thread of its own, so that it is in memory when it is complete."""

import threading
import time

from . import frames
from .errors import Trouble

PAUSE = 0.002  # Seconds between two looks at a file that has not grown.
PATIENCE = 600  # Seconds without growth after which nobody seems to write any more.


def read(source, file, key):
    """The header of the `collected` frame of a result file that was sealed with `key`, and the buffers before it."""
    source = frames.in_file(source, file, key)
    assembly = frames.Assembly()
    while True:
        header = frames.read_header(source)
        if header is None:
            raise Trouble("internal", "the result file %s is incomplete" % file)
        if header["op"] == "buffer":
            assembly.read(source, header)
        elif header["op"] == "collected":
            return header, assembly.take(header["buffers"])


class Arriving:
    """A result file that grows. Nothing in it is looked at before the whole has come."""

    def __init__(self, file, key):
        self.file = file
        self._key = key
        self._found = None
        self._complete = self._stopped = False
        self._thread = threading.Thread(target=self._run, name="nbhoist-arriving", daemon=True)
        self._thread.start()

    def take(self):
        """What `read` gives, once the file is complete; None when it could not be read, and has to be read again."""
        self._complete = True
        self._thread.join()
        return self._found

    def stop(self):
        """Nobody wants it any more."""
        self._stopped = True

    def _run(self):
        try:
            with open(self.file, "rb", 1 << 20) as source:
                self._source = source
                self._found = read(self, self.file, self._key)
        except Exception:
            pass  # Reading the complete file tells what is wrong with it.

    def readinto(self, view):
        """Fill as much of `view` as there is; 0 at the end."""
        until = time.monotonic() + PATIENCE
        while not self._stopped:
            complete = self._complete
            count = self._source.readinto(view)
            if count or complete or not len(view) or time.monotonic() > until:
                return count
            time.sleep(PAUSE)
        return 0
