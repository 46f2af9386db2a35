"""Examples that nobody wrote: plausible calls of what has no example, and of what has no entry at all."""

import inspect

from verdict import resolve

# These end the process, wait for a person, or test the library itself.
NEVER = {"test", "exit", "quit", "breakpoint", "input", "help", "copyright", "credits", "license", "show_versions", "show_config", "show_runtime"}

# What does one of these runs only where somebody wrote down how.
UNASKED = ("network", "input", "subprocess", "device")


def examples(path, entry, fixture, owner):
    """Texts to try for an entry without an example of its own, best first."""
    name = path.rpartition(".")[2]
    if name == "*" or any(entry.get(key) for key in UNASKED):
        return []
    if owner is None:
        target = resolve(path)
        if target is None or not callable(target) or entry.get("attribute"):
            return [path] if entry.get("attribute") else []
        return [f"{path}({arguments})" for arguments in [*fixture.arguments, ""]]
    if entry.get("attribute"):
        return [f"x.{name}"]
    if name == "__getitem__":
        return ["x[0]", "x[0:1]"]
    return [f"x.{name}({arguments})" for arguments in ["", *fixture.arguments]]


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


def takes(path, keyword, fixture, owner):
    """Whether what a path names has a parameter of this name."""
    real = fixture.real(owner) if owner else None
    target = getattr(real[0], path.rpartition(".")[2], None) if real else resolve(path)
    try:
        return keyword in inspect.signature(target).parameters
    except (TypeError, ValueError):
        return False
