"""Values that stay where a block ran: what may, how they are used there, how they come home."""

import os
import shutil
import sys

import pytest

from conftest import Failure, Process, kernel_client
from nbhoist_runtime import away, mentions

FETCHER = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "fetcher.py")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache that the worker and whoever fetches from it have in common."""
    monkeypatch.setenv("NBHOIST_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def client():
    """A kernel that no other test has left functions in."""
    yield from kernel_client()


@pytest.fixture
def bed(kernel_lab, cache):
    kernel_lab.cell("import os; os.environ['NBHOIST_CACHE_DIR'] = %r" % str(cache))
    kernel_lab.told = {"place": "box", "command": FETCHER, "cells": {}}
    yield kernel_lab
    left = away_now(kernel_lab)
    if left:
        kernel_lab.cell("del " + ", ".join(left))
    _, reply = kernel_lab.cell("%reset -f")
    assert reply["status"] == "ok", reply


def block(bed, source, names=(), stay=(), place="box", returns=(), everything=True, **options):
    """Run a cell elsewhere; gives what the worker says of the results."""
    bed.start(list(names), stay=stay, place=place)
    try:
        assert bed.run(source)["ok"], bed.errors()
        found = bed.collect(returns, everything)
        bed.restore(stay=dict(bed.told, cells={name: [3] for name in stay}), **options)
        return found
    finally:
        bed.finish()


def printed(bed, source):
    found, reply = bed.cell(source)
    assert reply["status"] == "ok", reply
    return "".join(one["text"] for one in found if one["op"] == "stream" and one["name"] == "stdout")


def away_now(bed):
    return sorted(bed.call("stays")["names"])


BIG = "import numpy as np\nbig = np.arange(400_000.0)"


def test_a_value_stays_and_is_used_there_without_travelling(bed):
    found = block(bed, BIG + "\nsmall = 1", stay=["big", "small"])
    assert list(found["stayed"]) == ["big"] and found["stayed"]["big"]["bytes"] > 3_000_000
    assert "small" in found["names"] and found["bytes"] < 10_000
    assert away_now(bed) == ["big"]
    bed.start(["big"], place="box")
    assert bed.captured["bytes"] < 10_000 and list(bed.captured["stayed"]) == ["big"]
    bed.run("total = float(big.sum())")
    found = bed.collect(["total"])
    assert found["names"] == ["total"] and found["bytes"] < 10_000
    bed.restore()
    bed.finish()
    assert away_now(bed) == ["big"]
    assert printed(bed, "print(total)") == "79999800000.0\n"
    assert away_now(bed) == ["big"]


@pytest.mark.parametrize("source", ["print(int(big[7]))", "for _n in ('b' + 'ig',): print(int(get_ipython().user_ns[_n][7]))"])
def test_a_cell_that_may_touch_it_fetches_it_first(bed, source):
    block(bed, BIG, stay=["big"])
    assert printed(bed, source) == "7\n"
    assert away_now(bed) == []
    assert printed(bed, "print(type(big).__name__, big.shape, big.flags.writeable)") == "ndarray (400000,) True\n"


def test_to_bind_the_name_anew_nothing_is_fetched(bed, cache):
    block(bed, BIG, stay=["big"])
    shutil.rmtree(str(cache / "stay"))
    assert printed(bed, "big = 7\nprint('bound')") == "bound\n"
    assert printed(bed, "print(big)") == "7\n"


def test_what_came_home_is_let_go_there(bed, cache):
    block(bed, BIG, stay=["big"])
    files = lambda: [path for path in (cache / "stay").rglob("*") if path.is_file()]
    assert [path.stat().st_mode & 0o777 for path in files()] == [0o600]
    printed(bed, "big.sum()")
    block(bed, "other = 1")
    assert files() == []


def test_a_place_that_is_gone_stops_the_cell_before_it_begins(bed, cache):
    block(bed, BIG, stay=["big"])
    shutil.rmtree(str(cache / "stay"))
    found, reply = bed.cell("started = True\nprint(big)")
    assert reply["status"] == "error" and reply["ename"] == "StaysAway"
    text = "\n".join(reply["traceback"])
    assert "`big` stayed on `box`" in text and "Run cell 3 again" in text and "not run" in text, text
    assert away_now(bed) == ["big"] and "`del big` gives it up" in text
    found, reply = bed.cell("started")
    assert reply["ename"] == "NameError"
    with pytest.raises(Failure) as failure:
        bed.start(["big"], place="box")
    assert failure.value.error["kind"] == "missing" and failure.value.error["name"] == "big"
    bed.finish()


def test_a_file_that_was_changed_is_not_believed(bed, cache):
    block(bed, BIG, stay=["big"])
    path, = [path for path in (cache / "stay").rglob("*") if path.is_file()]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    _, reply = bed.cell("big.sum()")
    assert reply["ename"] == "StaysAway" and "does not hold" in "\n".join(reply["traceback"])


TOGETHER = """
import numpy as np, pandas as pd
numbers = lambda: np.arange(400_000.0)
del numbers
alone = np.arange(400_000.0)
one = np.arange(400_000.0); same = one
two = np.arange(400_000.0); view = two[10:]
three = np.arange(400_000.0); holder = {"inside": [three]}
four = np.arange(400_000.0); kept.append(four)
five = [np.arange(400_000.0), kept]
class C: pass
six = C(); six.data = "x" * 2_000_000
frame = pd.DataFrame({"a": range(300_000)}); column = frame["a"].values[5:]
seven = np.arange(400_000.0)
def reads(): return seven.sum()
nine = np.arange(400_000.0)
eight = np.arange(400_000.0)
eight
"""


def test_what_has_something_in_common_with_what_goes_home_goes_home(bed):
    bed.cell("kept = []\ndef home():\n    return nine.sum()")
    names = "alone one same two view three holder four five six frame column seven eight nine".split()
    found = block(bed, TOGETHER, names=["kept"], stay=names)
    assert list(found["stayed"]) == ["alone"], found
    assert away_now(bed) == ["alone"]
    checks = "one is same, view.base is two, holder['inside'][0] is three, kept[0] is four, five[1] is kept, column.base is not None"
    assert printed(bed, "print(%s, home() == reads())" % checks) == "True True True True True True True\n"
    assert away_now(bed) == ["alone"]


def test_code_that_may_read_any_name_keeps_everything_from_staying(bed):
    assert not block(bed, BIG + "\ndef f(): return eval('b' + 'ig')", stay=["big"])["stayed"]


def test_a_function_that_comes_later_has_it_fetched(bed):
    block(bed, BIG, stay=["big"])
    block(bed, "def f():\n    return float(big[3])")
    assert away_now(bed) == ["big"]
    assert printed(bed, "print(f())") == "3.0\n"


def test_a_change_there_is_a_new_value(bed):
    block(bed, BIG, stay=["big"])
    found = block(bed, "big[0] = 5", names=["big"], stay=["big"], everything=False)
    assert list(found["stayed"]) == ["big"]
    found = block(bed, "big[1] = 6", names=["big"], everything=False)
    assert found["names"] == ["big"]
    assert printed(bed, "print(big[:3])") == "[5. 6. 2.]\n"


def test_what_comes_to_share_with_it_there_brings_it_home(bed):
    bed.cell("kept = []")
    block(bed, "import numpy as np\nbig, two, three, four = (np.arange(400_000.0) for _ in range(4))", stay=["big", "two", "three", "four"])
    found = block(bed, "other = big\nview = two[5:]\nkept.append(three)", names=["big", "two", "three", "four", "kept"])
    assert {"big", "two", "three"} <= set(found["names"])
    assert away_now(bed) == ["four"]
    assert printed(bed, "print(other is big, view.base is two, kept[0] is three)") == "True True True\n"


def test_at_another_place_it_goes_by_way_of_home(bed):
    block(bed, BIG, stay=["big"])
    block(bed, "total = float(big.sum())", names=["big"], place="other")
    assert away_now(bed) == []
    assert printed(bed, "print(total)") == "79999800000.0\n"


def test_a_name_that_the_analysis_missed_is_found_there(bed):
    block(bed, BIG, stay=["big"])
    found = block(bed, "total = float(big.sum())\nbig[0] = 5", names=[], returns=["total"], everything=False)
    assert found["faults"] == ["big"] and sorted(found["names"]) == ["big", "total"], "it was changed"
    assert printed(bed, "print(total, big[0])") == "79999800000.0 5.0\n"
    block(bed, BIG, stay=["big"])
    block(bed, "total = float(big.sum())", names=[])
    assert away_now(bed) == ["big"]
    block(bed, "total = float(big.sum()) + 1", names=[], place="other")
    assert away_now(bed) == [] and printed(bed, "print(total)") == "79999800001.0\n"


def test_undo_binds_what_was_bound(bed):
    bed.cell("big = 'before'")
    block(bed, BIG, names=["big"], stay=["big"], undoable=True)
    assert away_now(bed) == ["big"]
    bed.call("undo")
    assert away_now(bed) == [] and printed(bed, "print(big)") == "before\n"
    block(bed, BIG, names=["big"], stay=["big"])
    block(bed, "big = big + 1", names=["big"], stay=["big"], undoable=True)
    bed.call("undo")
    assert printed(bed, "print(big[0])") == "0.0\n"


def test_unseen_code_gets_an_exception_and_never_a_wrong_value():
    handle = away.Away({
        "name": "big", "kind": "numpy.ndarray", "bytes": 3_200_000, "place": "box", "sha256": "0" * 64, "cells": [3], "command": [],
    })
    assert repr(handle) == "<`big` stays on `box`: numpy.ndarray, 3.2 MB, fetched when a cell names it; made by cell 3>"
    touches = [
        lambda: handle + 1, lambda: 1 + handle, lambda: len(handle), lambda: list(handle), lambda: handle[0], lambda: handle.shape,
        lambda: bool(handle), lambda: handle == 1, lambda: isinstance(handle, list), lambda: str(handle), lambda: {handle},
        lambda: setattr(handle, "x", 1), lambda: hasattr(handle, "shape"), lambda: float(handle), lambda: 1 in handle,
        lambda: __import__("pickle").dumps(handle), lambda: __import__("copy").copy(handle), lambda: __import__("numpy").asarray(handle),
        lambda: __import__("numpy").ones(2) * handle, lambda: __import__("json").dumps(handle),
    ]
    for touch in touches:
        with pytest.raises((away.Untouchable, TypeError)):
            touch()


def test_what_cells_mention():
    import ast

    names = lambda source: mentions.of_cell(ast.parse(source))
    assert names("x = big.sum()") == {"big", "sum"}
    assert names("big += 1") == {"big"} and names("big = 1; del big") == set()
    assert "limit" in names("frame.query('a > @limit')") and "limit" in names("f'{limit:.2f}'")
    assert {"a", "b", "c", "d"} <= names("def a(b, *, c): global d")
    for source in ("globals()", "eval(text)", "from m import *", "get_ipython().x()", "dir()", "frame.query(text)", "import __main__"):
        assert names(source) is mentions.ALL, source
    assert names("dir(big)") is not mentions.ALL and names("np.stack(x)") is not mentions.ALL


def test_a_worker_that_is_killed_afterwards_takes_nothing_along(bed):
    bed.start([], stay=["big"], place="box")
    bed.run(BIG)
    bed.collect()
    bed.worker.process.kill()
    bed.restore(stay=bed.told)
    bed.finish()
    assert printed(bed, "print(float(big.sum()))") == "79999800000.0\n"


def test_a_folder_name_leads_nowhere_else():
    worker = Process()
    for folder, digest in (("../../x", "0" * 64), ("0" * 32, "../x"), (None, "0" * 64)):
        with pytest.raises(Failure):
            worker.ask({"op": "home", "folder": folder, "sha256": digest}, "collected")
    worker.close()
