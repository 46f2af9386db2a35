"""Buffers are written in parts that are small where somebody waits for them."""

import io

import pytest

from nbhoist_runtime import frames

MB = 1 << 20


def lengths(size):
    """The lengths of the parts in which a buffer of so many bytes is written."""
    file = io.BytesIO()
    frames.write_buffers(file, [bytes(size)])
    file.seek(0)
    found = []
    while True:
        header, payload = frames.read(file)
        if header is None:
            return found
        assert header["last"] == (sum(found) + len(payload) == size)
        found.append(len(payload))


@pytest.mark.parametrize("size", [0, 1, 4 * MB, 4 * MB + 1, 5 * MB + 8, 9 * MB, 100_000_000])
def test_parts_are_the_whole_and_end_with_whole_words(size):
    found = lengths(size)
    assert sum(found) == size
    assert all(length <= frames.MAX_PAYLOAD for length in found)
    assert all(length % 8 == 0 for length in found[:-1])


def test_small_buffer_is_one_part():
    assert lengths(4 * MB) == [4 * MB]


def test_large_buffer_begins_and_ends_with_small_parts():
    found = lengths(100_000_000)
    assert found[0] == frames.MIN_PART and all(length <= frames.MIN_PART for length in found[-2:])
    assert found.count(frames.MAX_PAYLOAD) > 15


def test_values_made_there_have_the_parts_of_those_that_are_sent():
    data = bytes(9 * MB + 5)
    assert [len(part) for part in frames.parts([data], 1)] == lengths(len(data))
