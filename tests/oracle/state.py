"""What a session looks like, as digests that two processes can compare: values by content, aliases by who met an object first.

Every object that can be changed gets a label on first sight, the root it was reached from and a running number there. Meeting it again gives
the label instead of the content, so that a copy where an alias should be looks different from the alias.
"""

import ast
import collections
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import pathlib
import re
import struct
import sys
import types
import uuid
import weakref

from . import figures
from .memory import Memory

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_NODES = 400_000

_PLAIN = (
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, fractions.Fraction, pathlib.PurePath,
    re.Pattern, uuid.UUID, range, slice, type(Ellipsis), type(NotImplemented), ast.AST,
)
_CLASS_NOISE = {
    "__dict__", "__weakref__", "__module__", "__doc__", "_abc_impl", "__abstractmethods__", "__firstlineno__", "__static_attributes__",
    "__slotnames__",  # copyreg leaves it in a class whose instances were packed.
}


def scrub(text):
    """A text without memory addresses."""
    return ADDRESS.sub("0x", text) if "0x" in text else text


def digest(*parts):
    """A short digest of texts."""
    found = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        found.update(struct.pack(">Q", len(data)))
        found.update(data)
    return found.hexdigest()


class TooLarge(Exception):
    """A value has more parts than are looked at."""


