"""The pickler: one instance lives as long as a migration, its memo is the table of objects that both sides share.

Some objects are there before anything is sent (`seeds`): the notebook's namespace, the table of arrays, the `__main__` module, the shell,
its history. They are the first entries of the memo on both sides and are never pickled, whatever refers to them.
"""

import copyreg
import gc
import sys
import types

from . import arrays, artists, kinds, policy, rebuild, slices
from .errors import Refused

_core = None


def cloudpickle_core():
    """The module of cloudpickle that holds its pickler: the installed one if it is recent enough, else the one sent along."""
    global _core
    if _core is None:
        from cloudpickle import cloudpickle

        _core = cloudpickle
    return _core


Base = cloudpickle_core().Pickler


class Fresh:
    """Stands for an object that is to be packed as its reduction, although the other side has the object itself."""

    def __init__(self, value):
        self.value = value


class Content:
    """Stands for the elements of an array that the other side has."""

    def __init__(self, value):
        self.value = value


class Pickler(Base):
    """Packs values; `seeds` are the objects that both sides have from the start, the namespace first."""

    def __init__(self, sink, seeds, buffers, strict=True):
        Base.__init__(self, sink, protocol=5, buffer_callback=buffers)
        self.arrays = arrays.Outgoing(strict)
        self.namespace = seeds[0]
        self.last = None
        self.files = set()
        self._own_globals = {}
        self._special = {
            rebuild.CellType: self._cell,
            types.FunctionType: self._function,
            types.ModuleType: self._module,
            Fresh: self._fresh,
            Content: self._content,
        }
        self._special.update(dict.fromkeys(rebuild.VIEW_TYPES, self._view))
        seeds = [seeds[0], self.arrays] + list(seeds[1:])
        self.memo = {id(seed): (index, seed) for index, seed in enumerate(seeds)}

    def reducer_override(self, value):
        """How one object is packed; called for everything but the simplest builtin types."""
        self.last = value
        cls = type(value)
        special = self._special.get(cls)
        if special is not None:
            return special(value)
        if arrays.loaded() and cls is sys.modules["numpy"].ndarray:
            return self._array(value)
        if issubclass(cls, type):
            return self._class(value)
        if policy.verdict(cls) is not None:
            stream = policy.standard_stream(value)
            if stream is None:
                policy.check(value)
            return rebuild.standard_stream, (stream,)
        if cls.__name__ == "_lru_cache_wrapper":
            return self._cached(value)
        if kinds.is_array_with_attributes(cls):
            how = (cls, value.view(sys.modules["numpy"].ndarray))
            return rebuild.array_of_class, how, dict(vars(value)), None, None, rebuild.fill_attributes
        return self._other(value)

    def _other(self, value):
        found = artists.reduction(value) if "matplotlib" in sys.modules else None
        if found is None and "pandas" in sys.modules:
            found = self._slice(value)
        return NotImplemented if found is None else found

    def _slice(self, value):
        return slices.reduction(value)

    def _cell(self, value):
        try:
            content = value.cell_contents
        except ValueError:
            return rebuild.cell, ()
        return rebuild.cell, (), (content,), None, None, rebuild.fill_cell

    def _function(self, value):
        core = cloudpickle_core()
        if core._should_pickle_by_reference(value):
            return NotImplemented
        self.files.add(value.__code__.co_filename)
        space = value.__globals__
        state = _function_state(value)
        builder, where = rebuild.function, space
        if space is not self.namespace:
            name = _module_of(space)
            if name is not None:
                builder, where = rebuild.function_of_module, name
            else:
                where = self._own_globals.setdefault(id(space), ({}, space))[0]
                state["globals"] = _globals_read(value)
        how = (value.__code__, where, value.__name__, value.__closure__)
        return builder, how, state, None, None, rebuild.fill_function

    def _class(self, value):
        found = Base.reducer_override(self, value)
        slots = value.__dict__.get("__slots__")
        if slots is None or not isinstance(found, tuple) or found[0] is not cloudpickle_core()._make_skeleton_class:
            return found
        # cloudpickle sets `__slots__` after the class is made, when it has no effect any more.
        names = (slots,) if isinstance(slots, str) else tuple(slots)
        keywords = dict(found[1][3], __slots__=names)
        state = dict(found[2][0])
        for name in ("__slots__",) + names + tuple(kinds.own_slots(value)):
            state.pop(name, None)
        return found[:1] + (found[1][:3] + (keywords,) + found[1][4:], (state, found[2][1])) + found[3:]

    def _module(self, value):
        if sys.modules.get(value.__name__) is value:
            return rebuild.module, (value.__name__,)
        return NotImplemented

    def _view(self, value):
        mappings = [found for found in gc.get_referents(value) if isinstance(found, dict)]
        return rebuild.view_of, (mappings[0], rebuild.VIEW_TYPES[type(value)])

    def _array(self, value):
        if not value.dtype.hasobject:
            return rebuild.array, (self.arrays, self.arrays.number(value))
        if value.dtype != object:
            return NotImplemented
        root = arrays.owner(value)
        if root is not value and root.dtype == object and arrays.is_contiguous(root):
            if root.size <= max(16 * value.size, 100000):
                start = (arrays.start_of(value) - arrays.start_of(root)) // value.itemsize
                return rebuild.object_view, (root, start, value.shape, value.strides)
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        elements = value.reshape(-1).tolist() if value.ndim else [value.item()]
        return rebuild.object_array, (value.shape, order), elements, None, None, rebuild.fill_object_array

    def _cached(self, value):
        if _importable(value):
            return NotImplemented
        info = value.cache_info()
        typed = value.cache_parameters()["typed"] if hasattr(value, "cache_parameters") else False
        how = (info.maxsize, typed, value.__wrapped__)
        return rebuild.cached, how, dict(value.__dict__), None, None, rebuild.fill_attributes

    def _fresh(self, value):
        return reduction(self, value.value)

    def _content(self, value):
        number = self.arrays.content(value.value)
        return rebuild.array, (self.arrays, number)


