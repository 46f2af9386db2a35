"""Sizes that are told at once, against what is known of the values."""

import time

import numpy
import pandas
import pytest
import scipy.sparse

from nbhoist_runtime import sizes


def size(value, seconds=5):
    return sizes.measure({"x": value}, ["x"], seconds)["x"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (numpy.zeros((1000, 100)), 800_000),
        (pandas.DataFrame({"a": numpy.arange(10_000), "b": ["text" * 10] * 10_000}), 10_000 * (8 + 8 + 8 + 72)),
        (pandas.Series(range(10_000)), 80_000),
        (scipy.sparse.random(1000, 1000, 0.01, "csr"), 10_000 * 12),
        (list(range(100_000)), 100_000 * 40),
        ({str(number): "x" * 100 + str(number) for number in range(1000)}, 1000 * 225),
        ("x" * 5000, 5000),
    ],
    ids=["array", "frame", "series", "sparse", "list", "dict", "text"],
)
def test_known_sizes_are_met(value, expected):
    assert expected / 1.5 < size(value) < expected * 1.5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (numpy.zeros(3), True),
        (numpy.array([[], {}], object), False),
        (pandas.DataFrame({"a": [1.0], "b": [2]}), True),
        (pandas.DataFrame({"a": [1.0], "b": ["text"]}), False),
        (pandas.DataFrame({"a": pandas.Categorical(["x"])}), False),
        (pandas.Series([1, 2]), True),
        (scipy.sparse.random(10, 10, 0.5, "csr"), True),
        ([1.0, 2.0], False),
        (None, False),
    ],
)
def test_blocks_of_memory_are_known_as_such(value, expected):
    assert sizes.is_block(value) is expected


def test_what_an_object_holds_counts():
    class Model:
        pass

    model = Model()
    model.weights = [numpy.zeros(10_000) for _ in range(3)]
    model.itself = model
    assert 240_000 <= size(model) < 250_000


def test_no_code_of_the_user_runs():
    class Sly(list):
        def __len__(self):
            raise AssertionError("asked")

        def __iter__(self):
            raise AssertionError("asked")

        def __reduce__(self):
            raise AssertionError("asked")

    class Lazy:
        def __getattribute__(self, name):
            raise AssertionError("asked")

    assert size(Sly([1, 2, 3])) > 100
    assert size(Lazy()) > 0


def test_deadline_ends_it():
    deep = [[[[numpy.zeros(1) for _ in range(50)] for _ in range(50)] for _ in range(50)] for _ in range(20)]
    started = time.monotonic()
    assert sizes.measure({"a": 1, "x": deep}, ["a", "x"], 0.01) == {"a": 32}
    assert time.monotonic() - started < 1