class Walker:
    """Looks at one session. Values that are met stay alive as long as the walker, so that labels are not given twice."""

    def __init__(self, namespace, opaque=()):
        self._namespace = namespace
        self._labels = {id(namespace): "namespace"}
        self._kept = []
        self._root, self._count, self._nodes = "", 0, 0
        self._opaque = {id(value): "session object %d" % number for number, value in enumerate(opaque)}
        self._indexes = {}
        self.memory = Memory()

    def root(self, name, value):
        """The digest of a value and those of its parts, `{path: digest}`, for telling where two values differ."""
        self._root, self._count, self._nodes = name, 0, 0
        self.parts, self._depth, self._path = {}, 0, ""
        try:
            return self.of(value), self.parts
        except TooLarge:
            return "more than %d parts" % _NODES, {}

    def of(self, value):
        """The digest of a value."""
        kind = type(value)
        simple = _SIMPLE.get(kind)
        if simple is not None:
            return simple(value)
        self._nodes += 1
        if self._nodes > _NODES:
            raise TooLarge
        if id(value) in self._opaque:
            return self._opaque[id(value)]
        if kind in (tuple, frozenset):
            return self._tuple(value) if kind is tuple else self._set(value)
        if isinstance(value, _PLAIN):
            return digest("plain", kind.__qualname__, scrub(ast.dump(value) if isinstance(value, ast.AST) else repr(value)))
        label = self._labels.get(id(value))
        if label is not None:
            return "same as " + label
        named = _importable(value)
        if named is not None:
            return named
        self._label(value)
        return self._content(value, kind)

    def _label(self, value):
        self._labels[id(value)] = "%s#%d" % (self._root, self._count)
        self._count += 1
        self._kept.append(value)

    def _content(self, value, kind):
        for test, method in _METHODS:
            if isinstance(value, test):
                return method(self, value)
        for method in (self._science, self._frame, self._drawing, self._instance, self._reduced):
            found = method(value)
            if found is not None:
                return found
        return digest("opaque", _name_of(kind), scrub(_repr(value)))

    def _child(self, step, value):
        """The digest of a part; noted for the first two levels."""
        if self._depth >= 2 or len(self.parts) > 300:
            return self.of(value)
        before, self._path, self._depth = self._path, self._path + step, self._depth + 1
        try:
            found = self.of(value)
            self.parts[self._path] = found
            return found
        finally:
            self._path, self._depth = before, self._depth - 1

    # Containers.

    def _tuple(self, value):
        return digest("tuple", *[self._child("[%d]" % index, item) for index, item in enumerate(value)])

    def _sequence(self, value):
        if len(value) > 64 and type(value) is list and all(type(item) in (int, float, str) for item in value):
            return digest("list", scrub(repr(value)))
        items = list.__iter__(value) if isinstance(value, list) else iter(value)
        parts = [self._child("[%d]" % index, item) for index, item in enumerate(items)]
        return digest(_name_of(type(value)), str(getattr(value, "maxlen", "")), *parts, self._attributes(value))

    def _dict(self, value):
        base = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
        parts = [self.of(getattr(value, "default_factory", None))]
        for key, item in zip(base.keys(value), base.values(value)):
            parts.append(self.of(key))
            parts.append(self._child("[%s]" % _repr(key)[:40], item))
        return digest(_name_of(type(value)), *parts, self._attributes(value))

    def _set(self, value):
        """Elements count without order; labels are given in the order of the elements' own digests."""
        plain = sorted(_SIMPLE[type(item)](item) for item in value if type(item) in _SIMPLE)
        rest = [item for item in value if type(item) not in _SIMPLE]
        if len(rest) > 1:
            rest.sort(key=lambda item: scrub(_repr(item)))
        return digest(_name_of(type(value)), *plain, *[self.of(item) for item in rest], self._attributes(value))

    def _attributes(self, value):
        own = getattr(value, "__dict__", None)
        if type(value).__module__ == "builtins" or not isinstance(own, dict):
            return ""
        return digest(*[part for name in own for part in (name, self._child("." + name, own[name]))])

    # Code.

    def _function(self, value):
        space = value.__globals__
        where = "namespace" if space is self._namespace else "globals of %s" % space.get("__name__")
        parts = [_code(value.__code__), where, value.__qualname__, value.__doc__ or ""]
        parts.append(self._child(" defaults", value.__defaults__))
        parts.append(self.of(value.__kwdefaults__))
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or ()):
            parts.append(self._child(" closure " + name, cell))
        parts += [part for name in value.__dict__ for part in (name, self._child("." + name, value.__dict__[name]))]
        return digest("function", *parts)

    def _cell(self, value):
        try:
            return digest("cell", self.of(value.cell_contents))
        except ValueError:
            return "empty cell"

    def _class(self, value):
        parts = [self.of(base) for base in value.__bases__]
        for name, item in value.__dict__.items():
            if name not in _CLASS_NOISE and not isinstance(item, (types.GetSetDescriptorType, types.MemberDescriptorType)):
                parts += [name, self._child("." + name, item)]
        return digest("class", value.__qualname__, *parts)

    def _method(self, value):
        return digest("method", self.of(value.__func__), self._child(".__self__", value.__self__))

    def _builtin(self, value):
        owner = value.__self__
        return digest("builtin", value.__qualname__, "" if isinstance(owner, types.ModuleType) else self.of(owner))

    def _property(self, value):
        return digest("property", *[self.of(part) for part in (value.fget, value.fset, value.fdel)])

    def _wrapped(self, value):
        return digest(type(value).__name__, self.of(value.__func__))

    def _partial(self, value):
        return digest("partial", self.of(value.func), self.of(value.args), self.of(value.keywords), self._attributes(value))

    def _cached(self, value):
        return digest("lru_cache", self.of(value.__wrapped__))

    def _generator(self, value):
        frame = value.gi_frame
        if frame is None:
            return digest("finished generator", value.__qualname__)
        inside = [part for name, item in frame.f_locals.items() for part in (name, self.of(item))]
        return digest("generator", value.__qualname__, str(frame.f_lasti), *inside)

    def _file(self, value):
        state = [str(getattr(value, name, "")) for name in ("name", "mode", "closed")]
        return digest("file", _name_of(type(value)), *state)

    def _enum(self, value):
        return digest("enum", self.of(type(value)), value.name or str(value.value))

    # Arrays, frames, drawings.

    def _science(self, value):
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return None
        if isinstance(value, numpy.ndarray):
            return self._array(value, numpy)
        if isinstance(value, numpy.generic):
            return digest("scalar", value.dtype.str, value.tobytes() if not value.dtype.hasobject else scrub(repr(value)))
        if isinstance(value, numpy.dtype):
            return digest("dtype", repr(value))
        random = sys.modules.get("numpy.random")
        if random is None:
            return None
        if isinstance(value, random.RandomState):
            if value is random.mtrand._rand:
                return "numpy's global random state"
            return digest("RandomState", self.of(_lists(value.get_state(legacy=False))))
        if isinstance(value, random.Generator):
            return digest("Generator", self.of(value.bit_generator))
        if isinstance(value, random.BitGenerator):
            return digest("BitGenerator", self.of(_lists(value.state)))
        return None

    def _array(self, value, numpy):
        parts = ["array", _name_of(type(value)), str(value.shape), str(value.flags.writeable)]
        if value.dtype.hasobject:
            parts += [value.dtype.str] + [self._child("[%d]" % index, item) for index, item in enumerate(value.reshape(-1).tolist())]
        else:
            parts += [repr(value.dtype), numpy.ascontiguousarray(value).tobytes()]
            self.memory.add(self._labels[id(value)], [value], exact=True)
        if type(value) is not numpy.ndarray:
            parts.append(self._attributes(value))
        return digest(*parts)

    def _frame(self, value):
        pandas = sys.modules.get("pandas")
        if pandas is None:
            return None
        if isinstance(value, pandas.DataFrame):
            columns = [value._get_column_array(index) for index in range(value.shape[1])]
            self.memory.add(self._labels[id(value)], columns)
            parts = [self._child("[%s]" % _repr(name)[:40], _Column(column)) for name, column in zip(value.columns, columns)]
            return digest("frame", _name_of(type(value)), self._index(value.columns), self._child(".index", value.index), *parts, *self._extra(value))
        if isinstance(value, pandas.Series):
            self.memory.add(self._labels[id(value)], [value._values])
            return digest("series", self._index(value.index), self._column(value._values), self.of(value.name), *self._extra(value))
        if isinstance(value, pandas.Index):
            return self._index(value)
        if isinstance(value, pandas.api.extensions.ExtensionArray):
            return self._column(value)
        return None

    def _extra(self, value):
        return [self.of(value.attrs), str(value._is_copy is not None), str(value.flags.allows_duplicate_labels)]

    def _index(self, value):
        if id(value) not in self._indexes:
            pandas = sys.modules["pandas"]
            parts = [type(value).__name__, self.of(list(value.names)), str(getattr(value, "freq", None))]
            if isinstance(value, pandas.MultiIndex):
                parts += [self._index(level) for level in value.levels] + [code.tobytes() for code in value.codes]
            elif isinstance(value, pandas.RangeIndex):
                parts.append(repr(value))
            else:
                parts.append(self._column(value._values))
            self._kept.append(value)
            self._indexes[id(value)] = digest(*parts)
        return self._indexes[id(value)]

    def _column(self, values):
        numpy = sys.modules["numpy"]
        if isinstance(values, numpy.ndarray):
            if values.dtype.hasobject:
                return digest("column", *[self.of(item) for item in values.tolist()])
            return digest("column", repr(values.dtype), numpy.ascontiguousarray(values).tobytes())
        if hasattr(values, "codes") and hasattr(values, "categories"):
            return digest("column", repr(values.dtype), values.codes.tobytes(), self._index(values.categories))
        if hasattr(values, "asi8"):
            return digest("column", repr(values.dtype), values.asi8.tobytes(), str(getattr(values, "freq", None)))
        return digest("column", repr(values.dtype), *[self.of(item) for item in values.astype(object).tolist()])

    def _drawing(self, value):
        matplotlib = sys.modules.get("matplotlib.figure")
        if matplotlib is None:
            return None
        return figures.describe(value, self)

    # Everything else.

    def _instance(self, value):
        kind = type(value)
        custom = kind.__dict__.get("__getstate__") or _inherited(kind, "__getstate__")
        if custom is not None:
            try:
                state = value.__getstate__()
            except Exception:
                return None
            self._kept.append(state)
            return digest("instance", self._kind(kind), self._state(state))
        own = getattr(value, "__dict__", None)
        slots = [name for base in kind.__mro__ for name in _slots(base)]
        if not isinstance(own, dict) and not slots:
            return None
        if isinstance(value, BaseException):
            slots = slots + ["args"]
        parts = [self._attributes_of(own or {})]
        for name in slots:
            if hasattr(value, name):
                parts += [name, self._child("." + name, getattr(value, name))]
        return digest("instance", self._kind(kind), *parts)

    def _state(self, state):
        return self._attributes_of(state) if type(state) is dict and all(type(key) is str for key in state) else self.of(state)

    def _attributes_of(self, own):
        return digest(*[part for name in own for part in (name, self._child("." + name, own[name]))])

    def _kind(self, kind):
        return self.of(kind) if isinstance(kind, type) else _name_of(kind)

    def _reduced(self, value):
        try:
            found = value.__reduce_ex__(4)
        except Exception:
            return None
        if isinstance(found, str):
            return digest("global", found)
        self._kept.append(found)
        parts = [self.of(part) for part in found[:3]]
        parts += [self.of(list(part)) for part in found[3:5] if part is not None]
        return digest("reduced", _name_of(type(value)), *parts)


