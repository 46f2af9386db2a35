"""Arrays travel in a table beside the pickle, so that views stay views and memory is shipped once.

The pickle of an array is only its number. After a dump it is known which arrays share memory: those are shipped as one region
with views on it, every other array is shipped alone, with no more than its own elements, and owns its memory on arrival.
"""

import bisect
import contextlib
import pickle
import sys
import threading

from .errors import Trouble

# Arrays up to this size share one buffer, because a frame per array would cost more than the array.
SMALL = 64 * 1024

# Buffers of a bundle that come before those of its arrays.
BEFORE = 2

# Held by the thread that loads libraries. Two that load one library at once can each find it half made: where their locks would wait for
# one another, Python lets one of them go on with what is there.
importing = threading.RLock()


def extent(array):
    """The first byte that `array` touches and the byte after the last, as addresses."""
    low = high = array.__array_interface__["data"][0]
    if array.size == 0:
        return low, low
    for length, stride in zip(array.shape, array.strides):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + array.itemsize


def flat_bytes(array):
    """The memory of a contiguous array as one writable (if it is) line of bytes, without a copy."""
    import numpy

    line = (array if array.flags.c_contiguous else array.T).reshape(-1)
    return line.view(numpy.uint8)


def is_contiguous(array):
    """Whether the array's elements fill its extent in C or Fortran order."""
    return array.flags.c_contiguous or array.flags.f_contiguous


def owner(array):
    """The array at the end of the chain of bases."""
    import numpy

    found = array
    while True:
        base = getattr(array, "base", None)
        if base is None:
            return found
        if type(base) is numpy.ndarray:
            found = base
        array = base


def view_at(anchor, delta, shape, strides, dtype):
    """A view on the memory that `anchor` is part of, beginning `delta` bytes from where `anchor` begins."""
    import numpy

    whole = owner(anchor)
    if not is_contiguous(whole):
        whole = anchor
    line = whole if whole.flags.c_contiguous else whole.T
    start = anchor.__array_interface__["data"][0] + delta - whole.__array_interface__["data"][0]
    return numpy.ndarray(shape, dtype, buffer=line, offset=start, strides=strides)


class Region:
    """A stretch of memory that has been shipped, and the array on the other side through which it is reached."""

    __slots__ = ("low", "high", "anchor", "delta")

    def __init__(self, low, high, anchor, delta):
        self.low = low
        self.high = high
        self.anchor = anchor
        self.delta = delta


class _Map:
    """Finds regions by address."""

    def __init__(self, regions):
        self._regions = sorted(regions, key=lambda region: region.low)
        self._lows = [region.low for region in self._regions]
        self._longest = max((region.high - region.low for region in regions), default=0)

    def overlapping(self, low, high):
        first = bisect.bisect_right(self._lows, low - self._longest - 1)
        last = bisect.bisect_left(self._lows, high)
        return [region for region in self._regions[first:last] if low < region.high]


