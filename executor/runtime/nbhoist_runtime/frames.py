"""Frames: a big-endian `u32` header length, a JSON header, and `header["n"]` bytes of payload, with tags between them where they are sealed.

Everything that leaves or enters a process goes through `write` and `read`, so that authentication has one place.
"""

import json
import os
import zlib

from . import arrays, sums
from .errors import Trouble
from .seal import FILE, LENGTH, TAG, Seal, digest

MAX_HEADER = 256 * 1024 * 1024
MAX_PAYLOAD = 4 * 1024 * 1024
MIN_PART = 512 * 1024  # Bytes of the first and last parts of a buffer that is not written in one.

HEAD = 1  # The buffer that says what the others are (see `bundle`).


class Sealed:
    """A file whose frames are sealed in the one direction in which it is used."""

    def __init__(self, file, seal):
        self.seal = seal
        self.write = getattr(file, "write", None)
        self.flush = getattr(file, "flush", None)
        self.readinto = getattr(file, "readinto", None)


def in_file(file, path, key):
    """An open file beside the kernel, sealed with the key of its migration (hexadecimal digits) under its own name; as it is without a key."""
    if key is None:
        return file
    return Sealed(file, Seal(bytes.fromhex(key), FILE, os.path.basename(path).encode()))


def write(file, header, payload=b""):
    """Write one frame; a part of a frame is never left behind by this function's own doing."""
    header["n"] = len(payload)
    try:
        text = json.dumps(header, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(header), ensure_ascii=False, default=str)
    text = text.encode("utf-8", "replace")
    if len(text) > MAX_HEADER:
        raise Trouble("internal", "a message of %d MiB is over the limit of 256 MiB" % (len(text) >> 20))
    seal = _seal(file)
    file.write(LENGTH.pack(len(text)) + text if seal is None else seal.head(text, digest(payload)))
    if len(payload):
        file.write(payload)


def _seal(file):
    return getattr(file, "seal", None)


