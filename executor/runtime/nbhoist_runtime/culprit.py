"""Finds where inside a value the thing is that cannot travel."""

import collections
import types

from . import errors, fingerprint, kinds
from .tracking import children

LIMIT = 200000


def path(name, value, culprit):
    """How to get from the name to the culprit, such as `model.callbacks[2].lock`; the name itself when it is not found."""
    queue = collections.deque([(name, value)])
    seen = set()
    while queue and len(seen) < LIMIT:
        where, item = queue.popleft()
        if item is culprit:
            return where
        if id(item) in seen or isinstance(item, (str, bytes, int, float, types.ModuleType)):
            continue
        seen.add(id(item))
        try:
            queue.extend(_steps(where, item))
        except Exception:
            continue
    return name


def _steps(where, item):
    if isinstance(item, dict):
        return [("%s[%s]" % (where, _key(key)), value) for key, value in list(dict.items(item))] + _attributes(where, item)
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return [("%s.%s" % (where, name), value) for name, value in zip(item._fields, item)]
    if isinstance(item, (list, tuple, collections.deque)):
        return [("%s[%d]" % (where, index), value) for index, value in enumerate(item)] + _attributes(where, item)
    if isinstance(item, (set, frozenset)):
        return [("an element of %s" % where, value) for value in item]
    if isinstance(item, types.FunctionType):
        return _function_steps(where, item)
    if isinstance(item, types.MethodType):
        return [(where + ".__self__", item.__self__), (where + ".__func__", item.__func__)]
    if isinstance(item, type):
        entries = fingerprint.class_entries(item) if kinds.by_value(item) else {}
        return [("%s.%s" % (where, name), value) for name, value in entries.items()]
    found = _attributes(where, item)
    known = {id(value) for _, value in found}
    own = fingerprint.attributes(item)
    others = [child for child in children(item) if id(child) not in known and child is not own and child is not type(item)]
    return found + [("%s (inside, a %s)" % (where, type(child).__name__), child) for child in others]


def _attributes(where, item):
    own = fingerprint.attributes(item) or {}
    found = [("%s.%s" % (where, name), value) for name, value in list(own.items())]
    if type(item).__module__ != "builtins":
        found += [("%s.%s" % (where, name), value) for name, value in fingerprint.slot_values(item).items()]
    return found


def _function_steps(where, item):
    if not kinds.by_value(item):
        return []
    found = []
    for name, cell in zip(item.__code__.co_freevars, item.__closure__ or ()):
        try:
            found.append(("%s (closure variable %s)" % (where, name), cell.cell_contents))
        except ValueError:
            pass
    found += [("%s (a default value)" % where, value) for value in item.__defaults__ or ()]
    found += [("%s (a default value)" % where, value) for value in (item.__kwdefaults__ or {}).values()]
    found += [("%s.%s" % (where, name), value) for name, value in item.__dict__.items()]
    return found


def _key(key):
    if isinstance(key, (str, int, float, bool, tuple, bytes)):
        try:
            text = repr(key)
            return text if len(text) <= 60 else text[:57] + "..."
        except Exception:
            pass
    return "a %s" % type(key).__name__


def explain(name, value, failure):
    """The `Trouble` for a `bundle.PackError`: which part of the value, and why."""
    error, culprit = failure.error, failure.culprit
    if isinstance(error, errors.Refused):
        culprit = error.value
    trouble = errors.translate(error, "pickle")
    where = path(name, value, culprit) if culprit is not None else name
    if trouble.kind == "pickle":
        text = trouble.text if isinstance(error, errors.Refused) else _reason(error, culprit)
        trouble.text = "%s cannot travel: %s" % (name, text) if where == name else (
            "%s cannot travel: at %s, %s" % (name, where, text)
        )
    trouble.name = name
    trouble.path = where
    return trouble


def _reason(error, culprit):
    if isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError):
        return "it is nested too deeply (a very long chain of objects); make it flatter, or make it inside the block"
    kind = type(culprit).__name__ if culprit is not None else "value"
    return "a %s cannot be packed (%s)" % (kind, errors.describe(error))
