"""Holds a worker while the link to it comes and goes.

Executed on its own, without the rest of the package but with `seal.py` before it, by the lines that `runtime.rs` on the other side makes.
The worker's frames are numbered by counting them; whoever attaches says how many it has, and gets the rest. A socket of this user's own is the way in: the
process that a link starts hands its standard streams over through it and waits, so nothing is copied twice.
"""

import array
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

MEMORY = 64 << 20  # Bytes of frames that are kept in memory; the rest goes to a file that has no name.
DISK = 4 << 30  # Bytes of frames that are kept at all; then the worker has to wait.
FIRST = 300  # Seconds in which somebody has to attach for the first time.
YOUNG = 60  # Seconds after which a socket at which nobody listens is a dead one.

# What may be large. What is wrong with its payload is found by the worker, or by whoever is attached: this one only passes it on.
_LARGE = ("buffer", "file")

# What is of no use to somebody who attaches later.
_PASSING = ("buffer", "collected", "ok", "bye")


def home():
    """The directory of this user's sockets; only this user can enter it."""
    path = "/tmp/nbhoist-%d" % os.getuid()
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    found = os.lstat(path)
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SystemExit("%s is not a directory that only this user can enter; remove it" % path)
    return path


class Spool:
    """The worker's frames in order, from the oldest that is still wanted on."""

    def __init__(self):
        self.frames = {}
        self.next = 0
        self.acked = 0
        self.running = False
        self._memory = 0
        self._file = None
        self._end = 0

    def append(self, operation, text, payload, digest):
        """Keep a frame, its header as `text`, with the digest of its payload; called with the lock held."""
        size = len(text) + len(payload)
        if self._memory + size > MEMORY:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)
            self._file.seek(self._end)
            for part in (text, payload):
                part = memoryview(part)
                while part:
                    part = part[self._file.write(part) :]
            self.frames[self.next] = (operation, self._end, len(text), len(payload), digest)
            self._end += size
        else:
            self._memory += size
            self.frames[self.next] = (operation, text, payload, digest)
        self.next += 1

    def get(self, number):
        """Header and payload of a frame and the digest of that, or None when it is gone."""
        entry = self.frames.get(number)
        if entry is None:
            return None
        if isinstance(entry[1], int):
            _, start, text, payload, digest = entry
            return os.pread(self._file.fileno(), text, start), os.pread(self._file.fileno(), payload, start + text), digest
        return entry[1:]

    def ack(self, count):
        """The first `count` frames have arrived. What a running block shows is kept for those who attach later."""
        for number in range(self.acked, min(count, self.next)):
            if not (self.running and number in self.frames and self.frames[number][0] not in _PASSING):
                self.drop(number)
        self.acked = max(self.acked, min(count, self.next))

    def drop(self, number):
        """Forget a frame."""
        entry = self.frames.pop(number, None)
        if entry is not None and not isinstance(entry[1], int):
            self._memory -= len(entry[1]) + len(entry[2])
        if not self.frames and self._file is not None:
            self._file.truncate(0)
            self._end = 0

    def answered(self):
        """The oldest question for a name has its answer: it is not asked again."""
        for number in sorted(self.frames):
            if self.frames[number][0] == "fault":
                self.drop(number)
                return

    def full(self, attached, operation):
        """Whether the worker has to wait. A result does not run ahead of the link: it is in the worker's memory already."""
        if operation == "buffer" or (attached and not self.running):
            return self._memory > MEMORY // 2 and self.acked < self.next
        return self._end > DISK


class Attachment:
    """One link's streams, and the process at its end that waits."""

    def __init__(self, reading, writing, waiter):
        self.reading = reading
        self.writing = writing
        self.waiter = waiter
        self.seal = None  # Of what is written.
        self.over = False
        self.asked = 0

    def write(self, frame):
        """Send a frame, given as its header's bytes, its payload and the digest of that."""
        text, payload, digest = frame
        _write_all(self.writing, (self.seal.head(text, digest), payload))


