"""Constructors that bundles refer to. They are named in pickles, so a change of meaning needs a new name."""

import collections
import functools
import importlib
import sys
import types


def _make_cell_type():
    value = None
    return type((lambda: value).__closure__[0])


CellType = _make_cell_type()


def cell():
    """An empty closure cell."""
    if False:  # The compiler needs an assignment to make `value` a local variable of this function.
        value = None
    return (lambda: value).__closure__[0]


def fill_cell(target, state):
    """Give a cell its content; `state` is a tuple of one."""
    target.cell_contents = state[0]


def function(code, namespace, name, cells):
    """A function on `namespace` without its defaults and attributes."""
    found = namespace.setdefault("__builtins__", sys.modules["builtins"])
    choose = getattr(found, "of_function", None)
    if choose is None:
        return types.FunctionType(code, namespace, name, None, cells)
    try:
        namespace["__builtins__"] = choose(code)
        return types.FunctionType(code, namespace, name, None, cells)
    finally:
        namespace["__builtins__"] = found


def array_of_class(cls, array):
    """An array seen as one of a class derived from it."""
    return array.view(cls)


def fill_function(target, state):
    """Give a function everything but its code, namespace and cells."""
    if "globals" in state:
        target.__globals__.update(state["globals"])
    target.__defaults__ = state["defaults"]
    target.__kwdefaults__ = state["kwdefaults"]
    target.__qualname__ = state["qualname"]
    target.__module__ = state["module"]
    target.__doc__ = state["doc"]
    if state.get("annotate") is not None:
        target.__annotate__ = state["annotate"]
    elif state.get("annotations"):
        target.__annotations__ = state["annotations"]
    if state.get("type_params"):
        target.__type_params__ = state["type_params"]
    if state["attributes"]:
        target.__dict__.update(state["attributes"])
    for name in state.get("modules", ()):
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # The function reports it when it gets there, as it would at home.


def function_of_module(code, module_name, name, cells):
    """A function on the namespace of an imported module, such as the wrapper that a library's decorator made."""
    return types.FunctionType(code, importlib.import_module(module_name).__dict__, name, None, cells)


def module(name):
    """A module by its full name."""
    importlib.import_module(name)
    return sys.modules[name]


def cached(maxsize, typed, wrapped):
    """`functools.lru_cache` around `wrapped`, with an empty cache."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(wrapped)


def fill_attributes(target, state):
    """Add attributes to an object's own dictionary."""
    target.__dict__.update(state)


VIEW_TYPES = {type(getattr(cls(), part)()): part for cls in (dict, collections.OrderedDict) for part in ("keys", "values", "items")}


def view_of(mapping, part):
    """The view of a dictionary's keys, values or items: it shows what the dictionary holds later on, too."""
    return getattr(mapping, part)()


def standard_stream(name):
    """This process's own standard stream."""
    return getattr(sys, name)


def array(table, number):
    """Array `number` of an `arrays.Incoming` table."""
    return table.array(number)


def object_array(shape, order):
    """An array of objects, all None."""
    import numpy

    return numpy.empty(shape, dtype=object, order=order)


def fill_object_array(target, elements):
    """Set the elements of an array of objects, in C order."""
    flat = target.reshape(-1) if target.flags.c_contiguous else target.T.reshape(-1)
    if flat.size and not target.flags.c_contiguous:
        import numpy

        order = numpy.arange(target.size).reshape(target.shape).T.reshape(-1)
        for position, index in enumerate(order):
            flat[position] = elements[index]
        return
    for position, element in enumerate(elements):
        flat[position] = element


def object_view(root, start, shape, strides):
    """A view of an array of objects that begins `start` elements into the memory of `root`."""
    import numpy

    flat = root.reshape(-1) if root.flags.c_contiguous else root.T.reshape(-1)
    return numpy.lib.stride_tricks.as_strided(flat[start:], shape, strides)


def new(cls, *arguments):
    """`copyreg.__newobj__` under a name that the pickler does not treat specially."""
    return cls.__new__(cls, *arguments)


def new_ex(cls, arguments, keywords):
    """`copyreg.__newobj_ex__` under a name that the pickler does not treat specially."""
    return cls.__new__(cls, *arguments, **keywords)
