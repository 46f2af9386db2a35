"""Makes the packages of a zip archive importable from memory.

Executed with `archive` (bytes), `digest` (hex text) and `first` (whether a package of the archive hides an installed one; the
runtime itself always does) in its namespace. Executing it again with the same digest changes nothing.
"""

import importlib.abc
import importlib.machinery
import io
import sys
import zipfile


class ArchiveFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads modules among the sources of an archive."""

    nbhoist = True

    def __init__(self, sources, digest):
        self.sources = sources
        self.digest = digest

    def _member(self, fullname):
        base = fullname.replace(".", "/")
        for member in (base + "/__init__.py", base + ".py"):
            if member in self.sources:
                return member
        return None

    def find_spec(self, fullname, path=None, target=None):
        member = self._member(fullname)
        if member is None:
            return None
        spec = importlib.machinery.ModuleSpec(
            fullname, self, origin="<nbhoist>/" + member, is_package=member.endswith("/__init__.py")
        )
        spec.has_location = True
        return spec

    def is_package(self, fullname):
        return (self._member(fullname) or "").endswith("/__init__.py")

    def get_source(self, fullname):
        member = self._member(fullname)
        if member is None:
            raise ImportError("no module " + fullname + " in the archive", name=fullname)
        return self.sources[member].decode("utf-8")

    def get_code(self, fullname):
        member = self._member(fullname)
        return compile(self.get_source(fullname), "<nbhoist>/" + str(member), "exec", dont_inherit=True)


def install(archive, digest, first):
    """Put finders for the archive on `sys.meta_path`, in place of those of another archive."""
    old = [finder for finder in sys.meta_path if getattr(finder, "nbhoist", False)]
    if old and all(finder.digest == digest for finder in old):
        return
    for finder in old:
        sys.meta_path.remove(finder)
    for name in list(sys.modules):
        if name.split(".")[0] == "nbhoist_runtime":
            del sys.modules[name]
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        sources = {name: members.read(name) for name in members.namelist()}
    runtime = {name: text for name, text in sources.items() if name.startswith("nbhoist_runtime/")}
    others = {name: text for name, text in sources.items() if name not in runtime and "/" in name}
    sys.meta_path.insert(0, ArchiveFinder(runtime, digest))
    sys.meta_path.insert(1 if first else len(sys.meta_path), ArchiveFinder(others, digest))


install(archive, digest, first)  # noqa: F821
