"""The unpickler: one instance lives as long as a migration, its memo mirrors the pickler's on the other side."""

import io
import pickle
import types

from . import arrays

_PROTOCOL = b"\x80\x05"
_SEED = b"\x97\x940"  # NEXT_BUFFER, MEMOIZE, POP
_STOP = b"N."


class Unpickler:
    """Loads what the `pack.Pickler` of the other side dumps, in the same order."""

    def __init__(self, seeds, anchors=()):
        self.arrays = arrays.Incoming(anchors)
        self._source = _Source()
        self._feed = _Feed()
        self._pickle = pickle.Unpickler(self._source, buffers=self._feed)
        # Some values look names up in the frame that unpacks them, as statsmodels does for the functions in a formula.
        self._from_notebook = types.FunctionType((lambda load: load()).__code__, seeds[0])
        self.seed([seeds[0], self.arrays] + list(seeds[1:]))

    def seed(self, objects):
        """Append objects to the memo that both sides know."""
        self._run(_PROTOCOL + _SEED * len(objects) + _STOP, objects)

    def _fresh(self):
        return pickle.Unpickler(self._source, buffers=self._feed)

    def open(self, data, buffers):
        """Take the pickles of a bundle and its out-of-band buffers."""
        self._source.open(data)
        self._feed.put(buffers)

    def next(self):
        """The next object. After a failure nothing more can be loaded, because both sides' memos have come apart."""
        return self._from_notebook(self._pickle.load)

    def close(self):
        """Let go of the pickles and buffers."""
        self._source.close()
        self._feed.clear()

    def memo(self):
        """The memo as `{number: object}`."""
        return self._pickle.memo.copy()

    def _run(self, data, buffers):
        self.open(data, buffers)
        try:
            self.next()
        finally:
            self.close()


class _Source:
    """A file object that can be given new data."""

    def __init__(self):
        self.close()

    # The C unpickler looks these methods up once, so they must not be replaced along with the data.
    def open(self, data):
        self._data = io.BytesIO(data)

    def read(self, count):
        return self._data.read(count)

    def readline(self):
        return self._data.readline()

    def readinto(self, target):
        return self._data.readinto(target)

    def close(self):
        self.open(b"")


class _Feed:
    """An iterator over buffers that can be given new ones."""

    def __init__(self):
        self._left = iter(())

    def put(self, buffers):
        self._left = iter(buffers)

    def clear(self):
        self._left = iter(())

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._left)
