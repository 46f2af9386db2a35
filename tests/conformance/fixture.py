"""The values that examples of a library run on."""

import ast
import importlib
import importlib.util
import pathlib

from verdict import resolve

FOLDER = pathlib.Path(__file__).resolve().parent / "fixtures"


class Fixture:
    """One file of `fixtures/`: names for examples, how to make a value of each kind, what to try as arguments."""

    def __init__(self, stem):
        spec = importlib.util.spec_from_file_location(f"conformance_fixture_{stem}", FOLDER / f"{stem}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.names = module.names
        # What makes a value of each kind: a text, or a list of texts to try one after the other.
        self.kinds = {kind: [made] if isinstance(made, str) else made for kind, made in module.KINDS.items()}
        self.parameters = getattr(module, "PARAMETERS", {})
        self.known_sources = {}
        self.arguments = getattr(module, "ARGUMENTS", ["x"])
        self.classes = getattr(module, "CLASSES", {})
        self.ignored = frozenset(getattr(module, "IGNORED", ()))
        self.skipped = getattr(module, "SKIPPED", {})
        self.modules = getattr(module, "MODULES", [])
        self.likes = getattr(module, "LIKES", [])
        self.files = getattr(module, "files", None)
        self.loose = frozenset(getattr(module, "LOOSE", ()))
        self.forks = getattr(module, "FORKS", True)
        # Effects that calls nobody wrote down may have all the same, since they stay on this machine.
        self.asked = getattr(module, "ASKED", frozenset())
        self.keeps_warnings = False

    def make_names(self, source=None, path=""):
        """Fresh names for one run: those of the fixture, the module of the path, and `x` as `source` makes it."""
        parts = path.split(".")
        names = {parts[0]: importlib.import_module(parts[0])} if parts[0] not in ("", "*") else {}
        for length in range(2, len(parts)):
            try:
                importlib.import_module(".".join(parts[:length]))
            except ImportError:
                break
        names.update(self.names())
        if source is not None:
            tree = ast.parse(source)
            exec(compile(ast.Module(tree.body[:-1], []), "<source>", "exec"), names)
            names["x"] = eval(compile(ast.Expression(tree.body[-1].value), "<source>", "eval"), names)
        return names

    def make(self, source):
        """The value that a source makes."""
        return self.make_names(source)["x"]

    def owner(self, path, table):
        """The kind whose member a path is, when a value of it can be made."""
        parent = path.rpartition(".")[0]
        return parent if parent and self.sources(parent, table) else None

    def sources(self, kind, table):
        """Texts that make values of a kind: written in the fixture for it or for kinds based on it, else the example of its own entry."""
        if kind not in self.known_sources:
            found = list(self.kinds.get(kind, []))
            for other, made in self.kinds.items():
                if other != kind and kind in table.bases(other):
                    found += made
            example = table.entries.get(kind, {}).get("example")
            if not found and isinstance(example, str) and kind.rpartition(".")[2][:1].isupper() and ast.parse(example).body[-1:] and isinstance(ast.parse(example).body[-1], ast.Expr):
                found = [example]
            self.known_sources[kind] = found
        return self.known_sources[kind]

    def real(self, kind):
        """The class that a kind of the table stands for, or None."""
        paths = self.classes.get(kind)
        found = [resolve(path) for path in paths] if paths else [resolve(kind)]
        classes = tuple(one for one in found if isinstance(one, type))
        return classes or None

    def similar(self, one, other):
        """Whether two values count as the same kind although their classes differ."""
        return any(isinstance(one, resolve_all(group)) and isinstance(other, resolve_all(group)) for group in self.likes)

    def similar_container(self, kind, value):
        """Whether a value behaves like the builtin container."""
        methods = {"list": "__getitem__", "tuple": "__len__", "dict": "keys", "set": "__contains__"}
        return hasattr(value, methods[kind]) and not isinstance(value, (str, int, float))


def resolve_all(paths):
    """The classes with these paths."""
    return tuple(one for one in map(resolve, paths) if isinstance(one, type))
