"""Seals: keyed hashes around every frame, so that no byte that was changed or that somebody else wrote becomes a value.

Part of the runtime, and the beginning of the script that holds a worker (`lease.py`): it imports nothing of the package.
HMAC-SHA256 (RFC 2104), because both ends have it in their standard tools and processors have instructions for it.
"""

import hashlib
import hmac
import struct

KEY = 32  # Bytes of a key.
NONCE = 16  # Bytes that make the keys of a stream its own.
TAG = 32  # Bytes of a tag.

# What a seal is for; the two directions of a stream and a file beside the kernel have keys of their own.
TO_WORKER, FROM_WORKER, FILE = b">", b"<", b"file"

LENGTH = struct.Struct(">I")
_COUNT = struct.Struct(">Q")


class Forged(ValueError):
    """A frame is not what its sender wrote."""


class Seal:
    """Makes or checks the tags of one stream in one direction; `way` and `nonce` name it. Frames are counted, so each has its place."""

    def __init__(self, key, way, nonce):
        self._head = _digest(key, b"nbhoist head " + way + nonce)
        self._body = _digest(key, b"nbhoist body " + way + nonce)
        self._count = 0
        self._announced = b""

    def head(self, text, payload):
        """All that goes before the payload: the header's length, its tag, the header, its tag and the payload's tag."""
        count = _COUNT.pack(self._count)
        self._count += 1
        length, body = LENGTH.pack(len(text)), _digest(self._body, payload)
        return b"".join((length, _digest(self._head, b"L" + count + length), text, _digest(self._head, b"H" + count + body + text), body))

    def length(self, begin):
        """The length of the header whose frame begins with these bytes (`LENGTH.size + TAG`)."""
        length, tag = bytes(begin[: LENGTH.size]), begin[LENGTH.size :]
        self._same(_digest(self._head, b"L" + _COUNT.pack(self._count) + length), tag)
        return LENGTH.unpack(length)[0]

    def header(self, text, tags):
        """Check a header; the payload that follows is checked by `payload`."""
        tag, self._announced = bytes(tags[:TAG]), bytes(tags[TAG:])
        self._same(_digest(self._head, b"H" + _COUNT.pack(self._count) + self._announced + bytes(text)), tag)
        self._count += 1

    def payload(self, data):
        """Check the payload of the frame whose header was checked last."""
        self._same(_digest(self._body, data), self._announced)

    @staticmethod
    def _same(tag, came):
        if not hmac.compare_digest(tag, bytes(came)):
            raise Forged("a frame was changed on its way, or is not from the other end")


def _digest(key, data):
    # Unlike `hmac.digest`, this lets other threads run while it goes through a payload.
    return hmac.new(key, data, hashlib.sha256).digest()
