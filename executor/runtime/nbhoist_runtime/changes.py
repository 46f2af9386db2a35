"""The new content of changed objects: taken in the worker, put into the very objects at home."""

import collections

from . import artists, fingerprint, kinds, stateful
from .pack import Content, Fresh


def content(value, state):
    """What is sent of a changed object; its elements may be objects that the other side has. `state` is how it arrived."""
    kind = kinds.kind(value)
    found = {"kind": kind}
    if kind in (kinds.LIST, kinds.SET, kinds.DEQUE):
        found["items"] = [item for item in _iterate(value)]
    elif kind is kinds.DICT:
        found["items"] = list(kinds.entries(value))
        found["factory"] = getattr(value, "default_factory", None)
    elif kind is kinds.BYTES:
        found["items"] = bytes(value)
    elif kind is kinds.ARRAY:
        found.update(_array(value, state))
    elif kind is kinds.ARRAY_OF_CLASS:
        found.update(_array_of_class(value))
    elif kind is kinds.FUNCTION:
        found["function"] = _function(value)
    elif kind is kinds.CLASS:
        found["entries"] = fingerprint.class_entries(value)
    elif kind is kinds.CELL:
        found["cell"] = _cell(value)
    elif kind is kinds.OPAQUE:
        way = stateful.rule(value)
        # Rebuilding an artist at home would already change those that it is drawn with.
        state = artists.artist_state(value) if artists.is_artist(type(value)) else None
        if state is not None:
            found["state"] = state
        elif way is not None:
            found["state"] = way[0](value)
        else:
            found["fresh"] = Fresh(value)
    if kind in (kinds.LIST, kinds.SET, kinds.DEQUE, kinds.DICT, kinds.INSTANCE):
        # `__class__` can be assigned for instances of such classes; of others it cannot change.
        found["class"] = type(value)
        own = fingerprint.attributes(value)
        found["attributes"] = None if own is None else [list(own), list(own.values())]
        found["slots"] = fingerprint.slot_values(value)
    return found


def _iterate(value):
    for base in (list, set, collections.deque):
        if isinstance(value, base):
            return base.__iter__(value)
    return iter(value)


def _array(value, state):
    before = state.rest if state is not None and isinstance(state.rest, tuple) else None
    if value.dtype == object:
        elements = value.reshape(-1).tolist() if value.ndim else [value.item()]
        return {"elements": elements, "shape": value.shape}
    return {"array": Content(value), "shape": value.shape, "before": before}


def _array_of_class(value):
    import numpy

    plain = value.view(numpy.ndarray)
    found = _array(plain, None) if plain.dtype == object else {"array": Content(plain), "shape": plain.shape}
    return dict(found, attributes=[list(vars(value)), list(vars(value).values())])


def _function(value):
    return {
        "__code__": value.__code__,
        "__defaults__": value.__defaults__,
        "__kwdefaults__": None if value.__kwdefaults__ is None else list(value.__kwdefaults__.items()),
        "__qualname__": value.__qualname__,
        "__module__": value.__module__,
        "__doc__": value.__doc__,
        "attributes": [list(value.__dict__), list(value.__dict__.values())],
    }


def _cell(value):
    try:
        return (value.cell_contents,)
    except ValueError:
        return ()
