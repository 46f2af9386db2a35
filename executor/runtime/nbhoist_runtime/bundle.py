"""A bundle: named values packed one after the other by a pickler that lives as long as the migration.

Buffer 0 is the pickles, buffer 1 the head (what is in the bundle, the plan of the arrays, the mask of shared objects), buffer 2 the small
arrays; large arrays and the out-of-band buffers of other values follow.
"""

import io
import pickle

from . import arrays, ownership
from .errors import Trouble, describe
from .pack import Pickler
from .unpack import Unpickler


class Packed:
    """A packed bundle, ready to be written."""

    def __init__(self, buffers, sizes):
        self.buffers = buffers
        self.sizes = sizes


class PackError(Exception):
    """A value could not be packed; `label` says which, `culprit` is the object in it that is to blame."""

    def __init__(self, label, culprit, error):
        Exception.__init__(self, describe(error))
        self.label = label
        self.culprit = culprit
        self.error = error


class Sender:
    """One side's way out. `seeds` are the objects both sides have, the namespace first."""

    def __init__(self, seeds, strict=True):
        self._sink = io.BytesIO()
        self._loose = []
        self.pickler = Pickler(self._sink, seeds, self._loose.append, strict)
        self.table = [entry[1] for entry in sorted(self.pickler.memo.copy().values())]
        self.shared = bytearray(len(self.table))

    def continue_from(self, objects, regions):
        """Refer to the other side's objects by their numbers, where `objects` has one and not None."""
        found = {id(value): number for number, value in reversed(list(enumerate(objects))) if value is not None}
        blanks = [object() for _ in objects]
        self.table = [
            value if value is not None and found[id(value)] == number else blanks[number]
            for number, value in enumerate(objects)
        ]
        self._back()
        self.pickler.arrays.regions.extend(regions)

    def pack(self, items):
        """Pack `(label, value)` pairs. On failure everything is as before the call."""
        sizes = {}
        try:
            self._dump(items, sizes)
            plan, buffers = self.pickler.arrays.finish()
            loose = [buffer.raw() for buffer in self._loose]
        except BaseException:
            self.pickler.arrays.abandon()
            self._back()
            self._reset()
            raise
        start = len(self.table)
        mask = self._grow()
        head = {
            "labels": [label for label, _ in items],
            "plan": plan,
            "arrays": len(buffers),
            "start": start,
            "mask": mask,
        }
        packed = Packed([self._sink.getvalue(), pickle.dumps(head, 5)] + buffers + loose, sizes)
        self._reset()
        return packed

    def _dump(self, items, sizes):
        tables = self.pickler.arrays
        for label, value in items:
            start, first, loose = self._sink.tell(), len(tables.sent), len(self._loose)
            try:
                self.pickler.dump(value)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                raise PackError(label, self.pickler.last, error)
            sizes[label] = (
                self._sink.tell()
                - start
                + sum(array.nbytes for array in tables.sent[first:])
                + sum(buffer.raw().nbytes for buffer in self._loose[loose:])
            )

    def _grow(self):
        """Append what the pickler met to the table; returns the mask for it."""
        entries = self.pickler.memo.copy()
        fresh = [None] * (len(entries) - len(self.table))
        for number, value in entries.values():
            if number >= len(self.table):
                fresh[number - len(self.table)] = value
        # Every reference of our own but those in `fresh` and in the memo would spoil the counts.
        del entries, number, value
        mask = ownership.mask(fresh, self.pickler.arrays.held())
        self.table.extend(fresh)
        self.shared.extend(mask)
        return mask

    def _back(self):
        """Take the memo back to what the table says."""
        self.pickler.memo = {id(value): (number, value) for number, value in enumerate(self.table)}

    def _reset(self):
        del self._loose[:]
        self._sink.seek(0)
        self._sink.truncate()


class Receiver:
    """One side's way in."""

    def __init__(self, seeds, anchors=()):
        self._unpickler = Unpickler(seeds, anchors)
        self.shared = bytearray(len(seeds) + 1)
        self.broken = None

    @property
    def arrays(self):
        """The table of arrays that arrived."""
        return self._unpickler.arrays

    def continue_from(self, objects):
        """Know the objects that the other side refers to by number; the first ones are the seeds."""
        self._unpickler.seed(objects[len(self.shared) :])

    def load(self, buffers, bind=None):
        """The `(label, value)` pairs of a bundle. A value that does not load raises `LoadError`.

        `bind` is called with each pair as soon as it is there, because rebuilding the next may need it.
        """
        self.require_whole()
        head = pickle.loads(buffers[1])
        last = arrays.BEFORE + head["arrays"]
        self._unpickler.arrays.begin(head["plan"], buffers[arrays.BEFORE:last])
        loaded = []
        label = None
        try:
            self._unpickler.open(buffers[0], buffers[last:])
            for label in head["labels"]:
                loaded.append((label, self._unpickler.next()))
                if bind is not None:
                    bind(*loaded[-1])
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self.broken = describe(error)
            raise LoadError(label, error)
        finally:
            self._unpickler.close()
            self._unpickler.arrays.end()
        self.shared.extend(head["mask"])
        return loaded

    def require_whole(self):
        """Raise `Trouble` if an earlier bundle did not load: numbers mean different objects on both sides from then on."""
        if self.broken is not None:
            raise Trouble("unpickle", "a value sent earlier could not be unpacked (%s), so the block cannot go on" % self.broken)

    def table(self):
        """The objects that arrived, by number."""
        memo = self._unpickler.memo()
        return [memo[number] for number in range(len(memo))]


class LoadError(Exception):
    """A value could not be unpacked; `label` says which."""

    def __init__(self, label, error):
        Exception.__init__(self, describe(error))
        self.label = label
        self.error = error
