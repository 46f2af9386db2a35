"""The cache of chunks: bounded, verified, safe for several at once."""

import hashlib
import os
import threading

import pytest

from nbhoist_runtime.cache import Cache


def name(data):
    return hashlib.sha256(data).hexdigest()


def stored(cache, datas):
    for data in datas:
        cache.keep(name(data), data)
    cache.settle(10)


def test_what_was_kept_is_found_and_what_was_damaged_is_not(tmp_path):
    datas = [bytes([number]) * 1000 for number in range(5)]
    stored(Cache(str(tmp_path / "c")), datas)
    cache = Cache(str(tmp_path / "c"))
    assert cache.find([name(data) for data in datas] + ["0" * 64]) == [0, 1, 2, 3, 4]
    assert cache.chunk(name(datas[2])) == datas[2]
    place = cache._place(name(datas[2]))
    with open(place, "wb") as file:
        file.write(b"damaged")
    assert Cache(str(tmp_path / "c")).find([name(data) for data in datas]) == [0, 1, 3, 4]
    assert not os.path.exists(place)


def test_what_was_found_stays_until_the_question_after_the_next(tmp_path):
    datas = [bytes([number]) * 1000 for number in range(3)]
    stored(Cache(str(tmp_path / "c")), datas)
    cache = Cache(str(tmp_path / "c"))
    for data in datas[:2]:
        assert cache.find([name(data)]) == [0]
    assert [cache.chunk(name(data)) for data in datas[:2]] == datas[:2]
    assert cache.find([name(datas[1]), name(datas[2])]) == [0, 1]
    assert [cache.chunk(name(data)) for data in datas[1:]] == datas[1:]
    with pytest.raises(KeyError):
        cache.chunk(name(datas[0]))


def test_a_chunk_under_a_wrong_name_is_not_found(tmp_path):
    cache = Cache(str(tmp_path / "c"))
    cache.keep("0" * 64, b"something else")
    cache.settle(10)
    assert Cache(str(tmp_path / "c")).find(["0" * 64]) == []


def test_what_was_used_last_stays(tmp_path):
    datas = [os.urandom(10_000) for _ in range(20)]
    stored(Cache(str(tmp_path / "c"), limit=1 << 30), datas)
    for age, data in enumerate(datas):
        os.utime(Cache(str(tmp_path / "c"))._place(name(data)), (1_000_000 + age, 1_000_000 + age))
    fresh = os.urandom(10_000)
    stored(Cache(str(tmp_path / "c"), limit=100_000), [fresh])
    left = Cache(str(tmp_path / "c")).find([name(data) for data in datas + [fresh]])
    assert left == list(range(13, 21))


def test_many_writers_of_the_same_chunks(tmp_path):
    datas = [os.urandom(50_000) for _ in range(20)]
    writers = [threading.Thread(target=stored, args=(Cache(str(tmp_path / "c"), limit=800_000), datas)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    cache = Cache(str(tmp_path / "c"))
    found = cache.find([name(data) for data in datas])
    assert found and all(cache.chunk(name(datas[position])) == datas[position] for position in found)
    files = [file for folder, _, files in os.walk(tmp_path) for file in files if file != "lock"]
    assert all(len(file) == 64 for file in files), "a half-written file is left"
