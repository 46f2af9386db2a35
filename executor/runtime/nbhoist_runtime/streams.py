"""What the worker says: frames on the real standard output, and everything that code prints turned into frames."""

import codecs
import ctypes
import io
import os
import sys
import threading
import time

from . import frames, seal

FLUSH_SECONDS = 0.05
FLUSH_CHARACTERS = 32 * 1024


class Channel:
    """Writes frames, one at a time, from any thread. Text is held back for a moment so that many small writes make one frame."""

    def __init__(self, file):
        self._file = file
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._text = []
        self._held = 0
        self._name = None
        self._drains = []
        self._wake = threading.Event()
        self.cell = None
        threading.Thread(target=self._flusher, name="nbhoist-flush", daemon=True).start()

    def send(self, header, payload=b""):
        """Send a frame; text written before it goes first."""
        with self._lock:
            self._drain()
            self._flush()
            frames.write(self._file, header, payload)
            self._file.flush()

    def send_buffers(self, buffers, offered, extra):
        """Send the buffers of a bundle with `extra` in their headers; returns the payload bytes."""
        with self._lock:
            self._drain()
            self._flush()
            return frames.write_buffers(self._file, buffers, offered, extra)

    def text(self, name, text, drain=True):
        """Take text for a stream."""
        if os.getpid() != self._pid:
            # A forked child has a copy of this object; what it prints goes the way of what C code prints.
            os.write(1 if name == "stdout" else 2, text.encode("utf-8", "replace"))
            return
        with self._lock:
            if drain:
                self._drain()
            if name != self._name:
                self._flush()
                self._name = name
            self._text.append(text)
            self._held += len(text)
            if self._held >= FLUSH_CHARACTERS:
                self._flush()
            elif len(self._text) == 1:
                self._wake.set()

    def add_drain(self, drain):
        """`drain` is called before Python text and frames go out, so that what C code wrote earlier stays earlier."""
        self._drains.append(drain)

    def flush(self):
        """Send what is held back."""
        with self._lock:
            self._drain()
            self._flush()

    def _drain(self):
        for drain in self._drains:
            drain()

    def _flush(self):
        if self._text:
            text, self._text, self._held = "".join(self._text), [], 0
            frames.write(self._file, {"op": "stream", "cell": self.cell, "name": self._name, "text": text})
            self._file.flush()

    def _flusher(self):
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(FLUSH_SECONDS)
            with self._lock:
                self._flush()


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of the worker."""

    def __init__(self, channel, name, descriptor):
        io.TextIOBase.__init__(self)
        self._channel = channel
        self._stream = name
        self._descriptor = descriptor
        self.name = "<%s>" % name

    encoding = "UTF-8"
    errors = "replace"
    mode = "w"

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text))
        if text:
            self._channel.text(self._stream, text)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        if os.getpid() == self._channel._pid:
            self._channel.flush()

    def isatty(self):
        return False

    def fileno(self):
        return self._descriptor

    @property
    def buffer(self):
        return _Binary(self)


class _Binary(io.RawIOBase):
    """Takes bytes that code writes to `sys.stdout.buffer`."""

    def __init__(self, stream):
        io.RawIOBase.__init__(self)
        self._stream = stream

    def writable(self):
        return True

    def write(self, data):
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


class Tap:
    """Replaces a file descriptor by a pipe and turns what is written to it into text."""

    def __init__(self, channel, descriptor, name):
        self._channel = channel
        self._name = name
        self._lock = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._read, write = os.pipe()
        os.dup2(write, descriptor)
        os.close(write)
        os.set_blocking(self._read, False)
        channel.add_drain(self.drain)
        threading.Thread(target=self._pump, name="nbhoist-" + name, daemon=True).start()

    def drain(self):
        """Take what has been written so far."""
        with self._lock:
            while True:
                try:
                    data = os.read(self._read, 65536)
                except (BlockingIOError, InterruptedError):
                    return
                except OSError:
                    return
                if not data:
                    return
                text = self._decoder.decode(data)
                if text:
                    self._channel.text(self._name, text, drain=False)

    def _pump(self):
        import select

        while True:
            select.select([self._read], [], [])
            # The channel's lock comes first everywhere, so that two threads cannot wait for each other.
            with self._channel._lock:
                self.drain()


def flush_c():
    """Empty the buffers of C's standard streams."""
    try:
        ctypes.CDLL(None).fflush(None)
    except (OSError, AttributeError, TypeError):
        pass


def take_over():
    """Keep the real standard streams for frames; returns `(input file, channel)`.

    Afterwards descriptor 0 is the null device, and 1 and 2 are pipes whose other end is the channel.
    """
    source = io.BufferedReader(io.FileIO(os.dup(0)), 1 << 16)
    sink = io.BufferedWriter(io.FileIO(os.dup(1), "w"), 1 << 16)
    # The key comes on the stream, behind the program: command lines and environments can be read by others.
    key, nonce = source.read(seal.KEY), source.read(seal.NONCE)
    source = frames.Sealed(source, seal.Seal(key, seal.TO_WORKER, nonce))
    channel = Channel(frames.Sealed(sink, seal.Seal(key, seal.FROM_WORKER, nonce)))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    Tap(channel, 1, "stdout")
    Tap(channel, 2, "stderr")
    sys.stdin = open(os.devnull)
    sys.stdout = sys.__stdout__ = Stream(channel, "stdout", 1)
    sys.stderr = sys.__stderr__ = Stream(channel, "stderr", 2)
    return source, channel
