"""Examples that nobody wrote: plausible calls of what has no example, and of what has no entry at all."""

import inspect

from verdict import resolve

# These end the process, wait for a person, or test the library itself.
NEVER = {"test", "exit", "quit", "breakpoint", "input", "help", "copyright", "credits", "license", "show_versions", "show_config", "show_runtime"}

# What does one of these runs only where somebody wrote down how.
UNASKED = ("network", "input", "subprocess", "device")


# What an argument is by the name of the parameter, where the fixture has no word of its own.
PARAMETERS = {
    **dict.fromkeys(["x", "a", "arr", "array", "data", "obj", "values", "input", "object", "X"], "x"),
    **dict.fromkeys(["path", "filename", "fname", "file", "fp", "filepath", "file_path", "src", "source"], "'x.txt'"),
    **dict.fromkeys(["dst", "dest", "target_path", "out_path", "output", "savepath"], "'out.x'"),
    **dict.fromkeys(["n", "k", "num", "size", "count", "length", "periods", "window", "depth", "N", "M"], "2"),
    **dict.fromkeys(["axis", "dim", "index", "i", "start", "pos", "level"], "0"),
    **dict.fromkeys(["name", "key", "label", "title", "s", "text", "string", "msg", "message", "prefix", "suffix"], "'a'"),
    **dict.fromkeys(["func", "function", "fn", "callback", "f", "callable"], "call"),
    **dict.fromkeys(["shape"], "(2, 2)"),
    **dict.fromkeys(["alpha", "p", "q", "rate", "prob", "scale", "value", "low"], "0.5"),
    **dict.fromkeys(["beta", "high", "stop", "end"], "1.5"),
}


# Keys of entries that say what a value is rather than what a call does.
ABOUT_VALUES = {"base", "travels", "why", "device", "unverified"}
MOST_MEMBERS = 40


class Call:
    """A text to run for a path, and what `x` in it is."""

    def __init__(self, text, path, source=None, owner=None, made_up=True):
        self.text, self.path, self.source, self.owner, self.made_up = text, path, source, owner, made_up


def is_kind(path, entry, fixture, table):
    """Whether an entry only says what values of a kind are."""
    return "example" not in entry and set(entry) <= ABOUT_VALUES and bool(fixture.sources(path, table))


def calls(path, entry, fixture, owner, table):
    """What to run for an entry, best first."""
    sources = fixture.sources(owner, table) if owner else [None]
    if "example" in entry:
        texts = entry["example"] if isinstance(entry["example"], list) else [entry["example"]]
        # Whoever wrote it had the fixture's own values in mind.
        source = sources[0] if owner in fixture.kinds else None
        for text in texts:
            yield Call(text, path, source, owner, made_up=False)
    if any(entry.get(key) and key not in fixture.asked for key in UNASKED):
        return
    if path.endswith(".*"):
        yield from members(path, entry, fixture, table)
        return
    if "*" in path.split("."):
        yield from methods(path, entry, fixture, table)
        return
    for source in sources:
        for text in examples(path, entry, fixture, owner):
            yield Call(text, path, source, owner)


def members(path, entry, fixture, table):
    """Calls of what an entry with a star speaks for."""
    parent = path[:-2]
    sources = fixture.sources(parent, table)
    real = type(fixture.make(sources[0])) if sources else resolve(parent)
    names = [name for name in dir(real) if not name.startswith("_") and name not in NEVER]
    speaks = table.member if sources else lambda kind, name: table.function(f"{kind}.{name}")
    for name in [name for name in names if speaks(parent, name) is entry][:MOST_MEMBERS]:
        member = f"{parent}.{name}"
        for text in examples(member, entry, fixture, parent if sources else None):
            yield Call(text, member, sources[0] if sources else None, parent if sources else None)


def methods(path, entry, fixture, table):
    """Calls of a method that an entry with a star inside gives to many kinds, on the kinds that the fixture can make."""
    name = path.rpartition(".")[2]
    for kind, sources in fixture.kinds.items():
        if table.function(f"{kind}.{name}") is entry:
            for source in sources:
                for text in examples(f"{kind}.{name}", entry, fixture, kind):
                    yield Call(text, f"{kind}.{name}", source, kind)


def examples(path, entry, fixture, owner):
    """Texts to try for an entry without an example of its own, best first."""
    name = path.rpartition(".")[2]
    if owner is None:
        target = resolve(path)
        if target is None or not callable(target) or entry.get("attribute"):
            return [path] if entry.get("attribute") else []
        return [f"{path}({arguments})" for arguments in [*by_parameters(target, fixture), *fixture.arguments, ""]]
    if entry.get("attribute"):
        return [f"x.{name}"]
    if name == "__getitem__":
        return ["x[0]", "x[0:1]"]
    real = fixture.real(owner)
    own = by_parameters(getattr(real[0], name, None), fixture, skip=1) if real else []
    return [f"x.{name}({arguments})" for arguments in [*own, "", *fixture.arguments]]


def by_parameters(target, fixture, skip=0):
    """The arguments that a callable must get, made up from the names of its parameters: one text, or none."""
    try:
        wanted = list(inspect.signature(target).parameters.values())[skip:]
    except (TypeError, ValueError):
        return []
    texts = []
    for one in wanted:
        if one.default is not one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        text = fixture.parameters.get(one.name, PARAMETERS.get(one.name))
        # `x` is the receiver of a method.
        if text is None or skip and text == "x":
            return []
        texts.append(f"{one.name}={text}" if one.kind == one.KEYWORD_ONLY else text)
    return [", ".join(texts)] if texts else []


def unlisted(fixture, table, imports):
    """(path, owner) of public members and functions of a `pure` library that no entry speaks for."""
    for kind in fixture.kinds:
        real = fixture.real(kind)
        if kind.split(".")[0] not in imports or real is None or len(real) != 1:
            continue
        for name in dir(real[0]):
            if not name.startswith("_") and name not in NEVER and table.member(kind, name) is None and callable(getattr(real[0], name, None)):
                yield f"{kind}.{name}", kind
    for module in fixture.modules:
        found = resolve(module)
        for name in dir(found):
            path, value = f"{module}.{name}", getattr(found, name, None)
            fits = callable(value) and not inspect.isclass(value) and not name.startswith("_") and name not in NEVER
            if fits and table.function(path) is None:
                yield path, None


def takes(call, keyword, fixture):
    """Whether what is called has a parameter of this name."""
    real = fixture.real(call.owner) if call.owner else None
    target = getattr(real[0], call.path.rpartition(".")[2], None) if real else resolve(call.path)
    try:
        return keyword in inspect.signature(target).parameters
    except (TypeError, ValueError):
        return False