def _finite(value):
    """`value` with infinities and NaN as text, as ipykernel sends them: JSON has no word for them."""
    if isinstance(value, float) and value - value != 0:
        return repr(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def read_exactly(file, count):
    """Read `count` bytes into a fresh bytearray; None at end of file before the first byte."""
    data = bytearray(count)
    return data if read_into(file, memoryview(data)) else None


def read_into(file, view):
    """Fill a memoryview of bytes; False at end of file before the first byte."""
    done = 0
    while done < len(view):
        got = file.readinto(view[done:])
        if not got:
            if done == 0:
                return False
            raise EOFError("the stream ended inside a frame")
        done += got
    return True


def read(file):
    """The next frame as `(header, payload)`; `(None, None)` at end of file."""
    header = read_header(file)
    return (None, None) if header is None else (header, read_payload(file, header))


def read_header(file):
    """The header of the next frame, whose payload has to be read next; None at end of file."""
    seal = _seal(file)
    begin = read_exactly(file, LENGTH.size if seal is None else LENGTH.size + TAG)
    if begin is None:
        return None
    size = LENGTH.unpack(begin)[0] if seal is None else seal.length(begin)
    if size > MAX_HEADER:
        raise Trouble("internal", "the stream is not a stream of frames: a header of %d bytes is announced" % size)
    text = _inside(read_exactly(file, size))
    if seal is not None:
        seal.header(text, _inside(read_exactly(file, 2 * TAG)))
    header = json.loads(bytes(text).decode("utf-8"))
    count = header.get("n", 0)
    if not 0 <= count <= MAX_PAYLOAD:
        raise Trouble("internal", "a payload of %r bytes is over the limit of 4 MiB" % count)
    return header


def read_payload(file, header):
    """The payload of the frame whose header has been read."""
    payload = _inside(read_exactly(file, header.get("n", 0)))
    check_payload(file, payload)
    return payload


def check_payload(file, payload):
    """Refuse a payload that is not what its sender wrote."""
    seal = _seal(file)
    if seal is not None:
        seal.payload(payload)


def _inside(data):
    if data is None:
        raise EOFError("the stream ended inside a frame")
    return data


def codecs():
    """The codecs this interpreter can decode, best first."""
    return (["zstd"] if _zstd() else []) + ["zlib", "raw"]


def write_buffers(file, buffers, offered=("raw",), extra=None):
    """Write the buffers of a bundle as `buffer` frames with `extra` in their headers; returns the bytes written as payload."""
    total = 0
    for index, data in enumerate(buffers):
        view = memoryview(data)
        view = view.cast("B") if view.ndim != 1 or view.format != "B" else view
        codec, raw = _choose(view, offered), view.nbytes
        packed = memoryview(_compress(view, codec)) if codec != "raw" else view
        for start, end in _spans(len(packed)):
            part = packed[start:end]
            write(file, dict(extra or {}, op="buffer", index=index, raw=raw, codec=codec, last=end == len(packed)), part)
            if len(part) >= MIN_PART:
                file.flush()  # The next part is hashed before it is written.
            total += len(part)
    return total


def _spans(size):
    """Where the parts of a buffer of `size` bytes begin and end, of an empty one its only part.

    A station on the way passes a part on when it has the whole of it, so those of a large buffer grow at its beginning and shrink towards its
    end: the first is soon on its way, and the last has not far to go.
    """
    if size <= MAX_PAYLOAD:
        return [(0, size)]
    found, start, length = [], 0, MIN_PART
    while start < size:
        half = (size - start) // 2 // MIN_PART * MIN_PART
        end = min(start + max(min(length, half), MIN_PART), size)
        found.append((start, end))
        start, length = end, min(2 * length, MAX_PAYLOAD)
    return found


def parts(buffers, least):
    """The payloads of these buffers' frames, written raw; those of fewer bytes than `least` are left out."""
    for data in buffers:
        view = memoryview(data)
        view = view.cast("B") if view.ndim != 1 or view.format != "B" else view
        for start, end in _spans(len(view)):
            if end - start >= least:
                yield view[start:end]


class Assembly:
    """Puts the parts of a bundle's buffers together. Every buffer becomes a writable bytearray of its own, or the array that it is.

    `with_sums` takes the digests of large arrays while they come, where that costs the least.
    """

    def __init__(self, cache=None, with_sums=False):
        self._with_sums = with_sums
        self._done = {}
        self._parts = {}
        self._homes = {}
        self._digests = {}
        self._cache = cache

    def read(self, file, header):
        """Take the payload of one `buffer` frame from the file; what comes unpacked is read to where it stays."""
        if not _is_plain(header):
            return self.add(header, read_payload(file, header))
        room = self._part(header).room(header.get("n", 0))
        if not read_into(file, room):
            raise EOFError("the stream ended inside a frame")
        check_payload(file, room)
        self._parts[header["index"]].look(room)
        at = 0
        for name, length, _ in header.get("pieces", ()):
            self._cache.keep(name, room[at : at + length])
            at += length
        self._end(header)

    def add(self, header, payload):
        """Take the payload of one `buffer` frame."""
        part = self._part(header)
        part.add(self._pieces(header, payload) if header["codec"] == "pieces" else payload)
        self._end(header)

    def _part(self, header):
        index = header["index"]
        if index not in self._parts:
            self._parts[index] = self._begin(index, header["raw"], header["codec"])
        return self._parts[index]

    def _begin(self, index, raw, codec):
        if codec not in ("raw", "pieces"):
            return _Packed(raw, codec)
        return _Raw(raw, arrays.empty(self._homes[index], raw) if index in self._homes else None, self._with_sums)

    def _end(self, header):
        index = header["index"]
        if header["last"]:
            part = self._parts.pop(index)
            done = self._done[index] = part.finish(index)
            if part.sums is not None:
                self._digests[id(done)] = part.sums.text()
            if index == HEAD:
                self._homes = arrays.homes(done)

    def _pieces(self, header, payload):
        """A part put together from what came and what was here."""
        came = memoryview(payload if header["packed"] == "raw" else _decompress(payload, header["packed"]))
        parts, at = [], 0
        for name, length, here in header["pieces"]:
            if here:
                parts.append(self._cache.chunk(name))
                continue
            part = came[at : at + length]
            at += length
            parts.append(part)
            self._cache.keep(name, part)
        if at != len(came):
            raise Trouble("internal", "a part has %d of %d bytes" % (at, len(came)))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def take_digests(self):
        """The digests of the memory of arrays among the finished buffers, by `id`: whoever asks holds the buffers as long as the digests."""
        found, self._digests = self._digests, {}
        return found

    def take(self, count):
        """The finished buffers in order; the assembly is empty afterwards."""
        done, self._done, parts, self._parts = self._done, {}, self._parts, {}
        self._homes = {}
        if parts or sorted(done) != list(range(count)):
            raise Trouble("internal", "the bundle is incomplete: %d of %d buffers arrived whole" % (len(done), count))
        return [done[index] for index in range(count)]


def _is_plain(header):
    """Whether a part of a buffer comes whole and as it is."""
    if header["codec"] != "pieces":
        return header["codec"] == "raw"
    pieces = header["pieces"]
    whole = sum(length for _, length, _ in pieces) == header.get("n", 0)
    return header["packed"] == "raw" and whole and not any(here for _, _, here in pieces)


class _Raw:
    def __init__(self, raw, array=None, with_sums=False):
        self.sums = sums.Sums() if with_sums and array is not None and raw >= sums.LARGE else None
        self.data = bytearray(raw) if array is None else array
        self.view = memoryview(self.data if array is None else arrays.flat_bytes(array))
        self.filled = 0

    def room(self, count):
        """Where the next `count` bytes belong."""
        start, self.filled = self.filled, self.filled + count
        if self.filled > len(self.view):
            raise Trouble("internal", "a buffer is longer than announced")
        return self.view[start : self.filled]

    def add(self, payload):
        room = self.room(len(payload))
        room[:] = payload
        self.look(room)

    def look(self, part):
        """Take a part that has come into the digest; without whole words there is none."""
        if self.sums is not None and (len(part) % 8 == 0 or self.filled == len(self.view)):
            self.sums.add(part)
        else:
            self.sums = None

    def finish(self, index):
        if self.filled != len(self.view):
            raise Trouble("internal", "buffer %d has %d of %d bytes" % (index, self.filled, len(self.view)))
        # What looks at an array's memory would keep it from being resized.
        self.view = None
        return self.data


class _Packed:
    sums = None

    def __init__(self, raw, codec):
        self.raw = raw
        self.codec = codec
        self.data = bytearray()

    def add(self, payload):
        self.data += payload

    def finish(self, index):
        data = bytearray(_decompress(self.data, self.codec))
        if len(data) != self.raw:
            raise Trouble("internal", "buffer %d has %d of %d bytes" % (index, len(data), self.raw))
        return data


def _zstd():
    """The first zstd implementation there is, as `(compress, decompress)`, or None."""
    try:
        from compression import zstd  # Python 3.14

        return (lambda data: zstd.compress(data, 1)), zstd.decompress
    except ImportError:
        pass
    try:
        import zstandard

        return (
            lambda data: zstandard.ZstdCompressor(level=1).compress(data),
            lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        )
    except ImportError:
        return None


_SAMPLE = 192 * 1024


def _choose(view, offered):
    """The codec for one buffer: the best one offered if a sample shrinks by a tenth, else `raw`."""
    if view.nbytes < 1024:
        return "raw"
    for codec in ("zstd", "zlib"):
        if codec in offered and (codec == "zlib" or _zstd()):
            middle = max(0, (view.nbytes - _SAMPLE) // 2)
            sample = view[middle : middle + _SAMPLE]
            return codec if len(sample) > 1.1 * len(_compress(sample, codec)) else "raw"
    return "raw"


def _compress(view, codec):
    return _zstd()[0](view) if codec == "zstd" else zlib.compress(view, 1)


def _decompress(data, codec):
    if codec == "zlib":
        return zlib.decompress(data)
    if codec == "zstd" and _zstd():
        return _zstd()[1](data)
    raise Trouble("internal", "no decoder for codec %r in this Python" % codec)
