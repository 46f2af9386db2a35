"""Decides in the worker which results of a block stay here, in `pins`, and which go home after all.

A value may stay only when nothing at home, nothing that goes home and nothing else that stays has an object or memory in common with it:
what is apart in two places cannot be the same object any more. When in doubt a value goes home.
"""

import bisect

from . import arrays, kinds, mentions, pins, session
from .bundle import PackError, Receiver, Sender
from .tracking import Tracker

LEAST = 1 << 20  # Bytes; smaller values come home faster than they are asked for.

# Packages whose objects of C code share no memory that cannot be seen from outside.
_KNOWN = {"builtins", "collections", "datetime", "decimal", "lightgbm", "numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", "xgboost"}


class Guest:
    """A value that stayed here after an earlier block and is an input of this one."""

    def __init__(self, space, folder, name, entry):
        seeds = session.seeds(space)
        receiver = Receiver(seeds)
        tracker = Tracker(seeds, with_arrays=True)
        first = len(receiver.shared)
        self.name = name
        (_, self.value), = receiver.load(pins.read(folder, entry["sha256"]))
        tracker.add(first, receiver.table(), receiver.shared)
        self._receiver = receiver
        self._tracker = tracker
        self._first = first

    def is_changed(self):
        """Whether the block changed it in place, or may have."""
        return None in self._tracker.states.values() or bool(self._tracker.changed())

    def objects(self):
        """The objects it is made of."""
        return self._receiver.table()[self._first :]


class _Candidate:
    """A value that may stay."""

    def __init__(self, name, value, packed, objects):
        self.name = name
        self.value = value
        self.packed = packed
        # As long as they live nothing else has their identities.
        self._objects = objects
        self.belongings = _Belongings(objects)


class _Belongings:
    """The identities of the objects that a value is made of, and the stretches of memory."""

    def __init__(self, objects):
        self.ids = {id(one) for one in objects if kinds.kind(one) not in (kinds.CONSTANT, kinds.TUPLE)}
        self._spans = _merged(_span(one) for one in objects if _is_array(one))
        self._lows = [low for low, _ in self._spans]

    def meet(self, other):
        """Whether something of them is the same."""
        if not self.ids.isdisjoint(other.ids):
            return True
        return any(self._covers(low, high) for low, high in other._spans)

    def _covers(self, low, high):
        at = bisect.bisect_left(self._lows, high)
        return at > 0 and self._spans[at - 1][1] > low


class Staying:
    """What is to stay of one collection. `folder` names the kernel's folder of pins, `names` are those that it may leave here."""

    def __init__(self, space, guests, folder, names):
        self._space = space
        self._folder = folder
        self._names = set(names or ())
        # One that was rebound is nobody's any more, and one that was changed is a new value.
        bound = [guest for guest in guests if space.get(guest.name) is guest.value]
        self.changed = {guest.name: guest.value for guest in bound if guest.is_changed()}
        self._guests = [
            _Candidate(guest.name, guest.value, None, guest.objects()) for guest in bound if guest.name not in self.changed
        ]
        self._candidates = []
        self.stayed = {}

    def choose(self, wanted, outputs):
        """Take out of `wanted` what may stay, and put in what has to come home because of it."""
        results = {id(value) for value in outputs.values()}
        names = [name for name in wanted if name in self._names and id(wanted[name]) not in results]
        names = set(names) - mentions.in_memory(self._space, names)
        found = [self._candidate(name, wanted[name]) for name in wanted if name in names]
        self._candidates = [one for one in found if one is not None]
        for one in self._candidates:
            del wanted[one.name]
        everything = self._candidates + self._guests
        apart = [one for one in everything if not any(other is not one and one.belongings.meet(other.belongings) for other in everything)]
        self._keep(apart, wanted)

    def settle(self, table, wanted):
        """Compare with the objects that go home, and write what stays; returns whether `wanted` has become more."""
        if not self._candidates and not self._guests:
            return False
        home = _Belongings(table)
        before = len(wanted)
        everything = self._candidates + self._guests
        self._keep([one for one in everything if not one.belongings.meet(home)], wanted)
        del everything, table
        if len(wanted) == before:
            self._keep([one for one in self._candidates if self._write(one)] + self._guests, wanted)
        return len(wanted) != before

    def _keep(self, some, wanted):
        """Let go home what is not among `some`."""
        chosen = {id(one) for one in some}
        for one in self._candidates + self._guests:
            if id(one) not in chosen:
                wanted[one.name] = one.value
                self.stayed.pop(one.name, None)
        self._candidates = [one for one in self._candidates if id(one) in chosen]
        self._guests = [one for one in self._guests if id(one) in chosen]

    def _candidate(self, name, value):
        sender = Sender(session.seeds(self._space), strict=True)
        first = len(sender.table)
        try:
            packed = sender.pack([(name, value)])
        except PackError as failure:
            if isinstance(failure.error, MemoryError):
                raise failure.error
            return None  # The way home tells what is wrong with it.
        objects = sender.table[first:]
        if packed.sizes[name] < LEAST or any(_is_foreign(one) for one in objects):
            return None
        return _Candidate(name, value, packed, objects)

    def _write(self, one):
        if one.name in self.stayed:
            return True
        try:
            digest = pins.write(self._folder, one.packed.buffers)
        except OSError:
            return False
        cls = type(one.value)
        kind = cls.__qualname__ if cls.__module__ == "builtins" else "%s.%s" % (cls.__module__, cls.__qualname__)
        self.stayed[one.name] = {"sha256": digest, "bytes": one.packed.sizes[one.name], "kind": kind}
        return True


def _is_foreign(value):
    """Whether it is code of the notebook, which must be the same everywhere, or has memory that is not seen."""
    kind = kinds.kind(value)
    if kind in (kinds.FUNCTION, kinds.CLASS, kinds.CELL):
        return True
    return kind is kinds.OPAQUE and str(type(value).__module__).partition(".")[0] not in _KNOWN


def _is_array(value):
    return kinds.is_array(value) or kinds.is_array_with_attributes(type(value))


def _span(array):
    """The memory that an array is part of."""
    whole = arrays.owner(array)
    low, high = arrays.extent(array)
    first, last = arrays.extent(whole)
    return min(low, first), max(high, last)


def _merged(spans):
    """Stretches that do not overlap, in order."""
    found = []
    for low, high in sorted(spans):
        if low == high:
            continue
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found
