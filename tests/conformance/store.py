"""Keeps the results of each file of the table, so that a run that was interrupted goes on where it stopped."""

import hashlib
import importlib.metadata
import json
import pathlib
import sys

from effects_table import FOLDER

HERE = pathlib.Path(__file__).resolve().parent


class Store:
    """Results by file, kept in a folder under a key of everything they depend on."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        code = "".join(file.read_text() for file in sorted(HERE.glob("*.py")) if file.name not in ("report.py", "store.py", "mark.py", "conform.py"))
        self.common = f"{sys.version}\n{code}"

    def get(self, name, fixture, modules):
        """The results that were kept, if they still hold; else None."""
        file = self._file(name)
        kept = json.loads(file.read_text()) if file.exists() else {}
        return kept.get("results") if kept.get("key") == self._key(name, fixture, modules) else None

    def put(self, name, fixture, modules, results):
        """Keeps the results of a file of the table."""
        partial = self._file(name).with_suffix(".partial")
        partial.write_text(json.dumps({"key": self._key(name, fixture, modules), "results": results}))
        partial.replace(self._file(name))

    def _file(self, name):
        return self.folder / f"{name}.json"

    def _key(self, name, fixture, modules):
        texts = [self.common, (FOLDER / f"{name}.toml").read_text(), fixture.read_text() if fixture else "", repr(versions(modules))]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def versions(modules):
    """The installed versions of what these top-level modules belong to, by the name of the distribution."""
    owners = importlib.metadata.packages_distributions()
    found = {}
    for module in modules:
        for name in owners.get(module, ()):
            found[name] = importlib.metadata.version(name)
    return dict(sorted(found.items()))
