"""Seals: keyed hashes around every frame, so that no byte that was changed or that somebody else wrote becomes a value.

Part of the runtime, and the beginning of the script that holds a worker (`lease.py`): it imports nothing of the package.
HMAC-SHA256 (RFC 2104) of headers, which hold the SHA-256 of their payloads, because both ends have them in their standard tools and processors
have instructions for them. A payload's digest is the same wherever it goes, so whoever passes a frame on goes through it once, or not at all.
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
        self._key = _tag(key, b"nbhoist " + way + nonce)
        self._count = 0
        self.digest = b""  # Of the payload whose header was checked last.

    def head(self, text, digest):
        """All that goes before a payload of this digest: the header's length, its tag, the header, its tag and the digest."""
        count = _COUNT.pack(self._count)
        self._count += 1
        length = LENGTH.pack(len(text))
        return b"".join((length, _tag(self._key, b"L" + count + length), text, _tag(self._key, b"H" + count + digest + text), digest))

    def length(self, begin):
        """The length of the header whose frame begins with these bytes (`LENGTH.size + TAG`)."""
        length, tag = bytes(begin[: LENGTH.size]), begin[LENGTH.size :]
        _same(_tag(self._key, b"L" + _COUNT.pack(self._count) + length), tag)
        return LENGTH.unpack(length)[0]

    def header(self, text, tags):
        """Check a header; the payload that follows is checked by `payload`."""
        tag, self.digest = bytes(tags[:TAG]), bytes(tags[TAG:])
        _same(_tag(self._key, b"H" + _COUNT.pack(self._count) + self.digest + bytes(text)), tag)
        self._count += 1

    def payload(self, data):
        """Check the payload of the frame whose header was checked last."""
        _same(digest(data), self.digest)


def digest(payload):
    """What stands for a payload: its SHA-256. Other threads run while it is taken."""
    return hashlib.sha256(payload).digest()


def _same(tag, came):
    if not hmac.compare_digest(tag, bytes(came)):
        raise Forged("a frame was changed on its way, or is not from the other end")


def _tag(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()