class Outgoing:
    """The arrays one pickler has met. Numbers go on from bundle to bundle."""

    def __init__(self, strict=True):
        self.strict = strict
        self.sent = []
        self.packed = []
        self.regions = []
        self._first = 0
        self._contents = {}

    def number(self, array):
        """The number under which `array` will be shipped with the current bundle."""
        self.sent.append(array)
        return len(self.sent) - 1

    def content(self, array):
        """The number of a copy of `array`'s elements that shares memory with nothing."""
        number = self.number(array)
        self._contents[number] = True
        return number

    def held(self):
        """The ids of the arrays that this table holds one reference to."""
        return {id(array) for array in self.sent}

    def abandon(self):
        """Forget the arrays met since the last bundle."""
        del self.sent[self._first :]
        self._contents.clear()

    def finish(self):
        """The plan and the buffers for the arrays met since the last bundle."""
        plan = _Plan(self._first)
        news = range(self._first, len(self.sent))
        self.packed.extend(False for _ in news)
        alone = [number for number in news if number in self._contents or self.sent[number].size == 0]
        shared = [number for number in news if number not in self._contents and self.sent[number].size]
        for number in alone:
            self._whole(plan, number)
        earlier = _Map(self.regions)
        for cluster in self._clusters(shared):
            self._ship(plan, cluster, earlier)
        self._first = len(self.sent)
        self._contents.clear()
        return plan.entries, plan.finish()

    def _clusters(self, numbers):
        """Groups of arrays whose extents overlap, each as `(low, high, numbers)`."""
        spans = sorted(extent(self.sent[number]) + (number,) for number in numbers)
        clusters = []
        for low, high, number in spans:
            if clusters and low < clusters[-1][1]:
                last = clusters[-1]
                last[1] = max(last[1], high)
                last[2].append(number)
            else:
                clusters.append([low, high, [number]])
        return clusters

    def _ship(self, plan, cluster, earlier):
        low, high, numbers = cluster
        known = earlier.overlapping(low, high)
        if known:
            self._late(plan, numbers, low, high, known)
        elif len(numbers) == 1 or _apart([self.sent[number] for number in numbers], high - low):
            for number in numbers:
                self._whole(plan, number)
                if not self.packed[number]:
                    start, end = extent(self.sent[number])
                    self.regions.append(Region(start, end, number, 0))
                else:
                    self.regions.append(Region(*extent(self.sent[number]), anchor=None, delta=0))
        else:
            self._together(plan, low, high, numbers)

    def _late(self, plan, numbers, low, high, known):
        """Arrays that share memory with something shipped in an earlier bundle become views of that."""
        for number in numbers:
            start, end = extent(self.sent[number])
            homes = [region for region in known if region.low < end and start < region.high]
            whole = [r for r in homes if r.anchor is not None and r.low <= start and end <= r.high]
            if whole:
                self._view(plan, number, whole[0].anchor, start_of(self.sent[number]) - whole[0].low + whole[0].delta)
            elif not homes or not self.strict:
                self._whole(plan, number)
            else:
                raise Trouble(
                    "alias",
                    "an array that is needed now shares memory with one that was sent earlier, of which only a part "
                    "was sent; name both as inputs of the block",
                )

    def _together(self, plan, low, high, numbers):
        """One region with a view for each array; an array that is the whole region is the region."""
        for number in numbers:
            array = self.sent[number]
            if extent(array) == (low, high) and is_contiguous(array) and array.flags.writeable:
                root = number
                self._whole(plan, number)
                anchor = root
                break
        else:
            root = None
            anchor = plan.region(_memory(self.sent[numbers[0]], low, high))
        for number in numbers:
            if number != root:
                self._view(plan, number, anchor, start_of(self.sent[number]) - low)
        first = numbers[0] if root is None else root
        self.regions.append(Region(low, high, first, low - start_of(self.sent[first])))

    def _view(self, plan, number, anchor, delta):
        array = self.sent[number]
        plan.entries[number] = (
            "view", anchor, delta, array.shape, array.strides, array.dtype, array.flags.writeable,
        )

    def _whole(self, plan, number):
        array = self.sent[number]
        writeable = array.flags.writeable or number in self._contents
        layout = None
        if not is_contiguous(array):
            layout = None if number in self._contents else _loose_layout(array)
            array = array.copy(order="C")
            self.packed[number] = True
        order = "C" if array.flags.c_contiguous else "F"
        plan.whole(number, array, order, writeable, self.packed[number], layout)


def _loose_layout(array):
    """`(strides, offset, size)` of a small memory in which the elements lie as far apart as they must for numpy to treat the array alike.

    Whether `ravel` and `reshape` give a view or a copy depends on gaps between elements, on axes that run on into each other and on their
    order; how large a gap is does not matter.
    """
    axes = sorted(range(array.ndim), key=lambda axis: (abs(array.strides[axis]), -axis))
    strides, previous, step = [0] * array.ndim, None, array.itemsize
    offset = 0
    for axis in axes:
        length, stride = array.shape[axis], array.strides[axis]
        if stride == 0:
            continue
        if previous is None:
            gap = abs(stride) != array.itemsize
        else:
            gap = abs(stride) != abs(array.strides[previous]) * array.shape[previous]
        if gap:
            step += array.itemsize if previous is None else abs(strides[previous])
        strides[axis] = step if stride > 0 else -step
        if stride < 0:
            offset += step * (length - 1)
        previous, step = axis, step * length
    size = offset + array.itemsize + sum(step * (length - 1) for step, length in zip(strides, array.shape) if step > 0)
    return tuple(strides), offset, size


def _laid_out(array, strides, offset, size):
    """The elements of a contiguous array in a memory of `size` bytes with gaps."""
    import numpy

    found = numpy.ndarray(array.shape, array.dtype, numpy.zeros(size, numpy.uint8), offset, strides)
    found[...] = array
    return found


def start_of(array):
    """The address of the first element."""
    return array.__array_interface__["data"][0]


def _apart(arrays, size):
    """Whether arrays with overlapping extents still share no element, and shipping the extent would be a waste."""
    import numpy

    if size <= 2 * sum(array.nbytes for array in arrays) or len(arrays) > 50:
        return False
    for index, one in enumerate(arrays):
        for other in arrays[index + 1 :]:
            try:
                if numpy.shares_memory(one, other, max_work=100000):
                    return False
            except Exception:  # TooHardError lives in different places in different versions.
                return False
    return True


def _memory(array, low, high):
    """The bytes from address `low` to `high`, through an array that begins among them."""
    import numpy

    whole = owner(array)
    if is_contiguous(whole) and extent(whole)[0] <= low and high <= extent(whole)[1]:
        return flat_bytes(whole)[low - start_of(whole) : high - start_of(whole)]

    class Memory:
        __array_interface__ = {"shape": (high - low,), "typestr": "|u1", "data": (low, True), "version": 3}
        keep = array

    return numpy.asarray(Memory())


class _Plan:
    """What the other side needs to know to build the arrays of one bundle."""

    def __init__(self, first):
        self.first = first
        self.entries = {}
        self.buffers = []
        self.pool = bytearray()

    def whole(self, number, array, order, writeable, packed, layout=None):
        data = flat_bytes(array) if array.size else b""
        where = self._place(data)
        self.entries[number] = ("own", array.shape, array.dtype, order, writeable, packed) + where + (layout,)

    def region(self, data):
        name = ("region", self.first, len(self.entries))
        self.entries[name] = ("region", len(data)) + self._place(data)
        return name

    def finish(self):
        """The buffers, the shared one for small arrays first."""
        return [self.pool] + [memoryview(data) for data in self.buffers]

    def _place(self, data):
        if len(data) <= SMALL:
            start = len(self.pool)
            self.pool += memoryview(data)
            self.pool += bytes(-len(self.pool) % 16)
            return 0, start
        self.buffers.append(data)
        return len(self.buffers), 0


def homes(head):
    """Which buffers of a bundle with this head are an array each: `{number of the buffer: its shape, type and order}`."""
    try:
        with _numpy_whole():
            plan = pickle.loads(head)["plan"]
    except Exception:
        return {}  # Whoever loads the bundle tells what is wrong with it.
    found = {}
    for entry in plan.values():
        if entry[0] == "own":
            _, shape, dtype, order, _, _, index, _, layout = entry
            if index and layout is None:
                found[BEFORE + index] = shape, dtype, order
    return found


def empty(home, size):
    """An array for a buffer of so many bytes; None when they are not what it takes."""
    with _numpy_whole():
        import numpy

    shape, dtype, order = home
    array = numpy.empty(shape, dtype, order=order)
    return array if array.nbytes == size else None


@contextlib.contextmanager
def _numpy_whole():
    """For the thread that reads: as long as numpy is not loaded, no other thread may be about to load it."""
    spec = getattr(sys.modules.get("numpy"), "__spec__", None)
    if spec is not None and not getattr(spec, "_initializing", False):
        yield
    else:
        with importing:
            yield


class Incoming:
    """The arrays one unpickler has built, by number."""

    def __init__(self, anchors=()):
        self.arrays = {}
        self.joined = set()
        self._regions = {}
        self._plan = {}
        self._buffers = []
        self._anchors = anchors

    def begin(self, plan, buffers):
        """Take the plan and the buffers of the bundle that is loaded next."""
        self._plan = plan
        self._buffers = buffers

    def end(self):
        """Let go of the buffers."""
        self._plan = {}
        self._buffers = []

    def array(self, number):
        """The array with this number, built when it is first asked for."""
        if number not in self.arrays:
            self.arrays[number] = self._build(number, self._plan[number])
        return self.arrays[number]

    def take_joined(self):
        """The ids of the arrays of the last bundle that are views of arrays of earlier ones.

        The code may have changed that memory already, so that how they look now says nothing; the earlier array is watched.
        """
        ids = {id(self.arrays[number]) for number in self.joined}
        self.joined.clear()
        return ids

    def regions(self):
        """The memory of the arrays that arrived, as regions that a way back can refer to."""
        return list(self._regions.values())

    def _known(self, array, number, packed):
        if array.size:
            low, high = extent(array)
            self._regions[number] = Region(low, high, None if packed else ("origin", number), 0)

    def _build(self, number, entry):
        import numpy

        if entry[0] == "own":
            _, shape, dtype, order, writeable, packed, index, start, layout = entry
            array = self._buffers[index] if index else None
            if type(array) is not numpy.ndarray:
                array = numpy.empty(shape, dtype, order=order)
                if array.size:
                    memoryview(flat_bytes(array))[:] = memoryview(self._buffers[index])[start : start + array.nbytes]
            if layout is not None:
                array = _laid_out(array, *layout)
            self._known(array, number, packed)
            array.flags.writeable = writeable
            return array
        if entry[0] == "region":
            _, size, index, start = entry
            return numpy.frombuffer(self._buffers[index], numpy.uint8, size, start).copy()
        _, anchor, delta, shape, strides, dtype, writeable = entry
        if anchor in self.arrays and anchor not in self._plan:
            self.joined.add(number)
        base = self._anchor(anchor)
        view = view_at(base, delta, shape, strides, dtype)
        if isinstance(anchor, tuple) and anchor[0] == "region" and anchor not in self._regions:
            low, high = extent(base)
            self._regions[anchor] = Region(low, high, ("origin", number), low - start_of(view))
        if view.flags.writeable and not writeable:
            view.flags.writeable = False
        return view

    def _anchor(self, anchor):
        if isinstance(anchor, tuple) and anchor[0] == "origin":
            return self._anchors[anchor[1]]
        return self.array(anchor)


def loaded():
    """Whether numpy is in use in this process."""
    return getattr(sys.modules.get("numpy"), "ndarray", None) is not None