class Holder:
    """The worker and whoever is attached to it."""

    def __init__(self, path):
        self.path = path
        self.key = None
        self._nonces = set()
        self.spool = Spool()
        self.changed = threading.Condition()
        self.attachment = None
        self.worker = None
        self.received = 0
        self.lease = 0
        self.deadline = time.monotonic() + FIRST
        self.gone = None

    def listen(self, listener):
        """Take links, in a thread of its own."""
        while True:
            waiter, _ = listener.accept()
            try:
                reading, writing = _take_streams(waiter)
            except (OSError, ValueError):
                waiter.close()
                continue
            self.attach(reading, writing, waiter)

    def attach(self, reading, writing, waiter):
        """Serve a link; the one before it is over."""
        new = Attachment(reading, writing, waiter)
        with self.changed:
            self._detach(self.attachment)
            self.attachment = new
            self.changed.notify_all()
        threading.Thread(target=self._read, args=(new,), daemon=True).start()

    def _detach(self, old):
        """A link is over; called with the lock held."""
        if old is None or old.over:
            return
        old.over = True
        if self.attachment is old:
            self.attachment = None
            self.deadline = time.monotonic() + self.lease
        old.waiter.close()
        # Descriptor 2 belongs to the first link.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        self.changed.notify_all()

    def _read(self, link):
        source = os.fdopen(link.reading, "rb", 1 << 20)
        try:
            seal = self._agree(link, source)
            while not link.over:
                # While a block runs, what was changed on its way must not reach the worker: it would end.
                header, text, payload, digest = _next(source, seal, () if self.lease else _LARGE)
                if not self._own(link, header, payload):
                    self._forward(header, text, payload, digest)
        except (EOFError, OSError, ValueError):  # What was changed on its way is a cut, too.
            pass
        with self.changed:
            self._detach(link)

    def _agree(self, link, source):
        """Take the keys of a link; gives the seal of what is read. The first link brings the key that all are made from."""
        if self.key is None:
            self.key = _exactly(source, KEY)  # noqa: F821
        nonce = _exactly(source, NONCE)  # noqa: F821
        if nonce in self._nonces:
            raise ValueError("this link was here before")
        self._nonces.add(nonce)
        link.seal = Seal(self.key, FROM_WORKER, nonce)  # noqa: F821
        return Seal(self.key, TO_WORKER, nonce)  # noqa: F821

    def _own(self, link, header, payload):
        """Do what a frame to the holder says; False for a frame to the worker."""
        operation = header.get("op")
        with self.changed:
            if operation == "attach":
                self._greet(link, header)
            elif operation == "start":
                if self.worker is None:
                    self._start(header["line"], payload)
            elif operation == "ack":
                self.spool.ack(int(header["frames"]))
            elif operation == "lease":
                self.lease = float(header["seconds"])
                self.spool.running = self.spool.running or bool(header.get("running"))
            elif operation == "ping":
                link.asked += 1
            elif operation == "close":
                self.end()
            else:
                return False
            self.changed.notify_all()
        return True

    def _greet(self, link, header):
        wanted = header.get("received")
        replay = [] if wanted is not None else [number for number in sorted(self.spool.frames) if number < self.spool.acked]
        first = self.spool.acked if wanted is None else int(wanted)
        answer = _frame({"op": "attached", "received": self.received, "next": first, "replay": len(replay)})
        threading.Thread(target=self._write, args=(link, answer, replay, first), daemon=True).start()

    def _forward(self, header, text, payload, digest):
        if header.get("op") == "absent" or (header.get("op") == "bundle" and header.get("fault")):
            with self.changed:
                self.spool.answered()
        # Counted first: what the worker got a part of must never come twice.
        self.received += 1
        try:
            self.worker.stdin.write(self._to_worker.head(text, digest))
            self.worker.stdin.write(payload)
            self.worker.stdin.flush()
        except (OSError, AttributeError):
            pass

    def _write(self, link, answer, replay, number):
        """Send a link what it misses and then what comes, in a thread of its own."""
        try:
            link.write(answer)
            for kept in replay:
                with self.changed:
                    frame = self.spool.get(kept)
                link.write(frame or _frame({"op": "answered"}))
            while True:
                with self.changed:
                    while number >= self.spool.next and not link.over and not link.asked:
                        self.changed.wait()
                    if link.over:
                        return
                    asked, link.asked = link.asked, 0
                    frame = self.spool.get(number)
                    missing = number >= self.spool.next
                if asked:
                    link.write(_frame({"op": "pong"}))
                if missing:
                    continue
                # One that is gone is a question that has been answered; the count must stay right.
                link.write(frame or _frame({"op": "answered"}))
                number += 1
                if self.gone == number:
                    self.finish(link)
        except OSError:
            with self.changed:
                self._detach(link)

    def _start(self, line, archive):
        command = [sys.executable, "-u", "-c", line]
        self.worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1 << 20, start_new_session=True)
        for pipe in (self.worker.stdin, self.worker.stdout):
            _widen(pipe)
        key, nonce = os.urandom(KEY), os.urandom(NONCE)  # noqa: F821
        self._to_worker = Seal(key, TO_WORKER, nonce)  # noqa: F821
        self.worker.stdin.write(archive + key + nonce)
        self.worker.stdin.flush()
        seal = Seal(key, FROM_WORKER, nonce)  # noqa: F821
        threading.Thread(target=self._listen_to_worker, args=(seal,), daemon=True).start()

    def _listen_to_worker(self, seal):
        source = self.worker.stdout
        while True:
            try:
                header, text, payload, digest = _next(source, seal, _LARGE)
            except (EOFError, OSError, ValueError):
                break
            with self.changed:
                while self.spool.full(self.attachment is not None, header.get("op")) or not self._keep(header, text, payload, digest):
                    self.changed.wait(1)
                self.changed.notify_all()
        code = self.worker.wait()
        with self.changed:
            self.spool.append("gone", *_frame({"op": "gone", "status": _status(code), "code": code}))
            self.gone = self.spool.next
            self.changed.notify_all()

    def _keep(self, header, text, payload, digest):
        """Put a frame into the spool; False while the disk is full. Called with the lock held."""
        try:
            self.spool.append(header.get("op"), text, payload, digest)
        except OSError:
            return False
        return True

    def finish(self, link):
        """The last frame has been written: let the waiting process end as the worker did."""
        code = self.worker.returncode
        try:
            link.waiter.send(bytes([code & 255 if code >= 0 else 128 - code]))
        except OSError:
            return
        self.end()

    def watch(self):
        """End when nobody has been attached for too long, or when told to; does not return."""
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        while True:
            with self.changed:
                if self.attachment is None and time.monotonic() >= self.deadline:
                    self.end()
                self.changed.wait(0.2 if self.attachment is None else 2)

    def end(self):
        """Take everything away."""
        try:
            os.unlink(self.path)
        except OSError:
            pass
        if self.worker is not None:
            try:
                os.killpg(self.worker.pid, signal.SIGKILL)
            except OSError:
                pass
            self._remove_files()
        os._exit(0)

    def _remove_files(self):
        """Take the directory away that a killed worker had for data files (see `datafiles.py`)."""
        root = tempfile.gettempdir()
        for name in os.listdir(root):
            if name.startswith("nbhoist-files-%d-" % self.worker.pid):
                shutil.rmtree(os.path.join(root, name), ignore_errors=True)


