"""What kind of thing a value is, for the purposes of carrying it: a constant, a transparent container, or opaque."""

import collections
import copyreg
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import re
import sys
import types
import uuid

from . import artists
from .rebuild import CellType

# Values of these types never change, so an equal copy is as good as the value itself.
_CONSTANT_BASES = (
    str, bytes, int, float, complex, type(None), type(Ellipsis), type(NotImplemented), range, slice,
    types.CodeType, types.ModuleType, types.BuiltinFunctionType, types.WrapperDescriptorType,
    types.MethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType, types.MappingProxyType,
    property, classmethod, staticmethod,
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, fractions.Fraction,
    uuid.UUID, pathlib.PurePath, enum.Enum, re.Pattern,
)

# Constants of packages, by module and name, so that no package has to be imported to know them.
_CONSTANT_NAMES = {
    ("numpy", "dtype"), ("numpy", "generic"), ("numpy", "ufunc"), ("pandas._libs.tslibs.timestamps", "Timestamp"),
    ("pandas._libs.tslibs.timedeltas", "Timedelta"), ("pandas._libs.tslibs.period", "_Period"),
    ("pandas._libs.tslibs.offsets", "BaseOffset"), ("pandas._libs.interval", "Interval"),
    ("pandas._libs.tslibs.nattype", "_NaT"), ("pandas._libs.missing", "NAType"),
    ("pandas.core.dtypes.base", "ExtensionDtype"),
}

# Parts of a frame that nobody holds on their own: they travel as part of it, their arrays keep their identity.
_INTERNAL_MODULES = ("pandas.core.internals", "pandas._libs.internals")

_CONTAINERS = (list, dict, set, collections.deque, collections.OrderedDict, collections.defaultdict)

CONSTANT, TUPLE, LIST, DICT, SET, DEQUE, BYTES, ARRAY, FUNCTION, CLASS, CELL, INSTANCE, OPAQUE, INTERNAL, ARRAY_OF_CLASS = range(15)

_known = {}
_slots = {}


def kind(value):
    """The kind of `value`, one of the constants of this module."""
    cls = type(value)
    found = _known.get(cls)
    if found is None:
        found = _known[cls] = _kind_of_class(cls)
    if found is CLASS:
        return CLASS if by_value(value) else CONSTANT
    if found is FUNCTION:
        return FUNCTION if by_value(value) else CONSTANT
    return found


def forget():
    """Forget what was found out about classes: those of the notebook can be changed, and must not be kept alive."""
    _known.clear()
    _slots.clear()
    artists.forget()


def by_value(value):
    """Whether a function or class is carried whole, instead of being imported by name there."""
    from .pack import cloudpickle_core

    core = cloudpickle_core()
    if value in getattr(core, "_BUILTIN_TYPE_NAMES", {}) if isinstance(value, type) else False:
        return False
    try:
        return not core._should_pickle_by_reference(value)
    except Exception:
        return True


def is_array(value):
    """Whether `value` is exactly a numpy array."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is getattr(numpy, "ndarray", None)


def is_array_with_attributes(cls):
    """Whether a class adds attributes to arrays that the pickling it inherits would leave behind, or whose memory it would copy."""
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    if array is None or not issubclass(cls, array):
        return False
    if cls.__module__.partition(".")[0] == "numpy":
        # Its mask is an array among its attributes, so both keep who shares them.
        return cls is getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    return cls.__reduce__ is array.__reduce__ and cls.__reduce_ex__ is array.__reduce_ex__ and cls.__setstate__ is array.__setstate__


def entries(value):
    """The keys and the values of a dictionary, in its own order, without calling anything that a subclass overrides."""
    # An OrderedDict keeps an order of its own, which the methods of dict do not follow.
    base = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
    return list(base.keys(value)), list(base.values(value))


def slots(cls):
    """The names of the slots that instances of `cls` have, as attributes are really called."""
    found = _slots.get(cls)
    if found is None:
        found = _slots[cls] = [name for base in cls.__mro__ for name in own_slots(base)]
    return found


def own_slots(cls):
    """The names of the slots that the class statement of `cls` itself made."""
    own = cls.__dict__.get("__slots__", ())
    names = []
    for name in (own,) if isinstance(own, str) else own:
        if name.startswith("__") and not name.endswith("__"):
            name = "_" + cls.__name__.lstrip("_") + name
        if name not in ("__dict__", "__weakref__"):
            names.append(name)
    return names


def _kind_of_class(cls):
    if issubclass(cls, type):
        return CLASS
    if cls is types.FunctionType:
        return FUNCTION
    if cls is CellType:
        return CELL
    if cls is bytearray:
        return BYTES
    if any((base.__module__, base.__qualname__) in _CONSTANT_NAMES for base in cls.__mro__):
        return CONSTANT
    if issubclass(cls, (tuple, frozenset, types.MethodType)):
        return TUPLE
    if issubclass(cls, _CONSTANT_BASES):
        return CONSTANT
    if str(getattr(cls, "__module__", "")).startswith(_INTERNAL_MODULES):
        return INTERNAL
    numpy = sys.modules.get("numpy")
    if numpy is not None and cls is getattr(numpy, "ndarray", None):
        return ARRAY
    if is_array_with_attributes(cls):
        return ARRAY_OF_CLASS
    if cls is functools._lru_cache_wrapper:
        return CONSTANT
    return _kind_of_instance(cls)


def _kind_of_instance(cls):
    for base, found in ((list, LIST), (collections.deque, DEQUE), (set, SET), (dict, DICT)):
        if cls in _CONTAINERS and issubclass(cls, base):
            return found
    if not _plain(cls):
        return OPAQUE
    for base, found in ((list, LIST), (set, SET), (dict, DICT)):
        if issubclass(cls, base):
            return found
    return INSTANCE if layout(cls) is object else OPAQUE


def layout(cls):
    """The class of C code that decides how instances of `cls` lie in memory; `object` for plain Python classes."""
    while cls is not object and cls.__flags__ & (1 << 9):  # Py_TPFLAGS_HEAPTYPE
        if "__reduce_cython__" in cls.__dict__ or not _from_python(cls):
            return cls
        cls = cls.__base__
    return cls


def _from_python(cls):
    """Whether a class statement made `cls`, and not the C API."""
    # The C API cannot make a class with neither __dict__ nor __slots__ in its dictionary look like a class statement:
    # class statements always leave `__module__` as a plain string and one of these.
    names = cls.__dict__
    if "__dict__" in names or "__slots__" in names:
        return True
    base = cls.__base__
    return base is not None and cls.__basicsize__ == base.__basicsize__ and "__module__" in names


def _plain(cls):
    """Whether instances are exactly their items, attributes and slots, with no say of their own in pickling."""
    if cls in copyreg.dispatch_table:
        return False
    default = getattr(object, "__getstate__", None)
    return (
        cls.__reduce_ex__ is object.__reduce_ex__
        and _inherits_reduce(cls)
        and getattr(cls, "__getstate__", None) is default
        and not hasattr(cls, "__setstate__")
        and not hasattr(cls, "__getnewargs__")
        and not hasattr(cls, "__getnewargs_ex__")
    )


def _inherits_reduce(cls):
    for base in cls.__mro__:
        if "__reduce__" in base.__dict__:
            return base is object or base in (set, collections.OrderedDict, collections.defaultdict)
    return True
