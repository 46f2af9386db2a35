"""What values weigh, roughly and at once: nothing is packed, no code of the user's runs, and a deadline ends it.

Long containers are estimated from some of their items, spread evenly.
"""

import sys
import time

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


class _Scale:
    def __init__(self, until):
        self._until = until
        self._seen = set()

    def weigh(self, value, depth):
        """Bytes of a value; what was weighed before costs nothing any more."""
        if time.monotonic() > self._until:
            raise Late
        cls = type(value)
        if cls in (int, float, bool, complex, type(None)):
            return _SMALL
        if cls in (str, bytes, bytearray):
            return _SMALL + len(value)
        if id(value) in self._seen or issubclass(cls, type(sys)):
            return 0
        self._seen.add(id(value))
        known = _by_library(cls)
        if known is not None:
            return known(self, value, depth)
        if depth >= _DEPTH:
            return _SMALL
        if issubclass(cls, dict):
            return self._dict(value, depth)
        for container in (list, tuple, set, frozenset):
            if issubclass(cls, container):
                return self._items(container.__iter__(value), container.__len__(value), depth)
        held = getattr(value, "__dict__", None) if cls.__getattribute__ is object.__getattribute__ else None
        return _SMALL + (self._dict(held, depth) if type(held) is dict else 0)

    def _dict(self, value, depth):
        # Not its pairs: they are made as one asks for them, and what has gone leaves its identity to the next.
        count = dict.__len__(value)
        return self._items(dict.keys(value), count, depth) + self._items(dict.values(value), count, depth)

    def _items(self, items, count, depth):
        step = max(1, count // _SAMPLE)
        weights = [self.weigh(item, depth + 1) + 8 for place, item in enumerate(items) if place % step == 0]
        return _SMALL + (sum(weights) * count / len(weights) if weights else 0)

    def _array(self, array, depth):
        if array.dtype.hasobject and depth < _DEPTH:
            return array.nbytes + self._items(array.flat, array.size, depth)
        return array.nbytes

    def _pandas(self, value, depth):
        usage = value.memory_usage(index=True, deep=False) if hasattr(value, "index") else value.memory_usage(deep=False)
        total = int(usage.sum()) if hasattr(usage, "sum") else int(usage)
        columns = [value.iloc[:, place] for place in range(value.shape[1])] if getattr(value, "ndim", 1) == 2 else [value]
        texts = [column for column in columns if str(getattr(column, "dtype", "")) == "object"]
        return total + sum(self._items(iter(column), len(column), depth) for column in texts)

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


def _by_library(cls):
    for base in cls.__mro__:
        module = base.__module__.partition(".")[0] if isinstance(base.__module__, str) else ""
        for library, name, weigh in _LIBRARIES:
            if module == library and base.__name__ == name:
                return weigh
    return None
