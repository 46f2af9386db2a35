"""The other half, `nbhoist magic`: a process that does the work while the cell waits here and answers its calls."""

import atexit
import json
import os
import queue
import signal
import subprocess
import sys
import threading

from nbhoist_runtime import frames, kernel

from . import binary
from .errors import HoistError, interrupted

PROTOCOL = 1

# Seconds until an interrupt that had no effect ends the partner; it gives a worker 20 s to heed one.
PATIENCE = 30

# Functions of the runtime that may be broken off in the middle; the others leave the namespace whole first.
BREAKABLE = {"survey", "probe", "capture", "supply", "measure"}


class Partner:
    """A running `nbhoist magic`."""

    def __init__(self, folder, notebook):
        self._queue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._last = 0
        self._breakable = False
        path = binary.find()
        try:
            # In a session of its own, so that an interrupt of the kernel's process group reaches it by way of us alone.
            self._process = subprocess.Popen(
                [path, "magic"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            raise HoistError("cannot start %s: %s" % (path, error))
        atexit.register(self.close)
        self._complaint = []
        threading.Thread(target=self._read_errors, name="nbhoist-errors", daemon=True).start()
        self._send({"op": "hello", "protocol": PROTOCOL, "python": sys.executable, "folder": folder, "notebook": notebook})
        threading.Thread(target=self._read, name="nbhoist-partner", daemon=True).start()
        self._greeted(self._queue.get(), path)

    def alive(self):
        """Whether it is still there."""
        return self._process.poll() is None

    def close(self):
        """End it; what it moves is broken off."""
        atexit.unregister(self.close)
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def tell(self, header):
        """Say something that has no answer."""
        try:
            self._send(header)
        except OSError:
            pass  # The next request finds out and starts another one.

    def ask(self, header, show, count=None):
        """Make a request and serve its calls until it is answered; outputs go to `show`. `count` is the number of the cell that asks.

        Raises `KeyboardInterrupt` when the user interrupts, after everything is as it was before.
        """
        with self._lock, _Interrupts(self):
            self._last += 1
            number = self._last
            try:
                self._send(dict(header, id=number))
            except OSError:
                raise self._gone()
            self._deadline = None
            while True:
                frame = self._next()
                op = frame["op"]
                if op == "gone":
                    raise self._gone()
                elif op == "interrupt":
                    self._interrupt()
                elif op == "call":
                    self._answer(frame, count)
                elif op in ("done", "failed"):
                    if frame.get("id") == number:
                        return _result(frame)
                else:
                    show(frame)

    def _next(self):
        try:
            return self._queue.get(timeout=PATIENCE) if self._deadline else self._queue.get()
        except queue.Empty:
            self._process.kill()
            raise interrupted()

    def _interrupt(self):
        self._deadline = True
        try:
            self._send({"op": "interrupt"})
        except OSError:
            pass  # That it is gone comes by the queue.

    def _answer(self, frame, count):
        answer = {"op": "answer", "id": frame["id"]}
        try:
            answer["text"] = self._call(frame["function"], json.loads(frame["text"]), count)
        except KeyboardInterrupt:
            self._interrupt()
        try:
            self._send(answer)
        except OSError:
            pass  # That it is gone comes by the queue.

    def _call(self, function, arguments, count):
        if function == "restore":
            arguments.update(inside=True, count=count)
        if function in BREAKABLE:
            text = self._broken_off(getattr(kernel, function), json.dumps(arguments))
        else:
            text = getattr(kernel, function)(json.dumps(arguments))
        if function == "survey" and count is not None:
            # The cell has its number already.
            found = json.loads(text)
            if "error" not in found:
                found["execution_count"] = count
                text = json.dumps(found)
        return text

    def _broken_off(self, function, text):
        self._breakable = True
        try:
            return function(text)
        finally:
            self._breakable = False

    def _send(self, header):
        frames.write(self._process.stdin, header)
        self._process.stdin.flush()

    def _read(self):
        try:
            while True:
                header, _ = frames.read(self._process.stdout)
                if header is None:
                    break
                self._queue.put(header)
        except Exception as error:
            self._complaint.append(str(error))
        self._queue.put({"op": "gone"})

    def _read_errors(self):
        for line in self._process.stderr:
            self._complaint = self._complaint[-20:] + [line.decode("utf-8", "replace").rstrip()]

    def _gone(self):
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            code = None
        words = "; ".join(line for line in self._complaint if line)
        return HoistError("`nbhoist magic` ended (exit code %s): %s" % (code, words or "it said nothing"), "run the cell once more")

    def _greeted(self, hello, path):
        if hello["op"] != "hello":
            error = self._gone()
            error.help = "%s may be another version than this package; `%%pip install --force-reinstall nbhoist` makes them equal" % path
            raise error
        if hello.get("protocol") != PROTOCOL:
            raise HoistError(
                "%s is version %s and does not fit this package" % (path, hello.get("version")),
                "`%pip install --force-reinstall nbhoist` makes them equal",
            )


class _Interrupts:
    """While a request is under way SIGINT does not tear a frame apart: it becomes an entry of the queue, or breaks off a call that may be."""

    def __init__(self, partner):
        self._partner = partner

    def __enter__(self):
        self._is_main = threading.current_thread() is threading.main_thread()
        if self._is_main:
            self._before = signal.signal(signal.SIGINT, self._handle)

    def __exit__(self, *_):
        if self._is_main:
            signal.signal(signal.SIGINT, self._before if self._before is not None else signal.default_int_handler)

    def _handle(self, number, frame):
        if self._partner._breakable:
            raise KeyboardInterrupt
        self._partner._queue.put({"op": "interrupt"})


def _result(frame):
    if frame["op"] == "done":
        return frame
    if frame.get("cancelled"):
        raise interrupted()
    error = HoistError(frame.get("text") or "it failed", frame.get("help") or "")
    error.usage = bool(frame.get("usage"))
    raise error


def folder():
    """The working directory, or the home folder where it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return os.path.expanduser("~")
