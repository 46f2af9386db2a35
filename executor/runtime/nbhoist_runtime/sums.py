"""Digests of large blocks of memory that come in parts: two sums, which are faster than a hash and see every small change."""

import zlib

# Bytes from which a block is large.
LARGE = 1 << 20

_WORD = 8


class Sums:
    """The digest of a block, taken part by part while it comes; `text` is that of the whole block."""

    def __init__(self):
        self._crc = self._sum = self._count = 0

    def add(self, part):
        """Take in the next bytes. All parts but the last have whole words."""
        import numpy

        view = memoryview(part)
        if self._count % _WORD:
            raise ValueError("the part before ended inside a word")
        words = numpy.frombuffer(view[: view.nbytes // _WORD * _WORD], numpy.uint64)
        self._sum = (self._sum + int(words.sum(dtype=numpy.uint64))) % (1 << 64)
        self._crc = zlib.crc32(view, self._crc)
        self._count += view.nbytes

    def text(self):
        """The digest of what was taken in."""
        return "%08x-%016x-%s" % (self._crc, self._sum, self._count)
