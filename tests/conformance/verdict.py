"""Compares what an entry says with what a run did."""

import importlib

from effects_table import Ref
from fingerprint import ATOMS, Parts
from observe import labels

# Effects that a run can show, by the key that must say so.
SIGNS = {"reads": "reads", "writes": "writes", "network": "network", "subprocess": "subprocess", "display": "display"}
CONTAINERS = {"list": list, "tuple": tuple, "dict": dict, "set": set}
ALIASES = {"list": "builtins.list", "tuple": "builtins.tuple", "dict": "builtins.dict", "set": "builtins.set", "array": "numpy.ndarray"}


def compare(entry, seen, table, fixture, keyword=None):
    """Two lists of texts: what the run did that the entry does not say, and what it says that the run did not show."""
    wrong, unseen = [], []
    _mutations(entry, seen, keyword, wrong, unseen)
    _references(entry, seen, wrong, unseen, table)
    _ambient(entry, seen, keyword, wrong, unseen)
    if not seen.run.whole:
        text = _gives(entry, seen, table, fixture, keyword)
        if text:
            wrong.append(text)
        _transport(entry, seen, table, wrong, unseen)
    return wrong, unseen


def _said(entry, key, seen):
    return set().union(*[labels(ref, seen.run) for ref in entry.get(key, [])])


def _mutations(entry, seen, keyword, wrong, unseen):
    said = _said(entry, "mutates", seen)
    conditional = set().union(*[labels(ref, seen.run) for ref in entry.get("mutates_if", {}).get(keyword, [])]) if keyword else set()
    maybe = set().union(*[labels(ref, seen.run) for refs in entry.get("mutates_if", {}).values() for ref in refs])
    allowed = said | conditional | (maybe if keyword else set())
    if entry.get("calls") or any(hasattr(value, "__next__") for value in seen.run.positional):
        # Functions of the user may change anything; iterators are used up by whoever reads them.
        allowed |= {label for label in seen.changed if label != "self"}
    wrong += [f"changes {label}" for label in sorted(seen.changed - allowed, key=str)]
    unseen += [f"no change of {label}" for label in sorted((said | conditional) - seen.changed, key=str) if not _cannot_change(label, seen)]


def _cannot_change(label, seen):
    value = seen.run.receiver if label == "self" else seen.run.positional[label] if isinstance(label, int) else seen.run.keywords[label]
    return isinstance(value, ATOMS)


def _references(entry, seen, wrong, unseen, table):
    by_result = _said(entry, "views", seen) | _said(entry, "holds", seen)
    by_result |= set().union(*[labels(ref, seen.run) for refs in entry.get("views_if", {}).values() for ref in refs])
    gives = entry.get("gives")
    if gives == "self":
        by_result |= {"self"} | seen.kept_by_receiver | set(range(99)) | set(seen.run.keywords)
    for one in gives if isinstance(gives, list) else [gives]:
        if isinstance(one, str) and one.startswith(("arg:", "elem:")):
            by_result |= labels(one.split(":", 1)[1], seen.run)
    kept = _said(entry, "keeps", seen)
    wrong += [f"the result keeps {label}" for label in sorted(seen.kept_by_result - by_result, key=str) if not _through_receiver(label, seen, by_result, kept)]
    wrong += [f"the receiver keeps {label}" for label in sorted(seen.kept_by_receiver - kept, key=str) if not _same(label, seen)]
    claimed = (_said(entry, "views", seen) | _said(entry, "holds", seen)) & seen.applicable
    unseen += [f"the result does not keep {label}" for label in sorted(claimed - seen.kept_by_result, key=str)]
    if seen.run.receiver is not None and "self" in seen.applicable:
        unseen += [f"the receiver does not keep {label}" for label in sorted((kept & seen.applicable) - seen.kept_by_receiver, key=str) if label != "self"]


def _through_receiver(label, seen, by_result, kept):
    return "self" in by_result and (label in kept or label not in seen.kept_by_receiver)


def _same(label, seen):
    return label == "self"


