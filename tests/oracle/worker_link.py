"""The other end of a worker: frames to and from it, whoever started it."""

import json
import os
import socket
import subprocess
import sys

from nbhoist_runtime import PROTOCOL, frames, seal

from .zygote import RUNTIME

BOOT = "import sys; sys.path.insert(0, %r); from nbhoist_runtime import worker; sys.path.remove(%r); worker.main()" % (RUNTIME, RUNTIME)


class Failed(Exception):
    """The worker or the kernel's side said that something cannot be done. `kind` and `name` are theirs."""

    def __init__(self, step, error):
        Exception.__init__(self, "%s: %s" % (step, error.get("text") or error.get("error")))
        self.step, self.kind, self.name = step, error.get("kind"), error.get("name")
        self.detail, self.missing = error.get("detail"), error.get("missing")


class Gone(Exception):
    """The worker ended by itself."""


class Link:
    """A worker process. `socket_path`: the zygote to fork it from; None starts a truly fresh interpreter."""

    def __init__(self, socket_path=None):
        self._process = None
        if socket_path is None:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/"
            )
            self._files = self._process.stdin, self._process.stdout
        else:
            self._files = _fork(socket_path)
        key, nonce = os.urandom(seal.KEY), os.urandom(seal.NONCE)
        self._files[0].write(key + nonce)
        self._to = frames.Sealed(self._files[0], seal.Seal(key, seal.TO_WORKER, nonce))
        self._from = frames.Sealed(self._files[1], seal.Seal(key, seal.FROM_WORKER, nonce))
        self._id = 0
        self.send({"op": "hello", "protocol": PROTOCOL, "codecs": ["raw"]})
        self.hello = self.wait("hello", "hello")

    def send(self, header, payload=b""):
        frames.write(self._to, dict(header), payload)
        self._files[0].flush()

    def ask(self, step, header, answer="ok", other=None):
        """Send a request and wait for its answer; frames in between go to `other`."""
        self._id += 1
        self.send(dict(header, id=self._id))
        return self.wait(step, answer, other)

    def wait(self, step, answer, other=None):
        while True:
            try:
                frame, payload = frames.read(self._from)
            except (EOFError, OSError) as error:
                raise Gone("%s: the worker is gone (%s)" % (step, error))
            if frame is None:
                raise Gone("%s: the worker is gone" % step)
            if frame["op"] == answer:
                return frame
            if frame["op"] == "failed":
                raise Failed(step, frame)
            if other is not None:
                other(frame, payload)

    def ship(self, step, path):
        """Send the frames of a bundle file and wait until they are loaded."""
        with open(path, "rb") as source:
            while True:
                header, payload = frames.read(source)
                if header["op"] == "bundle":
                    break
                self.send(header, payload)
        os.unlink(path)
        return self.ask(step, header)

    def close(self):
        for file in self._files:
            try:
                file.close()
            except OSError:
                pass
        if self._process is not None:
            self._process.wait(10)


def _fork(socket_path):
    """Pipes to a worker that the zygote forks."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    null = os.open(os.devnull, os.O_WRONLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(socket_path)
        socket.send_fds(connection, [json.dumps({"role": "worker"}).encode()], [in_read, out_write, null])
        connection.recv(100)
    for descriptor in (in_read, out_write, null):
        os.close(descriptor)
    return os.fdopen(in_write, "wb", 1 << 16), os.fdopen(out_read, "rb", 1 << 16)
