"""What values weigh, roughly and at once: nothing is packed, no code of the user's runs, and a deadline ends it.

Long containers are estimated from some of their items, so that nothing here takes longer for more data.
"""

import itertools
import sys
import time

from . import session

_SAMPLE = 50
_DEPTH = 6
_SMALL = 32  # Bytes of a number or of an object that holds nothing.


class Late(Exception):
    """The deadline has passed."""


def measure(space, names, seconds):
    """`{name: bytes}` of those values that could be weighed within `seconds`."""
    until = time.monotonic() + seconds
    found = {}
    for name in names:
        if name not in space:
            continue
        try:
            found[name] = int(_Scale(until).weigh(space[name], 0))
        except Late:
            break
        except Exception:
            # A value that does not tell is left out.
            continue
    return found


def survey(space, names, seconds):
    """`({name: bytes} of `names`, bytes of everything the user bound or None)`, as far as `seconds` of the processor allow.

    What several names share counts once in the whole.
    """
    found = {}
    until = time.thread_time() + seconds
    for name in names:
        if name in space:
            found[name] = _of(_Scale(until, time.thread_time), space[name])
    scale, total = _Scale(until, time.thread_time), 0
    for value in session.user_names(space).values():
        size = _of(scale, value)
        if size is None:
            total = None
            break
        total += size
    return {name: size for name, size in found.items() if size is not None}, total


def is_block(value):
    """Whether a value is blocks of memory and little else, as arrays are, and frames of numbers: packing takes them as they are."""
    try:
        dtypes = _dtypes(value)
        return bool(dtypes) and all(getattr(dtype, "hasobject", True) is False for dtype in dtypes)
    except Exception:
        return False  # A value that does not tell.


def _dtypes(value):
    weigh = _by_library(type(value))
    if weigh is _Scale._pandas:
        return list(value.dtypes) if getattr(value, "ndim", 1) == 2 else [value.dtype]
    return [value.dtype] if weigh in (_Scale._array, _Scale._sparse) else []


def _of(scale, value):
    try:
        return int(scale.weigh(value, 0))
    except Late:
        return None
    except Exception:
        return 0  # A value that does not tell.


class _Scale:
    def __init__(self, until, clock=time.monotonic):
        self._until = until
        self._clock = clock
        self._seen = set()
        self._arrays = {}
        self._weighers = {}

    def weigh(self, value, depth):
        """Bytes of a value; what was weighed before costs nothing any more."""
        if self._clock() > self._until:
            raise Late
        cls = type(value)
        if cls in (int, float, bool, complex, type(None)):
            return _SMALL
        if cls in (str, bytes, bytearray):
            return _SMALL + len(value)
        if id(value) in self._seen or issubclass(cls, type(sys)):
            return 0
        self._seen.add(id(value))
        if cls not in self._weighers:
            self._weighers[cls] = _by_library(cls)
        known = self._weighers[cls]
        if known is not None:
            return known(self, value, depth)
        if depth >= _DEPTH:
            return _SMALL
        if issubclass(cls, dict):
            return self._dict(value, depth)
        for container in (list, tuple):
            if issubclass(cls, container):
                return self._spread(lambda place: container.__getitem__(value, place), container.__len__(value), depth)
        for container in (set, frozenset):
            if issubclass(cls, container):
                return self._first(container.__iter__(value), container.__len__(value), depth)
        held = getattr(value, "__dict__", None) if cls.__getattribute__ is object.__getattribute__ else None
        return _SMALL + (self._dict(held, depth) if type(held) is dict else 0)

    def _dict(self, value, depth):
        # Not its pairs: they are made as one asks for them, and what has gone leaves its identity to the next.
        count = dict.__len__(value)
        return self._first(dict.keys(value), count, depth) + self._first(dict.values(value), count, depth)

    def _first(self, items, count, depth):
        """From the first items: who has no places cannot be asked for others without passing all of them."""
        return self._all([self.weigh(item, depth + 1) + 8 for item in itertools.islice(items, _sample(depth))], count)

    def _spread(self, item, count, depth):
        """From items at evenly spread places."""
        places = range(0, count, max(1, count // _sample(depth)))
        return self._all([self.weigh(item(place), depth + 1) + 8 for place in places], count)

    @staticmethod
    def _all(weights, count):
        return _SMALL + (sum(weights) * count / len(weights) if weights else 0)

    def _array(self, array, depth):
        root = array
        while type(getattr(root, "base", None)) is type(array):
            root = root.base
        # Views on one memory count once, by the largest.
        before = self._arrays.get(id(root), 0)
        self._arrays[id(root)] = max(before, array.nbytes)
        fresh = max(0, array.nbytes - before)
        if array.dtype.hasobject and depth < _DEPTH:
            flat = array.flat
            return fresh + self._spread(lambda place: flat[place], array.size, depth)
        return fresh

    def _pandas(self, value, depth):
        usage = value.memory_usage(index=True, deep=False) if hasattr(value, "index") else value.memory_usage(deep=False)
        total = int(usage.sum()) if hasattr(usage, "sum") else int(usage)
        if getattr(value, "ndim", 1) == 2:
            # To take a column out of a frame costs more than to weigh it.
            texts = [value.iloc[:, place] for place, dtype in enumerate(value.dtypes.tolist()) if str(dtype) == "object"]
        else:
            texts = [value] if str(getattr(value, "dtype", "")) == "object" else []
        return total + sum(self._texts(column.values, depth) for column in texts)

    def _texts(self, values, depth):
        return self._spread(lambda place: values[place], len(values), depth)

    def _tensor(self, tensor, depth):
        return tensor.element_size() * tensor.nelement()

    def _polars(self, frame, depth):
        return frame.estimated_size()

    def _sparse(self, matrix, depth):
        return sum(getattr(matrix, part).nbytes for part in ("data", "indices", "indptr", "row", "col") if hasattr(matrix, part))


# The first word of the module of a class, or of one it derives from, and what weighs its instances.
_LIBRARIES = (
    ("numpy", "ndarray", _Scale._array),
    ("pandas", "DataFrame", _Scale._pandas),
    ("pandas", "Series", _Scale._pandas),
    ("pandas", "Index", _Scale._pandas),
    ("torch", "Tensor", _Scale._tensor),
    ("polars", "DataFrame", _Scale._polars),
    ("polars", "Series", _Scale._polars),
    ("scipy", "spmatrix", _Scale._sparse),
    ("scipy", "sparray", _Scale._sparse),
)


def _sample(depth):
    """Of how many items a container is estimated: of fewer inside others, as their numbers multiply."""
    return max(4, _SAMPLE >> depth)


def _by_library(cls):
    for base in cls.__mro__:
        module = base.__module__.partition(".")[0] if isinstance(base.__module__, str) else ""
        for library, name, weigh in _LIBRARIES:
            if module == library and base.__name__ == name:
                return weigh
    return None