def reduction(pickler, value):
    """What `value` is rebuilt from, as the pickler would pack it were it new to the other side."""
    found = pickler.reducer_override(value)
    if found is NotImplemented:
        reducer = pickler.dispatch_table.get(type(value))
        found = reducer(value) if reducer is not None else value.__reduce_ex__(5)
    if not isinstance(found, tuple):
        raise Refused(value, "it is known by name only and cannot be packed whole", "")
    if found[0] is copyreg.__newobj__:
        found = (rebuild.new,) + tuple(found[1:])
    elif found[0] is copyreg.__newobj_ex__:
        found = (rebuild.new_ex,) + tuple(found[1:])
    return found


def _function_state(function):
    core = cloudpickle_core()
    space = function.__globals__
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:
            pass
    names = core._extract_code_globals(function.__code__)
    used = [space[name] for name in names if name in space]
    found = core._find_imported_submodules(function.__code__, used + cells)
    state = {
        "defaults": function.__defaults__,
        "kwdefaults": function.__kwdefaults__,
        "qualname": function.__qualname__,
        "module": function.__module__,
        "doc": function.__doc__,
        "attributes": function.__dict__ or None,
        "modules": [module.__name__ for module in found],
        "type_params": getattr(function, "__type_params__", None),
    }
    # Annotations are evaluated late from 3.14 on, and evaluating them here could fail or cost much.
    if sys.version_info >= (3, 14):
        state["annotate"] = function.__annotate__
    else:
        state["annotations"] = function.__annotations__ or None
    return state


def _module_of(space):
    """The name of the imported module whose namespace `space` is, or None."""
    name = space.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) and name != "__main__" else None
    return name if getattr(module, "__dict__", None) is space else None


def _globals_read(function):
    names = cloudpickle_core()._extract_code_globals(function.__code__)
    space = function.__globals__
    found = {name: space[name] for name in names if name in space}
    found.update({name: space[name] for name in ("__name__", "__package__", "__file__") if name in space})
    return found


def _importable(value):
    module = sys.modules.get(getattr(value, "__module__", None))
    if module is None or module.__name__ == "__main__":
        return False
    for part in value.__qualname__.split("."):
        module = getattr(module, part, None)
    return module is value
