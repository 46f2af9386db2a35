"""What a process stands in: directory, search path, environment, loaded libraries. A worker that is started ahead is made to resemble it.
"""

import functools
import importlib
import importlib.machinery
import os
import sys
import types

from . import ambient, session

# Where installed packages are. What is elsewhere may be changed by its user at any time.
_INSTALLED = ("site-packages", "dist-packages")


def directory():
    """The working directory, or None when it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return None


def capture(space=None):
    """What decides how libraries come up when they are imported; with a namespace, also the `modules` that are loaded for it."""
    found = {"directory": directory(), "path": list(sys.path), "environment": ambient.environment()}
    if space is not None:
        found["modules"] = modules(space)
    return found


def modules(space):
    """The loaded modules of those installed packages that the user's values come from, in the order in which they were loaded."""
    roots = {name.partition(".")[0] for name in map(_module_of, session.user_names(space).values()) if name}
    return [name for name, module in list(sys.modules.items()) if name.partition(".")[0] in roots and _is_installed(module)]


def _module_of(value):
    if isinstance(value, types.ModuleType):
        found = value.__dict__.get("__name__")
    elif isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        found = value.__module__
    else:
        found = type(value).__module__
    return found if isinstance(found, str) else None


def _is_installed(module):
    file = getattr(module, "__dict__", {}).get("__file__")
    return type(file) is str and _is_of_package(file)


@functools.lru_cache(maxsize=1 << 14)
def _is_of_package(file):
    return any(os.sep + part + os.sep in file for part in _INSTALLED)


class Warmth:
    """What was imported ahead, to see whether it is still what an import would find."""

    def __init__(self):
        self._before = set(sys.modules)
        self._stamps = None
        self._is_half_made = False
        self._failed = set()

    def load(self, names):
        """Import modules; what cannot be imported is left to the block, which may not need it."""
        for name in names:
            if name.partition(".")[0] in self._failed:
                continue
            before = set(sys.modules)
            try:
                importlib.import_module(name)
            except Exception:
                self._failed.add(name.partition(".")[0])
                self._is_half_made |= not _forget(set(sys.modules) - before)
        self._stamps = self._look()

    def is_stale(self):
        """Whether the modules are not what an import finds now.

        That is so when packages were installed, or files of modules that are not installed were changed, since they were loaded; and
        when a package failed half-way and what it had loaded cannot be taken back.
        """
        return self._is_half_made or (self._stamps is not None and self._stamps != self._look())

    def _look(self):
        found = {path: _stamp(path) for path in sys.path if os.path.basename(path) in _INSTALLED}
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__dict__", {}).get("__file__")
            if name not in self._before and isinstance(file, str) and not _is_installed(module):
                found[file] = _stamp(file)
        return found


def _forget(names):
    """Takes back what a failed import has loaded, so that the next one begins afresh; whether that can be done.

    Python itself takes back only the module that failed, not those that it had loaded before. A module in machine code cannot be
    loaded a second time, so it stays, and the rest with it.
    """
    found = {name: sys.modules[name] for name in names}
    specs = [getattr(module, "__dict__", {}).get("__spec__") for module in found.values()]
    if any(isinstance(getattr(spec, "loader", None), importlib.machinery.ExtensionFileLoader) for spec in specs):
        return False
    for name, module in found.items():
        del sys.modules[name]
        parent, _, last = name.rpartition(".")
        names_of_parent = getattr(sys.modules.get(parent), "__dict__", {})
        if names_of_parent.get(last) is module:
            del names_of_parent[last]
    return True


def _stamp(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
