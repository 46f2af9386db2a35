"""Reads the library effects files and finds the entry that speaks for a path, as the analyzer does."""

import pathlib
import tomllib

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "analyzer" / "src" / "library_effects"


class Table:
    """All entries of all files, by path."""

    def __init__(self, folder=FOLDER):
        self.entries = {}
        self.file_of = {}
        self.defaults = {}
        self.libraries = {}
        for file in sorted(pathlib.Path(folder).glob("*.toml")):
            content = tomllib.loads(file.read_text())
            library = content.pop("library")
            self.libraries[file.stem] = library
            for module in library["import"]:
                self.defaults[module] = library.get("default", "unknown")
            for path, entry in content.items():
                if path in self.entries:
                    raise ValueError(f"{file.name}: {path} is already in {self.file_of[path]}.toml; delete one of them")
                self.entries[path] = entry
                self.file_of[path] = file.stem
        patterns = [path.split(".") for path in self.entries if "*" in path.split(".")]
        self.patterns = sorted(patterns, key=lambda parts: (-len(parts), parts))

    def function(self, path):
        """The entry for a dotted path, or None."""
        return self.entries.get(path) or self._pattern(path)

    def member(self, kind, name):
        """The entry for a method or attribute of a value of this kind, or None."""
        return self._inherited(kind, name, 0) or self._inherited(f"{kind.split('.')[0]}.Any", name, 0)

    def kind(self, path):
        """What the table says about values of a kind: its own entry and those of its bases, nearest first."""
        found, queue = [], [path]
        while queue and len(found) < 16:
            entry = self.entries.get(queue.pop(0))
            if entry:
                found.append(entry)
                queue += entry.get("base", [])
        return found

    def bases(self, path):
        """The paths of all kinds that a kind is based on."""
        found, queue = [], list(self.entries.get(path, {}).get("base", []))
        while queue and len(found) < 16:
            base = queue.pop(0)
            found.append(base)
            queue += self.entries.get(base, {}).get("base", [])
        return found

    def _inherited(self, kind, name, depth):
        if depth > 8:
            return None
        entry = self.function(f"{kind}.{name}")
        if entry is not None:
            return entry
        for base in self.entries.get(kind, {}).get("base", []):
            entry = self._inherited(base, name, depth + 1)
            if entry is not None:
                return entry
        return None

    def _pattern(self, path):
        parts = path.split(".")
        for pattern in self.patterns:
            if matches(pattern, parts):
                return self.entries[".".join(pattern)]
        return None


def matches(pattern, parts):
    """Whether the parts of a path fit a pattern, where `*` stands for one or more of them."""
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "*":
        return matches(pattern[1:], parts[1:]) or matches(pattern, parts[1:])
    return pattern[0] == parts[0] and matches(pattern[1:], parts[1:])


class Ref:
    """Which argument of a call an entry speaks of."""

    def __init__(self, text):
        self.text = text
        name, _, position = text.partition("@")
        self.name, self.position = name, int(position) if position.isdigit() else None

    def pick(self, receiver, positional, keywords):
        """The argument's values in a call: none when it was not given."""
        if self.text == "self":
            return [receiver]
        if self.text == "*":
            return list(positional) + list(keywords.values())
        if self.text.startswith("**"):
            return list(positional[int(self.text[2:]):])
        if self.name in keywords:
            return [keywords[self.name]]
        if self.position is not None and self.position < len(positional):
            return [positional[self.position]]
        return []
