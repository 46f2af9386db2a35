"""Shallow fingerprints: what an object looked like, to be able to say later whether it was changed.

Containers and instances are compared by the identity of their elements, arrays and other blocks of memory by a digest, everything else by
a digest of what it is packed as, in which the objects that have a fingerprint of their own count as a number.
"""

import hashlib
import operator
import sys

from . import arrays, artists, kinds, pack, rebuild, sums

# Entries of a class's dictionary that Python makes by itself, or that say nothing about what the class does.
_NOISE = {
    "__dict__", "__weakref__", "_abc_impl", "__abstractmethods__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__firstlineno__", "__static_attributes__", "__type_params__",
}


def digest(data):
    """A digest of a block of memory: sha256, or the sums of `sums` for large blocks."""
    view = memoryview(data)
    if view.nbytes < sums.LARGE or not arrays.loaded():
        return hashlib.sha256(view).hexdigest()
    found = sums.Sums()
    found.add(view)
    return found.text()


def array_digest(array, order=None, known=None):
    """The digest of an array's elements in C or Fortran order, with its shape and type; returns `(digest, order)`.

    `known` is the digest of its memory where that has been taken already.
    """
    if order is None:
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    if known is not None:
        return "%s %r %s" % (known, array.shape, array.dtype.str), order
    line = array if order == "C" else array.T
    if not line.flags.c_contiguous:
        line = line.copy(order="C")
    data = digest(arrays.flat_bytes(line)) if array.size else ""
    return "%s %r %s" % (data, array.shape, array.dtype.str), order


def attributes(value):
    """The attributes of an instance as its own dictionary, or None when it has none."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return found if isinstance(found, dict) else None


def slot_values(value):
    """The filled slots of an instance, by name."""
    found = {}
    for name in kinds.slots(type(value)):
        try:
            found[name] = object.__getattribute__(value, name)
        except AttributeError:
            pass
    return found


def class_entries(cls):
    """What a class statement and later assignments put into a class."""
    return {name: value for name, value in cls.__dict__.items() if name not in _NOISE}


# Containers that have neither attributes nor slots.
_BARE = {list, dict, set}


class State:
    """What an object looked like: the objects it referred to (which are kept alive), and the rest by value."""

    __slots__ = ("references", "rest")

    def __init__(self, references, rest):
        self.references = references
        self.rest = rest

    def same(self, other):
        """Whether two states are of an object that was not changed in between."""
        return (
            self.rest == other.rest
            and len(self.references) == len(other.references)
            and all(map(operator.is_, self.references, other.references))
        )


class Looker:
    """Takes states; objects in `numbers` (`{id: number}`) count as their number wherever a digest meets them.

    `arrived` are digests of the memory of arrays that have just come, by `id`, taken while they came.
    """

    def __init__(self, seeds, numbers, arrived=None):
        self._digester = _Digester(seeds, numbers)
        self._arrived = arrived or {}

    def state(self, value):
        """The state of `value`, or None when it cannot be told."""
        kind = kinds.kind(value)
        try:
            return _LOOK[kind](self, value)
        except Exception:
            return None

    def _sequence(self, value):
        references = list(list.__iter__(value)) if isinstance(value, list) else list(value)
        return self._with_attributes(value, references, getattr(value, "maxlen", None))

    def _dict(self, value):
        keys, values = kinds.entries(value)
        references = keys + values
        references.append(getattr(value, "default_factory", None))
        return self._with_attributes(value, references, None)

    def _with_attributes(self, value, references, rest):
        if type(value) in _BARE:
            return State(references, rest)
        own = attributes(value)
        count, names = len(references), None
        if own is not None:
            names = tuple(own)
            references.extend(own.values())
        filled = slot_values(value) if type(value).__module__ != "builtins" else {}
        references.extend(filled.values())
        references.append(type(value))
        return State(references, (rest, count, names, tuple(filled)))

    def _instance(self, value):
        return self._with_attributes(value, [], None)

    def _bytes(self, value):
        return State([], (len(value), digest(value)))

    def _array(self, value):
        if not value.dtype.hasobject:
            return State([], array_digest(value, known=self._arrived.get(id(value))))
        if value.dtype != object:
            return self._opaque(value)
        return State(value.reshape(-1).tolist() if value.ndim else [value.item()], value.shape)

    def _array_of_class(self, value):
        import numpy

        own = vars(value)
        plain = value.view(numpy.ndarray)
        rest = self._opaque(plain).rest if plain.dtype.hasobject else array_digest(plain)
        return State(list(own.values()) + [type(value)], (rest, tuple(own)))

    def _function(self, value):
        references = [value.__code__, type(value)]
        for part in (value.__defaults__, value.__closure__):
            references.extend(part or ())
        names = []
        for part in (value.__kwdefaults__, value.__dict__):
            names.append(tuple(part or ()))
            references.extend((part or {}).values())
        return State(references, (names, value.__qualname__, value.__module__, value.__doc__))

    def _class(self, value):
        entries = class_entries(value)
        return State(list(entries.values()) + list(value.__bases__), tuple(entries))

    def _cell(self, value):
        try:
            return State([value.cell_contents], True)
        except ValueError:
            return State([], False)

    def _opaque(self, value):
        return State([], self._digester.of(value))


_LOOK = {
    kinds.LIST: Looker._sequence,
    kinds.SET: Looker._sequence,
    kinds.DEQUE: Looker._sequence,
    kinds.DICT: Looker._dict,
    kinds.BYTES: Looker._bytes,
    kinds.ARRAY: Looker._array,
    kinds.ARRAY_OF_CLASS: Looker._array_of_class,
    kinds.FUNCTION: Looker._function,
    kinds.CLASS: Looker._class,
    kinds.CELL: Looker._cell,
    kinds.INSTANCE: Looker._instance,
    kinds.OPAQUE: Looker._opaque,
}

# Kinds that can be changed, so that it matters whether they were.
CHANGEABLE = frozenset(_LOOK)


class _Hash:
    """A file that remembers only a digest."""

    def __init__(self):
        self.reset()

    def reset(self):
        self._sum = hashlib.sha256()

    def write(self, data):
        self._sum.update(data)
        return len(data)

    def buffer(self, data):
        self._sum.update(digest(data.raw()).encode())

    def result(self):
        return self._sum.hexdigest()


class _Digester(pack.Pickler):
    """Packs a value into a digest."""

    def __init__(self, seeds, numbers):
        self._hash = _Hash()
        pack.Pickler.__init__(self, self._hash, seeds, self._hash.buffer)
        self._numbers = dict(numbers)
        self._numbers.update((id(seed), -1 - index) for index, seed in enumerate(seeds))
        self._current = None

    def of(self, value):
        self._current = value
        self._hash.reset()
        self.clear_memo()
        try:
            self.dump(value)
        finally:
            self._current = None
        return self._hash.result()

    def persistent_id(self, value):
        number = self._numbers.get(id(value))
        return number if number is not None and value is not self._current else None

    def _other(self, value):
        found = pack.Pickler._other(self, value)
        return artists.without_company(value, found) if "matplotlib" in sys.modules else found

    def _slice(self, value):
        # That the frame it was cut from is gone does not change a frame.
        return None

    def _array(self, value):
        if value.dtype.hasobject:
            return pack.Pickler._array(self, value)
        return rebuild.array, array_digest(value)
