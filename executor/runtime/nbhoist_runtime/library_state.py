"""State that libraries keep in their own modules: the numbers they give to what they make, and the warnings they have shown.

A library that names its objects `sys[0]`, `sys[1]`, ... counts in an attribute of a class, and a warning that is shown once is
remembered in the module that gave it. Both are carried to the worker and back, so that names go on and nothing is shown twice.
"""

import base64
import contextlib
import itertools
import os
import pickle
import re
import sys
import types
import warnings

# What a counter is called. Constants are written in capitals.
_COUNTER = re.compile(r"count|serial|next|(^|_)(n|num|uid|seq|instances|last_?id|id|ids)$", re.IGNORECASE)

# Packages that count what the process does, not what the notebook made.
_OF_PROCESS = {
    "IPython", "ipykernel", "jupyter_client", "jupyter_core", "ipywidgets", "comm", "traitlets", "zmq", "tornado", "debugpy", "psutil",
    "joblib", "threadpoolctl", "cloudpickle", "nbhoist_runtime", "_pydev_bundle", "_pydevd_bundle", "pydevd",
}

_REGISTRY = "__warningregistry__"
_VERSION = "version"

_scanned = {}
# Registries that stay valid while filters change, innermost last.
_kept = []
_marks = {}
_waiting = {}


# Counters.


def _places(name, module):
    """`[(owner, attribute)]` of the counters of a module; looked for once."""
    known = _scanned.get(name)
    if known is not None and known[0] is module:
        return known[1]
    found = []
    if name.partition(".")[0] not in _OF_PROCESS and not _is_standard(name, module):
        for key, value in list(vars(module).items()):
            if _counts(key, value):
                found.append(("", key))
            elif isinstance(value, type) and getattr(value, "__module__", None) == name:
                found.extend((key, attribute) for attribute, inner in list(vars(value).items()) if _counts(attribute, inner))
    _scanned[name] = (module, found)
    return found


def _counts(name, value):
    kind = type(value)
    return kind is itertools.count or (kind is int and not name.isupper() and _COUNTER.search(name) is not None)


def _is_standard(name, module):
    names = getattr(sys, "stdlib_module_names", None)
    if names is not None:
        return name.partition(".")[0] in names or name == "__main__"
    file = getattr(module, "__file__", None) or ""
    return name == "__main__" or not file or (file.startswith(os.path.dirname(os.__file__)) and "-packages" not in file)


def counters():
    """`{(module, class or "", attribute): value}` of all libraries that are loaded."""
    found = {}
    for name, module in list(sys.modules.items()):
        if type(module) is not types.ModuleType:
            continue
        for owner, attribute in _places(name, module):
            value = _owner(module, owner).get(attribute)
            if type(value) is int:
                found[name, owner, attribute] = value
            elif type(value) is itertools.count:
                found[name, owner, attribute] = repr(value)
    return found


def _owner(module, owner):
    return vars(vars(module).get(owner, module) if owner else module)


def _put_counter(key, value):
    module, owner, attribute = key
    target = sys.modules[module]
    if owner:
        target = vars(target)[owner]
    if isinstance(value, str):
        numbers = [int(part) for part in re.findall(r"-?\d+", value)]
        value = itertools.count(*numbers[:2])
    setattr(target, attribute, value)


# Warnings that were shown.


def _now():
    """The number that tells warnings remembered under the present filters from older ones; None where it cannot be had."""
    probe = {}
    shown = getattr(warnings, "_showwarnmsg", None)
    if shown is None:
        return None
    warnings._showwarnmsg = lambda message: None
    try:
        warnings.warn_explicit("", UserWarning, "", 0, registry=probe)
    except Exception:
        pass  # Filters may turn it into an error; the number is there all the same.
    finally:
        warnings._showwarnmsg = shown
    return probe.get(_VERSION)


def _registries(space):
    """`{module name: registry}` of those that count now; the notebook's own cells are `__main__`."""
    version, found = _now(), {}
    if version is None:
        return found, None
    _renew(version)
    for name, module in list(sys.modules.items()):
        names = getattr(module, "__dict__", None)
        if type(names) is dict and _REGISTRY in names:
            found[name] = names[_REGISTRY]
    found["__main__"] = space.get(_REGISTRY)
    counts = {name: one for name, one in found.items() if type(one) is dict and one.get(_VERSION) == version}
    return counts, version


