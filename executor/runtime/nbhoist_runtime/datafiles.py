"""Files that a block reads and writes: compared with what is here, put where the block finds them, and told apart afterwards.

Where the kernel's directory is here too, with the same files in it, the block works there. Otherwise it gets a directory of its own,
which goes with the worker.
"""

import hashlib
import os
import shutil
import tempfile

from .errors import Trouble

PREFIX = "nbhoist-files-"
PART = 4 << 20


class Files:
    """What one block has here."""

    def __init__(self):
        self.home = None
        self._known = {}
        self._wanted = []
        self._before = {}

    def compare(self, files, usable):
        """Positions of the files that have to be sent, and why others cannot be used: `(missing, refused)`.

        `usable` says whether the worker is in the kernel's directory.
        """
        self._wanted = files
        alike = [_digest(file["path"]) == file["sha256"] for file in files]
        if all(alike) and (usable or not files):
            return [], []
        refused = [
            {"path": file["path"], "why": _refusal(file["path"])}
            for file, same in zip(files, alike)
            if not same and not _inside(file["path"])
        ]
        if refused:
            return [], refused
        self._move()
        return [position for position, file in enumerate(files) if _inside(file["path"])], []

    def own(self):
        """Work in a directory of our own, when there is not one already."""
        if self.home is None:
            self._move()

    def _move(self):
        _sweep()
        self.home = tempfile.mkdtemp(prefix="%s%d-" % (PREFIX, os.getpid()))
        os.chdir(self.home)

    def take(self, header, payload):
        """A part of a file."""
        file = self._wanted[header["index"]]
        path = os.path.join(self.home, file["path"])
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as out:
            out.write(payload)
        if header["last"]:
            if _digest(path) != file["sha256"]:
                raise Trouble("internal", "the file %s did not arrive whole" % file["path"])
            self._before[file["path"]] = _stamp(path)

    def written(self):
        """Paths of files in the block's own directory that are new or changed."""
        found = []
        for folder, _, names in os.walk(self.home) if self.home else ():
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.home)
                if os.path.isfile(os.path.join(self.home, path)) and self._before.get(path) != _stamp(os.path.join(self.home, path)):
                    found.append(path)
        return sorted(found)

    def send(self, channel, path):
        """Send one of those, in parts."""
        with open(os.path.join(self.home, path), "rb") as file:
            while True:
                part = file.read(PART)
                last = len(part) < PART
                channel.send({"op": "file", "path": path, "last": last}, part)
                if last:
                    return

    def remove(self):
        """Take the directory away."""
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)


def _inside(path):
    parts = path.replace("\\", "/").split("/")
    return not os.path.isabs(path) and ".." not in parts


def _refusal(path):
    what = "is not the same file here" if os.path.exists(path) else "is not here"
    return "it %s, and only files below the notebook's folder can be sent; use a path relative to that, or copy it there" % what


def _digest(path):
    try:
        with open(path, "rb") as file:
            found = hashlib.sha256()
            for part in iter(lambda: file.read(1 << 20), b""):
                found.update(part)
            return found.hexdigest()
    except OSError:
        return None


def _stamp(path):
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size


def _sweep():
    """Remove what killed workers left: the process in the name is gone."""
    root = tempfile.gettempdir()
    for name in os.listdir(root):
        process = name[len(PREFIX) :].split("-")[0]
        if name.startswith(PREFIX) and process.isdigit():
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                shutil.rmtree(os.path.join(root, name), ignore_errors=True)
            except OSError:
                pass
