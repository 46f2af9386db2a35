"""Which packed objects belong to the user's data, and which the packing itself made.

A `__reduce__` may hand out copies ("this list of my items"). The copy is in the memo like everything else, but nobody has it: were the
other side's twin of it changed, the change would go into the copy and be lost. Such objects are found by their reference counts
and are not shared between the two sides; they count as part of the object whose reduction they come from.
"""

import gc
import sys

from . import kinds


def mask(objects, held):
    """One byte for each object, in order: 1 if it may be shared by number, 0 if packing made it.

    `objects` are entries of a pickler's memo in a list that, with the memo, holds the only references of our own; `held` are the ids
    of those to which there is one more.
    """
    base = _baseline()
    result = bytearray(b"\1") * len(objects)
    counts = {}
    places = {}
    for index in range(len(objects)):
        kind = kinds.kind(objects[index])
        if kind is kinds.INTERNAL:
            result[index] = 0
        elif kind is not kinds.CONSTANT:  # An equal copy of a constant is as good as the constant.
            key = id(objects[index])
            counts[key] = sys.getrefcount(objects[index]) - base - 1 - (key in held)
            places[key] = index
    queue = [key for key, count in counts.items() if count <= 0]
    while queue:
        index = places[queue.pop()]
        if not result[index]:
            continue
        result[index] = 0
        for child in gc.get_referents(objects[index]):
            key = id(child)
            if key in counts:
                counts[key] -= 1
                if counts[key] == 0:
                    queue.append(key)
    return bytes(result)


def _baseline():
    """What `sys.getrefcount` says of an object that only a list holds."""
    holder = [[]]
    count = 0
    for index in range(len(holder)):
        count = sys.getrefcount(holder[index])
    return count