def _renew(version):
    """What is kept counts under the present filters."""
    for registry in itertools.chain.from_iterable(_kept):
        registry[_VERSION] = version


def _entries(registry):
    return [key for key in registry if key != _VERSION]


@contextlib.contextmanager
def warnings_kept(space):
    """What runs inside may change filters for a while without the libraries forgetting what they have shown."""
    registries, _ = _registries(space)
    _kept.append(list(registries.values()))
    try:
        yield
    finally:
        if registries:
            _renew(_now())
        _kept.pop()


def _put_registry(space, name, keys, fresh=False):
    names = space if name == "__main__" else vars(sys.modules[name])
    registry = names.get(_REGISTRY)
    version = _now()
    if type(registry) is not dict or registry.get(_VERSION) != version or fresh:
        registry = names[_REGISTRY] = {_VERSION: version}
    registry.update((key, True) for key in keys)


# The way there and back.


def capture(space):
    """The state as text."""
    registries, _ = _registries(space)
    return _encode({"counters": counters(), "warned": {name: _entries(registry) for name, registry in registries.items() if len(registry) > 1}})


def apply(text, space, after_import):
    """Bring the libraries of this process into a captured state, those not loaded yet as soon as they are."""
    _waiting.clear()
    state = _decode(text) if text else {}
    by_module = {}
    for key, value in (state.get("counters") or {}).items():
        by_module.setdefault(key[0], {"counters": {}, "warned": None})["counters"][key] = value
    for name, keys in (state.get("warned") or {}).items():
        by_module.setdefault(name, {"counters": {}, "warned": None})["warned"] = keys
    for name, wanted in by_module.items():
        if name in sys.modules or name == "__main__":
            _put(name, wanted, space)
        else:
            _waiting[name] = wanted
            after_import(name, lambda name=name: _put(name, _waiting.pop(name, {}), space))


def _put(name, wanted, space):
    for key, value in (wanted.get("counters") or {}).items():
        try:
            _put_counter(key, value)
        except (AttributeError, KeyError, TypeError):
            continue  # Another version of the library counts elsewhere.
    if wanted.get("warned"):
        _put_registry(space, name, wanted["warned"])
    if _marks:
        _mark(name, space)


def mark(space):
    """Remember the state before the first cell runs."""
    _marks.clear()
    registries, _ = _registries(space)
    _marks["counters"] = counters()
    _marks["warned"] = {name: set(_entries(registry)) for name, registry in registries.items()}


def _mark(name, space):
    """What importing a library left is not the block's doing."""
    _marks["counters"].update((key, value) for key, value in counters().items() if key[0] == name)
    registries, _ = _registries(space)
    if name in registries:
        _marks["warned"][name] = set(_entries(registries[name]))


def changes(space):
    """What the cells changed, as text; empty when nothing did."""
    if not _marks:
        return ""
    numbers = {key: value for key, value in counters().items() if _marks["counters"].get(key) != value}
    registries, _ = _registries(space)
    forgot = any(keys and not keys <= set(registries.get(name, ())) for name, keys in _marks["warned"].items())
    warned = {}
    for name, registry in registries.items():
        fresh = [key for key in _entries(registry) if forgot or key not in _marks["warned"].get(name, ())]
        if fresh:
            warned[name] = fresh
    if not (numbers or warned or forgot):
        return ""
    return _encode({"counters": numbers, "warned": warned, "forgot": forgot})


def restore(text, space, undo):
    """Apply at home what the cells changed."""
    if not text:
        return
    state = _decode(text)
    here = counters()
    for key, value in state["counters"].items():
        if key in here and here[key] != value:
            undo.add(_put_counter, key, here[key])
            _put_counter(key, value)
    registries, _ = _registries(space)
    for name, registry in registries.items():
        undo.add(registry.update, dict(registry))
        if state["forgot"]:
            registry.clear()
    for name, keys in state["warned"].items():
        if name in sys.modules or name == "__main__":
            _put_registry(space, name, keys)


def _encode(value):
    return base64.b64encode(pickle.dumps(value, 4)).decode("ascii")


def _decode(text):
    return pickle.loads(base64.b64decode(text))
