"""The worker: reads frames, runs cells in the main thread, answers. Started by the bootstrap line of the protocol."""

import contextlib
import importlib
import os
import platform
import queue
import signal
import sys
import threading
import time
import types

from . import PROTOCOL, ambient, arrays, cache, collecting, datafiles, figures, frames, history, kinds, library_state, pins, policy, processors, session, staying, streams, surroundings, versions
from .bundle import LoadError, Receiver, Sender
from .errors import Trouble, describe, detail, translate
from .namespace import Builtins
from .tracking import Tracker

# Requests that load libraries in the main thread while the reading one goes on.
_LOADING = ("begin", "bundle", "imports", "stayed", "warm")


class Worker:
    """One worker process, for one migration."""

    def __init__(self, source, channel):
        self._source = source
        self._channel = channel
        self._requests = queue.Queue()
        self._answers = queue.Queue()
        self._unanswered = 0
        self._running = False
        # The cells of a block are sent all at once; one that fails or is interrupted ends the block.
        self._broken = self._interrupted = False
        self._offered = ["raw"]
        self._faults = []
        self._figures = []
        self._guests = []
        self.namespace, self._builtins = _make_main(self._ask)
        self._runner = None
        self._cache = cache.Cache()
        self._files = datafiles.Files()
        self._ambient = {}
        self._warmth = None
        self._receiver = None
        self._tracker = None

    def serve(self):
        """Answer requests until the stream ends or `exit` comes."""
        threading.Thread(target=self._read, name="nbhoist-read", daemon=True).start()
        while True:
            header, payload = self._requests.get()
            operation = getattr(self, "_op_" + str(header.get("op")), None)
            try:
                if operation is None:
                    raise Trouble("internal", "the worker does not know the request %r" % header.get("op"))
                with arrays.importing if header["op"] in _LOADING else contextlib.nullcontext():
                    operation(header, payload)
            except BaseException as error:
                self._fail(header, error)

    def _fail(self, header, error):
        trouble = translate(error)
        answer = {"op": "failed", "error": trouble.text, "kind": trouble.kind, "detail": trouble.detail or detail(error)}
        if trouble.name is not None:
            answer["name"] = trouble.name
        if trouble.missing is not None:
            answer["missing"] = trouble.missing
        if header.get("id") is not None:
            answer["id"] = header["id"]
        self._channel.send(answer)

    # Reading, in a thread of its own.

    def _read(self):
        try:
            self._read_frames()
        finally:
            # The client is gone: end at once, whatever the block is doing. A reader that fails, as when nobody hears why, must not leave the worker.
            self._files.remove()
            os._exit(0)

    def _read_frames(self):
        assembly = frames.Assembly(self._cache, with_sums=True)
        while True:
            try:
                header = frames.read_header(self._source)
                payload = None if header is None or header.get("op") == "buffer" else frames.read_payload(self._source, header)
            except Exception as error:
                self._fail({}, error)
                header = None
            if header is None:
                return
            operation = header.get("op")
            if operation == "buffer":
                try:
                    assembly.read(self._source, header)
                except EOFError:
                    continue  # The end of the stream is seen once more.
                except Exception as error:
                    self._fail({}, error)
                    os._exit(1)
            elif operation == "interrupt":
                self._interrupted = self._broken = True
                if self._running and not _is_told():
                    _interrupt_main()
            elif operation == "bundle":
                target = self._answers if header.get("fault") else self._requests
                try:
                    header["digests"] = assembly.take_digests()
                    target.put((header, assembly.take(header["buffers"])))
                    self._cache.forget()
                except Exception as error:
                    self._fail(header, error)
            elif operation == "known":
                try:
                    self._tell_known(header)
                except Exception as error:
                    self._fail(header, error)
            elif operation in ("absent", "there"):
                self._answers.put((header, None))
            else:
                self._requests.put((header, payload))

    # Requests, in the main thread.

    def _op_hello(self, header, payload):
        self._offered = list(header.get("codecs") or ["raw"])
        from .shell import make_runner

        self._runner = make_runner(self._channel, self.namespace, self._builtins.before)
        self._channel.send({
            "op": "hello",
            "protocol": PROTOCOL,
            "python": platform.python_version(),
            "pid": os.getpid(),
            "processors": processors.count(),
            "ipython": self._runner.version,
            "codecs": frames.codecs(),
            "packages": versions.installed(),
        })

    def _op_warm(self, header, payload):
        _prepare(header)
        ambient.apply_environment(header.get("environment") or {})
        if self._warmth is None:
            self._warmth = surroundings.Warmth()
        self._warmth.load(header.get("modules") or ())
        self._channel.send({"op": "ok", "id": header.get("id")})

    def _op_fresh(self, header, payload):
        self._channel.send({"op": "ok", "id": header.get("id"), "fresh": not self._warmth.is_stale()})

    def _op_begin(self, header, payload):
        notes = _prepare(header)
        state = header.get("ambient") or {}
        self._builtins.expect(state.get("bound"))
        self._runner.begin(header.get("count"), state)
        notes += ambient.apply(state)
        self._ambient = state
        history.add_sources(session.shell(), state.get("sources") or {})
        self._channel.send({"op": "ok", "id": header.get("id"), "notes": notes})

    def _op_imports(self, header, payload):
        self._channel.send({"op": "ok", "id": header.get("id"), "failed": self._import(header.get("lines") or ())})

    def _import(self, lines):
        failed = []
        for line in lines:
            try:
                exec(compile(line, "<imports>", "exec"), self.namespace)
            except Exception as error:
                failed.append({"line": line, "error": describe(error)})
        return failed

    def _tell_known(self, header):
        """In the reading thread: the main one may be importing, and what is sent meanwhile should not wait."""
        self._channel.send({"op": "ok", "id": header.get("id"), "known": self._cache.find(header.get("names") or ())})

    def _op_bundle(self, header, buffers):
        self._load(header, buffers)
        self._channel.send({"op": "ok", "id": header.get("id")})

    def _load(self, header, buffers):
        """Load a bundle and bind its names."""
        self._import(header.get("imports") or ())
        if self._receiver is None:
            seeds = session.seeds(self.namespace)
            self._receiver = Receiver(seeds)
            self._tracker = Tracker(seeds, with_arrays=True)
        first = len(self._receiver.shared)
        asking, self.namespace["__builtins__"] = self.namespace["__builtins__"], self._builtins
        self._builtins.arriving = frozenset(header.get("names") or ())
        try:
            items = self._receiver.load(buffers, self._bind)
        except LoadError as failure:
            trouble = translate(failure.error, "unpickle")
            trouble.name = "figure %s" % failure.label[1] if isinstance(failure.label, tuple) else failure.label
            if trouble.kind == "unpickle":
                trouble.text = "%s arrived but could not be unpacked there: %s" % (trouble.name, trouble.text)
            raise trouble
        finally:
            self._builtins.arriving = ()
            self.namespace["__builtins__"] = asking
        joined = self._receiver.arrays.take_joined()
        self._tracker.add(first, self._receiver.table(), self._receiver.shared, joined, header.get("digests"))
        opened = [(label[1], value) for label, value in items if isinstance(label, tuple)]
        if opened:
            self._figures = opened
            figures.adopt(opened)

    def _bind(self, label, value):
        if isinstance(label, str):
            self.namespace[label] = value

    def _op_stayed(self, header, payload):
        """Bind values that stayed here after earlier blocks, and let go of those that nobody wants any more."""
        folder = header.get("folder")
        if "drop" in header:
            pins.drop(folder, header["drop"])
        for name, entry in (header.get("names") or {}).items():
            self._take_in(folder, name, entry)
        self._channel.send({"op": "ok", "id": header.get("id")})

    def _take_in(self, folder, name, entry):
        try:
            guest = staying.Guest(self.namespace, folder, name, entry)
        except Trouble as trouble:
            trouble.name = name
            raise
        self._guests.append(guest)
        self.namespace[name] = guest.value

    def _op_home(self, header, payload):
        """Send one value that stayed here, as a collection of its own."""
        buffers = [pins.line(data) for data in pins.read(header.get("folder"), header.get("sha256"))]
        sent = self._channel.send_buffers(buffers, self._offered, {"id": header.get("id")})
        self._channel.send({"op": "collected", "id": header.get("id"), "buffers": len(buffers), "bytes": sent})

    def _op_run(self, header, payload):
        if header.get("chain") and self._broken:
            skipped = {"op": "done", "id": header.get("id"), "cell": header.get("cell"), "ok": False, "seconds": 0.0}
            self._channel.send(dict(skipped, interrupted=self._interrupted, skipped=True))
            return
        if not self._running_started():
            self._remember_start()
        self._builtins.refresh()
        self._channel.cell = header.get("cell")
        started = time.monotonic()
        result = self._run(header)
        self._broken = self._broken or self._interrupted or not result.ok
        self._settle()
        kinds.forget()
        policy.forget()
        self._runner.finish()
        self._channel.send({
            "op": "done",
            "id": header.get("id"),
            "cell": header.get("cell"),
            "ok": result.ok,
            "seconds": time.monotonic() - started,
            "interrupted": result.interrupted,
        })

    def _running_started(self):
        return getattr(self, "_baseline", None) is not None

    def _remember_start(self):
        """What every name is bound to before the first cell."""
        self._baseline = dict(self.namespace)
        ambient.apply_libraries(self._ambient, self.namespace)
        ambient.mark(self.namespace)

    def _run(self, header):
        old = signal.signal(signal.SIGINT, signal.default_int_handler)
        self._running = True
        try:
            return self._runner.run(header["source"], header.get("count"), header.get("cell"))
        finally:
            self._builtins.after()
            self._running = False
            signal.signal(signal.SIGINT, old)

    # Names that were missed.

    def _ask(self, name):
        """The value of a name that only the kernel has, as a tuple of one; an empty tuple when it has none."""
        if not self._running or name in self._baseline:
            return ()  # A name that was here was removed by the block.
        self._settle()
        self._channel.send({"op": "fault", "name": name})
        self._unanswered += 1
        header, buffers = self._answers.get()
        self._unanswered -= 1
        return self._accept(header, buffers, name)

    def _accept(self, header, buffers, name):
        if header.get("op") == "there":
            return self._take_in_late(header, name)
        if buffers is None:
            if header.get("error"):
                raise NameError("name %r is not here: %s" % (name, header["error"]))
            return ()
        try:
            with library_state.warnings_kept(self.namespace):
                self._load(header, buffers)
        except Exception as error:
            self._fail(header, error)
            raise
        self._faults.append(name)
        self._channel.send({"op": "ok", "id": header.get("id")})
        for bound in header.get("names") or ():
            self._baseline[bound] = self.namespace[bound]
        if name in self.namespace:
            self._baseline[name] = self.namespace[name]
            return (self.namespace[name],)
        return ()

    def _take_in_late(self, header, name):
        """A value that stayed here, and of which nobody knew that the block reads it."""
        try:
            self._take_in(header["folder"], name, header)
        except Trouble as trouble:
            raise NameError("name %r stayed here, and is gone: %s" % (name, trouble.text))
        self._faults.append(name)
        self._baseline[name] = self.namespace[name]
        return (self.namespace[name],)

    def _settle(self):
        """Take answers that an interrupted question left behind, so that both tables of objects stay in step."""
        while self._unanswered:
            header, buffers = self._answers.get()
            self._unanswered -= 1
            self._accept(header, buffers, header.get("name"))

    # The way back.

    def _op_collect(self, header, payload):
        if not self._running_started():
            self._remember_start()
        if self._receiver is None:
            seeds = session.seeds(self.namespace)
            self._receiver, self._tracker = Receiver(seeds), Tracker(seeds, with_arrays=True)
        self._receiver.require_whole()
        stay = None
        if self._guests or header.get("stay"):
            stay = staying.Staying(self.namespace, self._guests, header.get("folder"), header.get("stay"))
        collector = collecting.Collector(self.namespace, self._baseline, self._receiver, self._tracker, self._figures, stay)
        packed, answer = collector.collect(header.get("returns") or (), bool(header.get("everything")), self._runner.outputs())
        answer["bytes"] = self._channel.send_buffers(packed.buffers, self._offered, {"id": header.get("id")})
        answer.update(op="collected", id=header.get("id"), buffers=len(packed.buffers), faults=self._faults)
        self._channel.send(answer)

    def _op_keep(self, header, payload):
        """Put the memory of values into the cache, in the parts in which a kernel writes its buffers; tells their digests."""
        parts = []
        for name in header.get("names") or ():
            packed = Sender(session.seeds(self.namespace)).pack([(name, self.namespace[name])])
            for part in frames.parts(packed.buffers[arrays.BEFORE :], cache.WORTH):
                parts.append(self._cache.store(part))
        self._channel.send({"op": "ok", "id": header.get("id"), "parts": parts})

    def _op_files(self, header, payload):
        usable = header.get("directory") == os.getcwd()
        if header.get("elsewhere") and not usable:
            self._files.own()
        missing, refused = self._files.compare(header.get("files") or [], usable)
        self._channel.send({"op": "ok", "id": header.get("id"), "missing": missing, "refused": refused, "own": self._files.home is not None})

    def _op_file(self, header, payload):
        self._files.take(header, payload)
        if header.get("id") is not None:
            self._channel.send({"op": "ok", "id": header["id"]})

    def _op_fetch(self, header, payload):
        paths = self._files.written()
        for path in paths:
            self._files.send(self._channel, path)
        self._channel.send({"op": "ok", "id": header.get("id"), "files": paths})

    def _op_exit(self, header, payload):
        self._files.remove()
        self._cache.settle(2)
        self._channel.send({"op": "bye"})
        os._exit(0)


def main():
    """Serve on standard input and output; does not return."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        # Some schedulers start their children with signals blocked.
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    source, channel = streams.take_over()
    Worker(source, channel).serve()


def _make_main(ask):
    """A fresh `__main__` module; returns its namespace and the builtins that ask."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    space = module.__dict__
    found = Builtins(ask, space)
    space["__builtins__"] = found
    return space, found


def _is_told():
    """Whether the main thread shows an exception: one more would take its traceback away."""
    frame = sys._current_frames().get(threading.main_thread().ident)
    while frame is not None:
        if frame.f_code.co_name in ("showtraceback", "_tell_error"):
            return True
        frame = frame.f_back
    return False


def _interrupt_main():
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        import _thread

        _thread.interrupt_main()


def _prepare(header):
    """Go to the kernel's directory and take over its module search path, as far as they exist here."""
    notes = []
    directory = header.get("directory")
    if directory:
        try:
            os.chdir(directory)
        except OSError as error:
            notes.append("the kernel's directory cannot be used here: %s" % error)
    own = list(sys.path)
    first = [entry for entry in header.get("path") or () if entry not in own and (entry == "" or os.path.isdir(entry))]
    sys.path[:] = first + own
    importlib.invalidate_caches()
    return notes
