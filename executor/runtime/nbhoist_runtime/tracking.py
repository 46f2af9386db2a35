"""Watches the objects that both sides share and tells which were changed."""

import gc
import types

from . import fingerprint, kinds


class Tracker:
    """The states of shared objects at the time they were added."""

    def __init__(self, seeds, with_arrays):
        self._numbers = {}
        self._seeds = seeds
        self._with_arrays = with_arrays
        self.objects = {}
        self.states = {}

    def add(self, first, objects, shared, unseen=(), arrived=None):
        """Take the states of `objects[first:]` as far as `shared` has a 1 for them, but not of those with an id in `unseen`.

        `arrived` are digests of those that are arrays (see `fingerprint.Looker`).
        """
        fresh = {}
        for number in range(first, len(objects)):
            if shared[number] and kinds.kind(objects[number]) in fingerprint.CHANGEABLE:
                fresh[number] = objects[number]
                self._numbers[id(objects[number])] = number
        self.objects.update(fresh)
        looker = self.looker(arrived)
        for number, value in fresh.items():
            if id(value) not in unseen and (self._with_arrays or not _plain_array(value)):
                self.states[number] = looker.state(value)

    def looker(self, arrived=None):
        """Takes states that can be compared with those kept here."""
        return fingerprint.Looker(self._seeds, self._numbers, arrived)

    def changed(self):
        """The numbers of the objects that look different now."""
        looker = self.looker()
        return [number for number in self.states if self._differs(number, looker)]

    def differs(self, number):
        """Whether one object looks different now."""
        return self._differs(number, self.looker())

    def _differs(self, number, looker):
        before = self.states[number]
        if before is None:
            return False
        now = looker.state(self.objects[number])
        return now is None or not before.same(now)


def _plain_array(value):
    return kinds.is_array(value) and not value.dtype.hasobject


def children(value):
    """The objects that `value` refers to directly, without modules and other things that are not data."""
    if kinds.is_array(value):
        return value.reshape(-1).tolist() if value.dtype == object and value.ndim else []
    if isinstance(value, types.FunctionType):
        found = [value.__defaults__, value.__kwdefaults__, value.__closure__, value.__dict__]
        return [part for part in found if part] if kinds.by_value(value) else []
    if isinstance(value, type):
        return list(fingerprint.class_entries(value).values()) if kinds.by_value(value) else []
    if isinstance(value, types.ModuleType):
        return []
    return gc.get_referents(value)


def names_reaching(names, targets):
    """Which of `names` (`{name: value}`) refer, directly or through other objects, to each of the objects in `targets`.

    Returns `{id of target: [names]}`.
    """
    wanted = {id(target) for target in targets}
    found = {key: [] for key in wanted}
    for name, value in names.items():
        seen, stack = set(), [value]
        while stack:
            item = stack.pop()
            if id(item) in seen or isinstance(item, (str, bytes, int, float)):
                continue
            seen.add(id(item))
            if id(item) in wanted:
                found[id(item)].append(name)
            if len(seen) < 2000000:
                stack.extend(children(item))
    return found


