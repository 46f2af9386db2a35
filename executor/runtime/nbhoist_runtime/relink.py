"""Replaces every reference to an object that had to be exchanged for another."""

import collections
import functools
import types

from . import fingerprint, kinds
from .tracking import children

LIMIT = 5000000


class Relinker:
    """Walks what is reachable from some roots and puts the new objects in the places of the old ones."""

    def __init__(self, pairs, undo):
        self._new = {id(old): (old, new) for old, new in pairs}
        self._undo = undo
        self.count = 0
        self.stuck = 0

    def walk(self, roots):
        """Relink below `roots`; tuples and frozen sets that hold an old object are replaced as well."""
        while True:
            before = len(self._new)
            self._pass(roots)
            if len(self._new) == before:
                return

    def _pass(self, roots):
        seen = {id(old) for old, _ in self._new.values()}
        stack = list(roots)
        while stack and len(seen) < LIMIT:
            item = stack.pop()
            if id(item) in seen or isinstance(item, (str, bytes, int, float, types.ModuleType, types.CodeType)):
                continue
            seen.add(id(item))
            self._patch(item)
            stack.extend(children(item))
            own = fingerprint.attributes(item)
            if own is not None:
                stack.append(own)

    def _swap(self, value):
        entry = self._new.get(id(value))
        return value if entry is None else entry[1]

    def _holds(self, values):
        return any(id(value) in self._new for value in values)

    def _patch(self, item):
        if isinstance(item, dict):
            self._dict(item)
        elif isinstance(item, (list, collections.deque)):
            self._sequence(item)
        elif isinstance(item, set):
            self._set(item)
        elif isinstance(item, (tuple, frozenset)):
            self._frozen(item)
        elif type(item) is kinds.CellType:
            self._cell(item)
        elif isinstance(item, types.FunctionType):
            self._attribute(item, "__defaults__")
        elif isinstance(item, types.MethodType):
            self._method(item)
        elif isinstance(item, functools.partial):
            self._partial(item)
        elif isinstance(item, type):
            self._class(item)
        elif kinds.is_array(item):
            self._array(item)
        else:
            self._slots(item)

    def _dict(self, item):
        if self._holds(dict.values(item)) or self._holds(dict.keys(item)):
            old = list(zip(*kinds.entries(item)))
            new = [(self._swap(key), self._swap(value)) for key, value in old]
            if self._holds(dict.keys(item)):
                self._undo.add(_refill, item, old)
                _refill(item, new)
            else:
                for (key, before), (_, after) in zip(old, new):
                    if before is not after:
                        self._undo.add(dict.__setitem__, item, key, before)
                        dict.__setitem__(item, key, after)
            self.count += 1

    def _sequence(self, item):
        for index, value in enumerate(list(item)):
            if id(value) in self._new:
                self._undo.add(item.__setitem__, index, value)
                item[index] = self._swap(value)
                self.count += 1

    def _set(self, item):
        for value in list(item):
            if id(value) in self._new:
                new = self._swap(value)
                self._undo.add(set.add, item, value)
                self._undo.add(set.discard, item, new)
                set.discard(item, value)
                set.add(item, new)
                self.count += 1

    def _frozen(self, item):
        if id(item) not in self._new and self._holds(item):
            values = [self._swap(value) for value in item]
            cls = type(item)
            try:
                new = cls._make(values) if hasattr(cls, "_make") else cls(values)
            except Exception:
                self.stuck += 1
                return
            self._new[id(item)] = (item, new)

    def _cell(self, item):
        try:
            value = item.cell_contents
        except ValueError:
            return
        if id(value) in self._new:
            self._attribute(item, "cell_contents")

    def _attribute(self, item, name):
        value = getattr(item, name)
        if id(value) in self._new:
            self._undo.add(setattr, item, name, value)
            setattr(item, name, self._swap(value))
            self.count += 1

    def _method(self, item):
        if id(item) not in self._new and self._holds((item.__self__, item.__func__)):
            new = types.MethodType(self._swap(item.__func__), self._swap(item.__self__))
            self._new[id(item)] = (item, new)

    def _partial(self, item):
        parts = (item.func, item.args)
        if self._holds(parts):
            state = item.__reduce__()[2]
            self._undo.add(item.__setstate__, state)
            item.__setstate__((self._swap(item.func), self._swap(item.args)) + tuple(state[2:]))
            self.count += 1

    def _class(self, item):
        if kinds.by_value(item):
            for name, value in fingerprint.class_entries(item).items():
                if id(value) in self._new:
                    self._undo.add(type.__setattr__, item, name, value)
                    type.__setattr__(item, name, self._swap(value))
                    self.count += 1

    def _array(self, item):
        if item.dtype != object or not item.ndim:
            return
        for index, value in enumerate(item.flat):
            if id(value) in self._new:
                self._undo.add(item.flat.__setitem__, index, value)
                item.flat[index] = self._swap(value)
                self.count += 1

    def _slots(self, item):
        if type(item).__module__ == "builtins":
            return
        for name, value in fingerprint.slot_values(item).items():
            if id(value) in self._new:
                self._undo.add(object.__setattr__, item, name, value)
                object.__setattr__(item, name, self._swap(value))
                self.count += 1


def _refill(item, entries):
    base = collections.OrderedDict if isinstance(item, collections.OrderedDict) else dict
    base.clear(item)
    for key, value in entries:
        base.__setitem__(item, key, value)
