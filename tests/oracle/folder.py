"""The working directory of a session: what cells write there is seen, and undone after a block was tried."""

import os
import shutil
import tempfile


class Folder:
    """A small directory with a copy of itself."""

    def __init__(self, path):
        self._path = path
        self._copy = None
        self._seen = self._scan()

    def changed(self):
        """The files that were written, changed or removed since the last call."""
        now = self._scan()
        names = sorted(name for name in set(now) | set(self._seen) if now.get(name) != self._seen.get(name))
        self._seen = now
        return names

    def keep(self):
        """What is there now is what `put_back` goes back to."""
        if self._copy is None:
            self._copy = tempfile.mkdtemp(prefix="folder-", dir=os.path.dirname(self._path))
            shutil.copytree(self._path, self._copy, dirs_exist_ok=True, symlinks=True)
            self._seen = self._scan()
        elif self.changed():
            shutil.rmtree(self._copy)
            shutil.copytree(self._path, self._copy, symlinks=True)

    def put_back(self):
        """Undo changes since `keep`."""
        now = self._scan()
        for name in sorted(set(now) | set(self._seen)):
            if now.get(name) == self._seen.get(name):
                continue
            target, source = os.path.join(self._path, name), os.path.join(self._copy, name)
            if os.path.exists(target):
                os.unlink(target)
            if os.path.exists(source):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target)
        self._seen = self._scan()

    def _scan(self):
        found = {}
        for folder, names, files in os.walk(self._path):
            names[:] = [name for name in names if name not in ("__pycache__", ".ipynb_checkpoints")]
            for name in files:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                found[os.path.relpath(path, self._path)] = (status.st_size, status.st_mtime_ns)
        return found
