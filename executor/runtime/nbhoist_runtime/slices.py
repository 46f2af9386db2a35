"""Keeps a pandas frame's knowledge that it is a slice of another, which decides whether setting its columns warns.

pandas holds it as a weak reference to the other frame, looks only at whether that is alive and of another shape, and drops it when packing.
"""

import sys
import weakref

_sources = {}


class _Source:
    """Stands for a frame that others are slices of, which did not travel."""

    def __init__(self, shape):
        self.shape = shape


class _Mark:
    """Is packed as a weak reference to a `_Source`."""

    def __init__(self, shape):
        self._shape = shape

    def __reduce__(self):
        return reference, (self._shape,)


def reference(shape):
    """A weak reference to something of this shape that stays alive."""
    if shape not in _sources:
        _sources[shape] = _Source(shape)
    return weakref.ref(_sources[shape])


def reduction(value):
    """What a frame that is a slice is rebuilt from; None for anything else."""
    base = getattr(sys.modules.get("pandas.core.generic"), "NDFrame", None)
    if base is None or not issubclass(type(value), base):
        return None
    mark = getattr(value, "_is_copy", None)
    source = mark() if isinstance(mark, weakref.ReferenceType) else None
    if source is None:
        return None
    found = value.__reduce_ex__(5)
    if not isinstance(found, tuple) or len(found) < 3 or type(found[2]) is not dict:
        return found
    return found[:2] + (dict(found[2], _is_copy=_Mark(tuple(source.shape))),) + found[3:]
