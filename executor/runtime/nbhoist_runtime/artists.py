"""How the parts of matplotlib's figures are packed.

Left to itself matplotlib drops what a figure in use needs (the callbacks that tell a parent that a child has changed), counts up each time
a registry of callbacks is packed, loses count of which axes are the current ones, and opens a window for every figure that is unpacked.
"""

import sys


def reduction(value):
    """What an artist or a registry of callbacks is rebuilt from; None for anything else."""
    cls = type(value)
    if cls not in _changes:
        rules = (
            ("matplotlib.artist", "Artist", _artist_state),
            ("matplotlib.cbook", "CallbackRegistry", _registry_state),
            ("matplotlib.figure", "_AxesStack", _stack_state),
        )
        _changes[cls] = next((change for module, name, change in rules if _is_a(cls, module, name)), None)
    change = _changes[cls]
    return None if change is None else _with_state(value, change)


_changes = {}


def forget():
    """Forget what was found out about classes, so that those of the notebook are not kept alive."""
    _changes.clear()


def is_artist(cls):
    """Whether instances of `cls` are figures or things drawn in them."""
    return _is_a(cls, "matplotlib.artist", "Artist")


# What says who uses a transform, and which axes share a scale with others: that others were made is no change of theirs.
_COMPANY = ("_parents", "_invalid", "_shared_axes", "_twinned_axes")


def without_company(value, found):
    """What an artist or transform is on its own; `found` is what it is packed as, or `NotImplemented`."""
    if found is NotImplemented:
        if not _is_a(type(value), "matplotlib.transforms", "TransformNode"):
            return found
        found = value.__reduce_ex__(5)
    if not isinstance(found, tuple) or len(found) < 3 or type(found[2]) is not dict:
        return found
    state = {name: part for name, part in found[2].items() if name not in _COMPANY}
    return found[:2] + (state,) + found[3:]


def artist_state(value):
    """The state of an artist, as `put_state` takes it; None when the artist is not packed as a state."""
    found = reduction(value)
    state = found[2] if isinstance(found, tuple) and len(found) > 2 else None
    return state if type(state) is dict else None


def put_state(target, state):
    """Give an artist a new state; a figure keeps the canvas, and with it the window, that it has here."""
    state, own = dict(state), target.__dict__
    if own.get("stale_callback") is not None and state.get("stale_callback") is None:
        state["stale_callback"] = own["stale_callback"]
    if "canvas" in own:
        # `__setstate__` would give the figure another canvas.
        state.pop("__mpl_version__", None)
        target.__dict__ = dict(state, canvas=own["canvas"])
    elif hasattr(target, "__setstate__"):
        target.__setstate__(state)
    else:
        target.__dict__ = state


def registry_state(value):
    """The callbacks of a registry that may travel, as its `__setstate__` takes them."""
    return _registry_state(value, value.__getstate__())


def _is_a(cls, module, name):
    base = getattr(sys.modules.get(module), name, None)
    return base is not None and issubclass(cls, base)


def _with_state(value, change):
    found = value.__reduce_ex__(5)
    if not isinstance(found, tuple) or len(found) < 3 or type(found[2]) is not dict:
        return found
    return found[:2] + (change(value, found[2]),) + found[3:]


def _artist_state(value, state):
    state = dict(state)
    # Whether a figure is one of pyplot's, and under which number, is told beside it.
    state.pop("_restore_to_pylab", None)
    callback = getattr(value, "stale_callback", None)
    if "stale_callback" in state and _is_library_function(callback):
        state["stale_callback"] = callback
    return state


def _is_library_function(function):
    module = sys.modules.get(str(getattr(function, "__module__", None)))
    name = getattr(function, "__name__", "")
    return str(getattr(module, "__name__", "")).startswith("matplotlib.") and getattr(module, name, None) is function


def _stack_state(value, state):
    # Left to itself it gives the axes that are chosen next the number of the last one, which then stay the current ones.
    return dict(state, _counter=max(state["_axes"].values(), default=-1) + 1) if "_counter" in state else state


def _registry_state(value, state):
    numbers = [number for known in state["callbacks"].values() for number in known]
    return dict(state, _cid_gen=max(numbers, default=-1) + 1)
