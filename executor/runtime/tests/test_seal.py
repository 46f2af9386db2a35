"""Seals: whatever was changed, left out, repeated, moved or written by somebody else is refused."""

import io
import os

import pytest
from conftest import Failure

from nbhoist_runtime import frames
from nbhoist_runtime.seal import FROM_WORKER, KEY, NONCE, TO_WORKER, Forged, Seal

SECRET, HERE = bytes(range(KEY)), bytes(NONCE)


def written(*sent, key=SECRET, way=TO_WORKER, nonce=HERE):
    """The bytes of each of these frames."""
    seal, found = Seal(key, way, nonce), []
    for header, payload in sent:
        file = io.BytesIO()
        frames.write(frames.Sealed(file, seal), dict(header), payload)
        found.append(file.getvalue())
    return found


def read(data):
    source = frames.Sealed(io.BytesIO(data), Seal(SECRET, TO_WORKER, HERE))
    found = []
    while True:
        header, payload = frames.read(source)
        if header is None:
            return found
        found.append((header["op"], bytes(payload)))


ONE, TWO = written(({"op": "one"}, b"first"), ({"op": "two"}, b""))


def test_frames_are_read_as_they_were_written():
    assert read(ONE + TWO) == [("one", b"first"), ("two", b"")]


@pytest.mark.parametrize("data", [TWO, ONE + ONE, TWO + ONE, ONE[: len(ONE)] + TWO[:-1] + b"!"], ids=["left out", "repeated", "moved", "changed"])
def test_frames_out_of_place_are_refused(data):
    with pytest.raises(Forged):
        read(data)


@pytest.mark.parametrize("other", [{"key": bytes(KEY)}, {"way": FROM_WORKER}, {"nonce": b"x" * NONCE}], ids=str)
def test_frames_of_another_key_direction_or_stream_are_refused(other):
    with pytest.raises(Forged):
        read(written(({"op": "one"}, b"first"), **other)[0])


def test_every_bit_counts():
    for at in range(len(ONE)):
        with pytest.raises(Forged):
            read(ONE[:at] + bytes([ONE[at] ^ 1]) + ONE[at + 1 :])


def test_changed_file_is_refused(lab, tmp_path):
    lab.cell("rows = [b'a plain value']")
    key, path = os.urandom(KEY).hex(), str(tmp_path / "inputs")
    lab.call("capture", migration="sealed", names=["rows"], file=path, key=key)
    with open(path, "rb") as file:
        data = file.read()
    result = str(tmp_path / "returns")
    with open(result, "wb") as file:
        file.write(data.replace(b"a plain value", b"a PLAIN value"))
    with pytest.raises(Failure, match="changed on its way"):
        lab.call("restore", migration="sealed", file=result, key=key)
    assert lab.space["rows"] == [b"a plain value"]
    lab.call("release", migration="sealed")