def _ambient(entry, seen, keyword, wrong, unseen):
    seeds = entry.get("seeds", [])
    drawn = {effect.split(":", 1)[1] for effect in seen.effects if effect.startswith("draws:")}
    may_draw = set(seeds) | ({entry["draws"]} if "draws" in entry and not (keyword and keyword == entry.get("draws_unless")) else set())
    wrong += [f"draws from {name}" for name in sorted(drawn - may_draw)]
    known = {"random", "numpy.random", "torch"}
    unseen += [f"does not draw from {name}" for name in sorted((may_draw & known) - drawn)]
    options = {effect.split(":", 1)[1] for effect in seen.effects if effect.startswith("options:")}
    said = {entry["options_write"]} if "options_write" in entry else set()
    wrong += [f"changes the options of {name}" for name in sorted(options - said)]
    unseen += [f"does not change the options of {name}" for name in sorted(said - options)]
    for effect, sign in (("plot", entry.get("plot") in ("write", "both")), ("directory", entry.get("directory") == "write"),
                         ("environment", entry.get("environment") == "write")):
        if effect in seen.effects and not sign:
            wrong.append(f"changes the {effect}")
        if sign and effect not in seen.effects:
            unseen.append(f"does not change the {effect}")
    for effect, key in SIGNS.items():
        said = bool(_said(entry, key, seen)) if key in ("reads", "writes") else entry.get(key, False)
        anyhow = bool(entry.get(key))
        if effect in seen.effects and not anyhow and not (effect == "reads" and entry.get("writes")):
            wrong.append(f"{effect}" if effect != "display" else "writes to the screen")
        if said and effect not in seen.effects and effect not in ("reads", "display"):
            unseen.append(f"no {effect}")


def _gives(entry, seen, table, fixture, keyword):
    gives, result = entry.get("gives"), seen.result
    if keyword and keyword == entry.get("gives_none_if"):
        return None if result is None else f"gives {type(result).__qualname__}, not None"
    if gives is None:
        return None
    if isinstance(gives, list):
        if not isinstance(result, (tuple, list)) and not hasattr(result, "__len__"):
            return f"gives {type(result).__qualname__}, not a tuple"
        found = [_is(kind, value, seen, table, fixture) for kind, value in zip(gives, result)]
        return next((text for text in found if text), None)
    return _is(gives, result, seen, table, fixture)


def _is(kind, value, seen, table, fixture):
    import numpy

    run, name = seen.run, f"{type(value).__module__}.{type(value).__qualname__}"
    bad = f"gives {name}, not {kind}"
    if kind == "self":
        return None if value is run.receiver else bad
    if kind == "self-kind":
        own = type(run.receiver)
        return None if isinstance(value, own) or isinstance(run.receiver, type(value)) or fixture.similar(value, run.receiver) else bad
    if kind.startswith(("arg:", "like:", "elem:")):
        what, ref = kind.split(":", 1)
        given = Ref(ref).pick(run.receiver, run.positional, run.keywords)
        if not given:
            return None
        if what == "arg":
            return None if any(value is one for one in given) else bad
        if what == "like":
            return None if any(isinstance(value, type(one)) or isinstance(one, type(value)) for one in given) else bad
        # What was taken out of a container cannot be found in it any more.
        return None if seen.changed or not Parts(value) or any(Parts(value).reached_from(one) or Parts(one).reached_from(value) for one in given) else bad
    if kind == "scalar":
        mutable = isinstance(value, (list, dict, set, bytearray)) or isinstance(value, numpy.ndarray) and value.ndim > 0
        return bad if mutable else None
    if kind == "none":
        return None if value is None else bad
    if kind == "iterator":
        return None if hasattr(value, "__next__") else bad
    if kind == "array":
        return None if isinstance(value, (numpy.ndarray, numpy.generic, int, float, complex)) else bad
    if kind in CONTAINERS:
        return None if isinstance(value, CONTAINERS[kind]) or fixture.similar_container(kind, value) else bad
    return _is_kind(kind, value, table, fixture, bad)


def _is_kind(kind, value, table, fixture, bad):
    real = fixture.real(kind)
    if real is None:
        return None
    import numpy

    if kind in fixture.loose:
        return None
    if kind == "numpy.ndarray" and isinstance(value, numpy.generic):
        return None
    if isinstance(value, numpy.ndarray) and value.dtype.kind == "O" and value.size:
        value = value.flat[0]
    return None if isinstance(value, real) else bad


def resolve(path):
    """What a dotted public path names, or None."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except Exception:
            continue
        try:
            for name in parts[length:]:
                found = getattr(found, name)
        except Exception:
            # Some modules refuse names with errors of their own.
            return None
        return found
    return None


def _transport(entry, seen, table, wrong, unseen):
    kinds = [entry] + (table.kind(ALIASES.get(entry["gives"], entry["gives"])) if isinstance(entry.get("gives"), str) else [])
    said = next((kind["travels"] for kind in kinds if "travels" in kind), True)
    own = [] if isinstance(entry.get("gives"), list) else [said]
    if seen.travels and own == [False] and entry.get("travels") is False:
        unseen.append("the result can be pickled")
    if not seen.travels and own == [True] and not _keeps_what_cannot(entry, seen):
        wrong.append("the result cannot be pickled")


def _keeps_what_cannot(entry, seen):
    import ambient

    if seen.run.receiver is not None and not isinstance(seen.run.receiver, ATOMS) and not ambient.travels(seen.run.receiver):
        return True
    return any(not ambient.travels(value) for value in [*seen.run.positional, *seen.run.keywords.values()])
