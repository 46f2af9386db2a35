"""What was sent here before: chunks of state under the names of their contents.

Files of this user alone, written beside their place and renamed, so that several workers may use the directory at once. A chunk is
verified whenever it is read. What has not been used for longest goes when the directory is over its limit.
"""

import hashlib
import os
import queue
import shutil
import tempfile
import threading

LIMIT = 8 << 30  # Bytes; never more than a tenth of the disk.
KEEP = 0.8  # Of the limit, after something had to go.
WORTH = 64 << 10  # Bytes below which what was made here is not kept.
WAITING = 128 << 20  # Bytes that may wait to be written; more is not kept.


def directory():
    """`NBHOIST_CACHE_DIR`, else `nbhoist` in `XDG_CACHE_HOME`, else `~/.cache/nbhoist`."""
    chosen = os.environ.get("NBHOIST_CACHE_DIR")
    if not chosen:
        chosen = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nbhoist")
    return os.path.join(chosen, "chunks")


class Cache:
    """The directory as one worker sees it. Without a place to write it is empty and stays so."""

    def __init__(self, path=None, limit=None):
        self.path = path or directory()
        self.limit = limit
        # The next question comes while the buffers of the one before are still on their way.
        self._newer = self._older = {}
        self._queue = queue.Queue()
        self._waiting = 0
        self._writer = None
        self._lock = threading.Lock()

    def find(self, names):
        """Positions in `names` of the chunks that are here; their contents are kept until the question after the next."""
        self._older, self._newer = self._newer, {}
        found = []
        for position, name in enumerate(names):
            data = self._newer.get(name) or self._older.get(name) or self._read(name)
            if data:
                self._newer[name] = data
                found.append(position)
        return found

    def chunk(self, name):
        """The contents of a chunk that was found."""
        return self._newer[name] if name in self._newer else self._older[name]

    def _read(self, name):
        path = self._place(name)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != name:
            _remove(path)
            return None
        try:
            os.utime(path)
        except OSError:
            pass
        return data

    def forget(self):
        """Let go of what `find` has read."""
        self._newer = self._older = {}

    def keep(self, name, data):
        """Write a chunk, in the background."""
        with self._lock:
            if self._waiting + len(data) > WAITING:
                return
            self._waiting += len(data)
            if self._writer is None:
                self._writer = threading.Thread(target=self._work, name="nbhoist-cache", daemon=True)
                self._writer.start()
        self._queue.put((name, bytes(data)))

    def store(self, data):
        """Write a chunk at once; returns its name."""
        name = hashlib.sha256(data).hexdigest()
        self._write(name, data)
        return name

    def settle(self, seconds):
        """Wait until everything is written, at most so long."""
        if self._writer is not None:
            self._queue.put(None)
            self._writer.join(seconds)

    def _work(self):
        while True:
            item = self._queue.get()
            if item is None:
                self._evict()
                return
            try:
                self._write(*item)
            except OSError:
                pass  # A disk that is full costs the next transfer its shortcut, nothing else.
            with self._lock:
                self._waiting -= len(item[1])

    def _write(self, name, data):
        # Whether its name is right is seen when it is read.
        place = self._place(name)
        folder = os.path.dirname(place)
        for part in (os.path.dirname(self.path), self.path, folder):
            os.makedirs(part, 0o700, exist_ok=True)
        # mkstemp makes files of mode 0600.
        handle, beside = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(beside, place)
        except BaseException:
            _remove(beside)
            raise

    def _place(self, name):
        return os.path.join(self.path, name[:2], name)

    def _evict(self):
        """Make room. One worker at a time is enough."""
        try:
            import fcntl

            lock = open(os.path.join(self.path, "lock"), "a")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (ImportError, OSError):
            return
        with lock:
            limit = self.limit if self.limit is not None else min(LIMIT, shutil.disk_usage(self.path).total // 10)
            chunks = sorted(_chunks(self.path))
            total = sum(size for _, size, _ in chunks)
            if total > limit:
                for _, size, path in chunks:
                    if total <= limit * KEEP:
                        break
                    _remove(path)
                    total -= size


def _chunks(root):
    """`(time of last use, size, path)` of every chunk."""
    for folder, _, names in os.walk(root):
        if folder == root:
            continue
        for name in names:
            path = os.path.join(folder, name)
            try:
                found = os.stat(path)
            except OSError:
                continue
            yield found.st_mtime, found.st_size, path


def _remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass
