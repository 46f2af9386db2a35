"""Digests that are taken while parts come are those of the whole."""

import io

import numpy
import pytest

from nbhoist_runtime import fingerprint, frames, session, sums
from nbhoist_runtime.bundle import Sender
from nbhoist_runtime.tracking import Tracker


def written(value):
    """The frames of a bundle that holds a value, as a kernel writes them, and the number of its buffers."""
    namespace = {"value": value}
    packed = Sender(session.seeds(namespace)).pack([("value", value)])
    file = io.BytesIO()
    frames.write_buffers(file, packed.buffers)
    file.seek(0)
    return file, len(packed.buffers)


def arrived(file, count):
    """The arrays of a bundle, and their digests by `id`."""
    assembly = frames.Assembly(with_sums=True)
    while (header := frames.read_header(file)) is not None:
        assembly.read(file, header)
    digests = assembly.take_digests()
    return [buffer for buffer in assembly.take(count) if isinstance(buffer, numpy.ndarray)], digests


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape, dtype", [((1100, 1300), "f8"), ((3_000_001,), "u1"), ((700_001, 3), "i2")])
def test_arrays_have_the_digest_of_their_memory(shape, dtype, order):
    random = numpy.random.default_rng(0)
    value = numpy.asarray(random.integers(0, 100, shape), dtype, order=order)
    (array,), digests = arrived(*written(value))
    known = digests[id(array)]
    assert fingerprint.array_digest(array, known=known) == fingerprint.array_digest(array) == fingerprint.array_digest(value)


def test_small_arrays_have_none():
    (_,), digests = arrived(*written(numpy.zeros(100_000)))
    assert not digests


def test_a_change_after_arrival_is_seen():
    (array,), digests = arrived(*written(numpy.arange(1_000_000)))
    tracker = Tracker(session.seeds({}), with_arrays=True)
    tracker.add(0, [array], b"\x01", arrived=digests)
    assert tracker.changed() == []
    array[77] += 1
    assert tracker.changed() == [0]


def test_parts_that_end_inside_a_word():
    data = bytes(range(256)) * 8000
    whole = sums.Sums()
    whole.add(data)
    parts = sums.Sums()
    for start in range(0, len(data), 4096):
        parts.add(data[start : start + 4096])
    assert parts.text() == whole.text() == fingerprint.digest(data)
    parts.add(b"abc")
    with pytest.raises(ValueError):
        parts.add(b"d")