class _Column:
    """A column of a frame on its way through `Walker.of`."""

    def __init__(self, values):
        self.values = values


def _simple_float(value):
    return "f" + struct.pack(">d", value).hex()


def _simple_text(value):
    return "s" + (value if len(value) < 60 and "0x" not in value else digest(scrub(value)))


_SIMPLE = {
    int: lambda value: "i%d" % value if -(1 << 4000) < value < 1 << 4000 else "i" + digest(hex(value)),
    float: _simple_float,
    str: _simple_text,
    bool: str,
    type(None): str,
    bytes: lambda value: "b" + digest(value),
    complex: lambda value: "c" + struct.pack(">dd", value.real, value.imag).hex(),
    _Column: None,
    types.ModuleType: lambda value: "module " + value.__name__,
}
del _SIMPLE[_Column]

_METHODS = [
    (_Column, lambda walker, value: walker._column(value.values)),
    (enum.Enum, Walker._enum),
    ((list, collections.deque), Walker._sequence),
    (dict, Walker._dict),
    ((set, frozenset), Walker._set),
    (bytearray, lambda walker, value: digest("bytearray", bytes(value))),
    (types.FunctionType, Walker._function),
    (types.CellType, Walker._cell),
    (type, Walker._class),
    (types.MethodType, Walker._method),
    (types.BuiltinMethodType, Walker._builtin),
    (property, Walker._property),
    ((staticmethod, classmethod), Walker._wrapped),
    (functools.partial, Walker._partial),
    (functools._lru_cache_wrapper, Walker._cached),
    (types.GeneratorType, Walker._generator),
    (weakref.ReferenceType, lambda walker, value: "weak reference"),
    (types.CodeType, lambda walker, value: _code(value)),
    (types.MappingProxyType, lambda walker, value: walker._dict(dict(value))),
]


def _lists(value):
    """Random states hold arrays; as lists they are compared by content alone."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def _inherited(kind, name):
    found = getattr(kind, name, None)
    return found if found is not None and found is not getattr(object, name, None) else None


def _slots(kind):
    own = kind.__dict__.get("__slots__", ())
    return [name for name in ((own,) if isinstance(own, str) else own) if name not in ("__dict__", "__weakref__")]


def _code(code):
    consts = [_code(item) if isinstance(item, types.CodeType) else repr(item) for item in code.co_consts]
    return digest(code.co_code, scrub(repr(consts)), repr(code.co_names), repr(code.co_varnames), repr(code.co_freevars), str(code.co_flags))


def _importable(value):
    """The name under which both processes find this very object, or None."""
    if not isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return None
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    found = sys.modules.get(module) if isinstance(module, str) and module != "__main__" else None
    for part in name.split("."):
        found = getattr(found, part, None)
    return "global %s.%s" % (module, name) if found is value else None


def _name_of(kind):
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def _repr(value):
    try:
        return repr(value)
    except Exception as error:
        return "no repr: %s" % type(error).__name__
