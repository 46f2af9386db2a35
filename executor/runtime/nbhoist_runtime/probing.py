"""Measures values and finds those that cannot travel, without moving or changing anything."""

import time

from . import arrays, away, culprit, session
from .bundle import PackError
from .pack import Pickler


class _Count:
    """A file that only counts."""

    def __init__(self):
        self.bytes = 0

    def write(self, data):
        self.bytes += len(data)
        return len(data)

    def buffer(self, data):
        self.bytes += data.raw().nbytes


class _Meter:
    """Packs values one after the other; what was packed before costs nothing any more."""

    def __init__(self, space):
        self._count = _Count()
        self._pickler = Pickler(self._count, session.seeds(space), self._count.buffer)
        self._spans = {}

    def measure(self, name, value):
        """`(bytes, None)`, or `(None, Trouble)` when the value cannot travel."""
        # What is in the memo before this value is told by a mark, because to count the memo takes as long as to copy it.
        mark = []
        self._pickler.dump(mark)
        before = self._count.bytes
        try:
            self._pickler.dump(value)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._forget(mark)
            return None, culprit.explain(name, value, PackError(name, self._pickler.last, error))
        return self._count.bytes - before + self._arrays(), None

    def _forget(self, mark):
        """What the failed value left in the memo would hide the same culprit in the next value."""
        entries = self._pickler.memo.copy()
        known = entries[id(mark)][0]
        self._pickler.memo = {key: entry for key, entry in entries.items() if entry[0] < known}
        del self._pickler.arrays.sent[:]

    def _arrays(self):
        """The bytes of the arrays met since the last call, memory that is shared counted once."""
        total = 0
        for array in self._pickler.arrays.sent:
            low, high = arrays.extent(array)
            whole = arrays.extent(arrays.owner(array))
            if self._spans.get(whole, 0) < high - low:
                total += array.nbytes - min(array.nbytes, self._spans.get(whole, 0))
                self._spans[whole] = array.nbytes
        del self._pickler.arrays.sent[:]
        return total


def probe(space, names, seconds=None):
    """See `kernel.probe`. After `seconds` what is left of the namespace is not measured any more."""
    started = time.monotonic()
    meter = _Meter(space)
    report, total, skipped, complete = {}, 0, {}, True
    for name in dict.fromkeys(names):
        report[name] = _report(meter, name, space)
        total += report[name]["bytes"] or 0
    everything = session.user_names(space)
    for name, value in everything.items():
        if name in report or type(value) is away.Away or session.module_name(value) is not None:
            continue
        if seconds is not None and time.monotonic() - started > seconds:
            complete = False
            break
        size, trouble = meter.measure(name, value)
        total += size or 0
        if trouble is not None:
            skipped[name] = trouble.text
    return {
        "names": report,
        "namespace_bytes": total,
        "namespace_names": list(everything),
        "namespace_complete": complete,
        "skipped": skipped,
        "seconds": time.monotonic() - started,
    }


def weigh(space, items):
    """`(bytes, None)` or `(None, Trouble)` for each of some `(name, value)` pairs; what they share counts for the first."""
    meter = _Meter(space)
    return [meter.measure(name, value) for name, value in items]


def _report(meter, name, space):
    if name not in space:
        return {"bytes": None, "kind": "absent", "travels": False, "why": "the kernel has no such name", "path": None}
    value = space[name]
    if session.module_name(value) is not None:
        return {"bytes": 0, "kind": "module", "travels": True, "why": None, "path": None}
    if type(value) is away.Away:
        record = away.record_of(value)
        found = {"bytes": record["bytes"], "kind": record["kind"], "travels": True, "why": None, "path": None}
        return dict(found, away=away.in_words(record))
    size, trouble = meter.measure(name, value)
    return {
        "bytes": size,
        "kind": _kind(value),
        "travels": trouble is None,
        "why": trouble.text if trouble is not None else None,
        "path": trouble.path if trouble is not None else None,
    }


def _kind(value):
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else "%s.%s" % (cls.__module__, cls.__qualname__)
