"""The way back from the worker: what was bound, what was changed, what was deleted, decided by looking."""

import types

from . import ambient, changes, culprit, figures, kinds, session
from .bundle import PackError, Sender
from .tracking import names_reaching


class Collector:
    """Compares the namespace and the shared objects with what they were before the first cell."""

    def __init__(self, space, baseline, receiver, tracker, opened=(), staying=None):
        self._space = space
        self._baseline = baseline
        self._receiver = receiver
        self._tracker = tracker
        self._opened = opened
        self._staying = staying
        self._left = {}
        self._lost = {}
        self._returns = ()
        self._notes = []

    def collect(self, returns, everything, outputs):
        """The packed returns and the fields of the `collected` frame that tell about them."""
        self._returns = returns
        bound, modules, deleted = self._bound()
        if self._staying is not None:
            bound.update(self._staying.changed)
        wanted = {name: value for name, value in bound.items() if everything or name in returns or self._is_changed_guest(name)}
        for name in bound:
            if name not in wanted:
                self._left[name] = "nothing asked for it"
        numbers = self._tracker.changed()
        reached = self._names_of(numbers)
        opened, self._notes = figures.to_return(self._space, self._opened)
        if self._staying is not None:
            self._staying.choose(wanted, outputs)
        while True:
            items = self._items(wanted, numbers, reached, outputs, opened)
            packed, kept, table = self._pack(items)
            if self._staying is None or not self._staying.settle(table, wanted):
                break
            # What goes home after all may have gone for what is packed already: both must be the same object there.
            del packed, table
        found = {
            "names": [name for name in wanted if ("name", name) in kept],
            "changed": sorted({name for number in numbers if ("change", number) in kept for name in reached[number]}),
            "deleted": deleted,
            "modules": {name: modules[name] for name in modules},
            "left": self._left,
            "lost": self._lost,
            "sizes": {label[1]: size for label, size in packed.sizes.items() if label[0] == "name"},
            "ambient": dict(ambient.changes(self._space), **({"notes": self._notes} if self._notes else {})),
        }
        if self._staying is not None:
            found["stayed"] = self._staying.stayed
        if opened or self._opened:
            found["figures"] = [number for number, _ in figures.opened()]
        return packed, found

    def _is_changed_guest(self, name):
        return self._staying is not None and name in self._staying.changed

    def _items(self, wanted, numbers, reached, outputs, opened):
        """All that is packed, as `(label, value)` in the order in which it is."""
        # What rebuilds a value may be a function or class of the block, or look into an object that the block changed: those come first.
        named = [(("name", name), value) for name, value in wanted.items()]
        code = [item for item in named if isinstance(item[1], (types.FunctionType, type))]
        items = code + [(("change", number), self._change(number, reached[number])) for number in numbers]
        items += [item for item in named if not isinstance(item[1], (types.FunctionType, type))]
        items += self._outputs(outputs, wanted)
        return items + [(("figure", number), figure) for number, figure in opened]

    def _bound(self):
        """`(bound, modules, deleted)`: names whose binding differs from before."""
        now, before = session.user_names(self._space), self._baseline
        bound, modules = {}, {}
        for name, value in now.items():
            if name in before and before[name] is value:
                continue
            module = session.module_name(value)
            if module is not None:
                modules[name] = module
            else:
                bound[name] = value
        deleted = [name for name in session.user_names(before) if name not in now]
        return bound, modules, deleted

    def _names_of(self, numbers):
        """For each changed object the names whose values it is part of."""
        targets = [self._tracker.objects[number] for number in numbers]
        names = {name: value for name, value in session.user_names(self._space).items() if name in self._baseline}
        found = names_reaching(names, targets) if targets else {}
        return {number: found[id(self._tracker.objects[number])] for number in numbers}

    def _change(self, number, names):
        value = self._tracker.objects[number]
        return {"number": number, "names": names, "content": changes.content(value, self._tracker.states[number])}

    def _outputs(self, outputs, wanted):
        """Results of last expressions, as far as they are values that come back anyway or are small."""
        known = {id(value) for value in wanted.values()} | {id(value) for value in self._tracker.objects.values()}
        found = []
        for number, value in outputs.items():
            small = kinds.kind(value) is kinds.CONSTANT and _size(value) <= 4096
            if id(value) in known or small:
                found.append((("output", number), value))
        return found

    def _pack(self, items):
        """Pack what can be packed; the rest is left, with the reason. Returns the bundle, the labels in it and the objects."""
        table = self._receiver.table()
        shared = [value if flag else None for value, flag in zip(table, self._receiver.shared)]
        seeds = len(session.seeds(self._space)) + 1
        while True:
            sender = Sender(session.seeds(self._space), strict=False)
            sender.continue_from(_with_seeds(sender.table, shared, seeds), self._receiver.arrays.regions())
            try:
                return sender.pack(items), {label for label, _ in items}, sender.table
            except PackError as failure:
                self._leave(failure, dict(items)[failure.label])
                items = [item for item in items if item[0] != failure.label]

    def _leave(self, failure, value):
        section, name = failure.label
        if isinstance(failure.error, MemoryError):
            raise failure.error
        if section == "name":
            trouble = culprit.explain(name, value, failure)
            self._left[name] = trouble.text
            if name in self._returns:
                self._lost[name] = {"why": trouble.text, "path": trouble.path}
        elif section == "figure":
            self._notes.append("figure %s, which the block left open, could not come back: %s" % (
                name, culprit.explain("figure %s" % name, value, failure).text))
        elif section == "change":
            names = value["names"] or ["(an object inside another one)"]
            target = self._tracker.objects[name]
            trouble = culprit.explain(names[0], self._space.get(names[0], target), failure)
            why = "it was changed, and its new content cannot come back: " + trouble.text
            for one in names:
                self._left[one] = why
                self._lost[one] = {"why": why, "path": trouble.path}


def _with_seeds(own, shared, count):
    return own[:count] + shared[count:]


def _size(value):
    try:
        return len(value)
    except TypeError:
        return 0