def hold(session):
    """Become the process that the link runs, with a holder behind it that outlives the link."""
    listener, path = _bind(session)
    ours, theirs = socket.socketpair()
    if os.fork():
        theirs.close()
        listener.close()
        _wait(ours)
    ours.close()
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    reading, writing = os.dup(0), os.dup(1)
    _null(0, os.O_RDONLY)
    _null(1, os.O_WRONLY)
    holder = Holder(path)
    holder.attach(reading, writing, theirs)
    threading.Thread(target=holder.listen, args=(listener,), daemon=True).start()
    holder.watch()


def serve(session):
    """Hold a worker in this process; links come later."""
    listener, path = _bind(session)
    holder = Holder(path)
    threading.Thread(target=holder.listen, args=(listener,), daemon=True).start()
    holder.watch()


def again(session, patience=0):
    """Be a link to a worker that is held here, or is going to be within `patience` seconds."""
    way = socket.socket(socket.AF_UNIX)
    path = os.path.join(home(), session)
    until = time.monotonic() + patience
    while True:
        try:
            way.connect(path)
            break
        except OSError as error:
            if time.monotonic() >= until:
                sys.stderr.write("nbhoist: no worker is held here under this name any more (%s)\n" % error)
                os._exit(69)
            time.sleep(0.1)
    streams = array.array("i", [0, 1])
    way.sendmsg([b"a"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    _wait(way)


def _wait(way):
    """Let go of the streams, and end as the holder says."""
    _null(0, os.O_RDONLY)
    _null(1, os.O_WRONLY)
    try:
        said = way.recv(1)
    except OSError:
        said = b""
    os._exit(said[0] if said else 0)


def _bind(session):
    directory = home()
    for name in os.listdir(directory):
        _sweep(os.path.join(directory, name))
    path = os.path.join(directory, session)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(4)
    return listener, path


def _sweep(path):
    """Remove a socket that nobody listens at: a holder was killed. One that is young may belong to a holder that is about to listen."""
    try:
        if time.time() - os.lstat(path).st_mtime < YOUNG:
            return
    except OSError:
        return
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.settimeout(1)
        probe.connect(path)
    except ConnectionRefusedError:
        try:
            os.unlink(path)
        except OSError:
            pass
    except OSError:
        pass
    finally:
        probe.close()


def _take_streams(waiter):
    streams = array.array("i")
    data, ancillary, _, _ = waiter.recvmsg(1, socket.CMSG_LEN(2 * streams.itemsize))
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            streams.frombytes(content[: 2 * streams.itemsize])
    if not data or len(streams) != 2:
        raise ValueError("no streams came")
    return streams[0], streams[1]


def _next(source, seal, trusted):
    """The next frame as `(header, text, payload, digest)`, text being its header's bytes and digest that of its payload.

    The payload of an operation that is `trusted` is not looked at.
    """
    text = _exactly(source, seal.length(_exactly(source, LENGTH.size + TAG)))  # noqa: F821
    seal.header(text, _exactly(source, 2 * TAG))  # noqa: F821
    header = json.loads(text.decode("utf-8", "replace"))
    payload = _exactly(source, header.get("n", 0))
    if header.get("op") not in trusted:
        seal.payload(payload)
    return header, text, payload, seal.digest


def _exactly(source, count):
    data = source.read(count) if count else b""
    if len(data) < count:
        raise EOFError
    return data


def _frame(header):
    return json.dumps(header).encode(), b"", digest(b"")  # noqa: F821


def _write_all(descriptor, parts):
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(descriptor, view) :]


def _widen(pipe):
    import fcntl

    try:
        fcntl.fcntl(pipe.fileno(), 1031, 1 << 20)  # F_SETPIPE_SZ; a pipe that may not grow stays as it is.
    except OSError:
        pass


def _null(descriptor, flags):
    null = os.open(os.devnull, flags)
    os.dup2(null, descriptor)
    os.close(null)


def _status(code):
    if code >= 0:
        return "exit code %d" % code
    known = {6: " (SIGABRT)", 9: " (SIGKILL; out of memory, perhaps)", 11: " (SIGSEGV)", 15: " (SIGTERM)"}
    return "killed by signal %d%s" % (-code, known.get(-code, ""))
