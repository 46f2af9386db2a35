"""The worker as a process: output, interrupts, names supplied late, ambient state."""

import hashlib
import os
import random
import sys
import threading
import time

import pytest
from conftest import Failure, Process
from nbhoist_runtime import frames
from nbhoist_runtime.cache import Cache


def test_output_of_every_level_in_order(lab):
    lab.start([])
    lab.run(
        "import os, sys, ctypes, subprocess\nprint('python 1')\nos.write(1, b'descriptor 2\\n')\nprint('python 3')\n"
        "libc = ctypes.CDLL(None); libc.puts(b'c 4'); libc.fflush(None)\nprint('python 5')\n"
        "subprocess.run(['echo', 'child 6'])\nprint('python 7')\nsys.stdout.buffer.write(b'bytes 8\\n')\nlibc.puts(b'c 9 unflushed')"
    )
    assert lab.text().split("\n") == [
        "python 1", "descriptor 2", "python 3", "c 4", "python 5", "child 6", "python 7", "bytes 8", "c 9 unflushed", "",
    ]


def test_forked_children_do_not_disturb_the_frames(lab):
    lab.start([])
    lab.run("import os\npid = os.fork()\nif pid == 0:\n    print('from the child')\n    os._exit(0)\nos.waitpid(pid, 0)\nprint('parent')")
    assert sorted(lab.text().split()) == sorted("from the child parent".split())


def test_much_output_is_few_frames(lab):
    lab.start([])
    lab.run("for i in range(20000): print(i)")
    assert lab.text() == "".join("%d\n" % i for i in range(20000)) and len(lab.events) < 200


def interrupt_when(lab, begun):
    """Interrupt the cell that leaves this mark, a moment later."""
    while not os.path.exists(begun):
        time.sleep(0.05)
    time.sleep(0.3)
    lab.worker.send({"op": "interrupt"})


@pytest.mark.parametrize("source", [
    "import time\ntime.sleep(60)",
    "while True: pass",
    "import asyncio\nawait asyncio.sleep(60)",
    "import threading\nthreading.Event().wait()",
    "try:\n    import time; time.sleep(60)\nfinally:\n    cleaned = 1",
])
def test_interrupt(lab, source):
    lab.cell("a = [1]")
    lab.start(["a"])
    begun = os.path.join(str(lab.directory), "begun")
    threading.Thread(target=interrupt_when, args=(lab, begun), daemon=True).start()
    done = lab.run("a.append(2)\nopen(%r, 'w').close()\n" % begun + source.replace("60", "600"))
    assert not done["ok"] and done["interrupted"] and done["seconds"] < 500
    assert [event["ename"] for event in lab.errors()] in (["KeyboardInterrupt"], ["CancelledError"])
    assert lab.run("after = a", 2)["ok"]
    lab.collect()
    lab.restore()
    assert lab.space["a"] == [1, 2]


def test_interrupt_while_idle_does_nothing(lab):
    lab.start([])
    lab.worker.send({"op": "interrupt"})
    assert lab.run("x = 1")["ok"]


def test_missed_names_are_supplied_wherever_they_are_read(lab):
    lab.cell("import numpy as np\nK = 2\ndef deep(): return K\ndata = [1, 2]\nimport os.path as osp\nother = 5\nin_class = 3")
    lab.migrate(
        "a = deep()\nb = [x * K for x in data]\nclass C:\n    v = in_class\nc = (lambda: other)()\nd = np.zeros(2).sum()\ne = osp.join('x', 'y')\n"
        "import threading\nout = []\nt = threading.Thread(target=lambda: out.append(late)); t.start(); t.join()\n",
        names=["data"],
    )
    space = lab.space
    assert (space["a"], space["b"], space["C"].v, space["c"], space["d"], space["e"]) == (2, [2, 4], 3, 5, 0.0, "x/y")
    assert {"deep", "K", "in_class", "other", "np", "osp"} <= set(lab.collected["faults"])
    assert lab.collected["changed"] == [] and "deep" not in lab.collected["names"]


def test_a_name_from_a_thread(lab):
    lab.cell("late = [7]")
    lab.migrate("import threading\nout = []\nt = threading.Thread(target=lambda: out.append(late)); t.start(); t.join()", names=[])
    assert lab.space["out"][0] is lab.space["late"]


def test_a_name_that_nobody_has(lab):
    # Code that reads a name of the kernel asks for every name it misses; other code knows that nobody has them.
    lab.cell("hidden = 1")
    lab.start([])
    lab.run("try:\n    nowhere_at_all\nexcept NameError: pass")
    assert lab.events == []
    done = lab.run("def never():\n    return hidden\ntry:\n    nowhere\nexcept NameError as e: print(e)\nhasattr(__builtins__, 'x')\nnowhere_else")
    assert not done["ok"] and lab.text() == "name 'nowhere' is not defined\n"
    assert lab.errors()[0]["evalue"] == "name 'nowhere_else' is not defined"
    assert [event["name"] for event in lab.events if event["op"] == "fault"] == ["nowhere", "nowhere_else"]


def test_a_name_that_nobody_has_does_not_stand_in_the_way_of_the_next(lab):
    lab.cell("late = 3")
    lab.start([])
    assert lab.run("try:\n    nowhere\nexcept NameError: pass\nx = late")["ok"]


def test_a_missed_name_that_cannot_travel_says_so(lab):
    lab.cell("import threading\nlock = [threading.Lock()]\nfine = [1]")
    lab.start([])
    done = lab.run("lock")
    assert not done["ok"] and "lock[0]" in lab.errors()[0]["evalue"]
    assert lab.run("fine.append(2)", 2)["ok"]
    lab.collect()
    lab.restore()
    assert lab.space["fine"] == [1, 2]


def test_shell_names_are_not_asked_for(lab):
    lab.start([])
    assert lab.run("get_ipython, In, Out, _, __name__, exit, display, __builtins__, _i")["ok"]
    assert not [event for event in lab.events if event["op"] == "fault"]


def test_unknown_requests_and_rubbish(lab):
    lab.start([])
    with pytest.raises(Failure, match="does not know"):
        lab.worker.ask({"op": "dance"})
    assert lab.run("1")["ok"]
    lab.worker.process.stdin.write(b"\xff\xff\xff\xff rubbish, and as much of it as a length and its tag have")
    lab.worker.process.stdin.flush()
    with pytest.raises(Failure, match="changed on its way"):
        lab.worker.wait("ok")
    assert lab.worker.process.wait(100) == 0


def test_end_of_input_ends_a_busy_worker(lab):
    lab.start([])
    lab.worker.send({"op": "run", "id": 5, "cell": "c", "number": 1, "count": 1, "source": "while True: pass"})
    time.sleep(0.5)
    lab.worker.process.stdin.close()
    assert lab.worker.process.wait(100) == 0


def test_ambient_state_makes_the_round_trip(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("NBHOIST_A", "before")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path + [str(tmp_path)])
    (tmp_path / "localmodule_x.py").write_text("value = 11\n")
    (tmp_path / "sub").mkdir()
    import numpy as np
    import pandas as pd

    random.seed(5)
    np.random.seed(6)
    with pd.option_context("display.max_rows", 7), np.printoptions(precision=3):
        state = random.getstate(), np.random.get_state()
        expected = [random.random(), np.random.rand()]
        after = [random.random(), np.random.rand()]
        random.setstate(state[0])
        np.random.set_state(state[1])
        lab.migrate(
            "import os, random\nimport numpy as np, pandas as pd, localmodule_x\nr = [random.random(), np.random.rand()]\n"
            "env = os.environ['NBHOIST_A']; cwd = os.getcwd(); rows = pd.get_option('display.max_rows'); text = str(np.array([1.23456]))\n"
            "os.environ['NBHOIST_B'] = 'new'; os.environ.pop('NBHOIST_A'); pd.set_option('display.width', 55); os.chdir('sub')\nv = localmodule_x.value",
            names=[],
        )
        assert lab.ok, lab.errors()
        space = lab.space
        assert space["r"] == expected and [random.random(), np.random.rand()] == after
        assert (space["env"], space["cwd"], space["rows"], space["text"], space["v"]) == ("before", str(tmp_path), 7, "[1.235]", 11)
        assert os.environ.pop("NBHOIST_B") == "new" and "NBHOIST_A" not in os.environ
        assert os.getcwd() == str(tmp_path / "sub") and pd.get_option("display.width") == 55
    pd.reset_option("display.width")


def test_without_ipython(lab, tmp_path):
    hide = "import sys; sys.modules['IPython'] = None; "
    lab.cell("a = [1]")
    lab.start(["a"], prelude=hide)
    assert lab.worker.hello["ipython"] is None
    assert lab.run("print('x')\na.append(2)\nlen(a)")["ok"] and lab.text() == "x\n"
    assert [event["data"]["text/plain"] for event in lab.events if event["op"] == "execute_result"] == ["2"]
    assert not lab.run("%time 1", 2)["ok"] and "IPython is not installed" in lab.errors()[-1]["traceback"][-1]
    assert lab.run("import asyncio\nawait asyncio.sleep(0)", 3)["ok"]
    lab.run("1 / 0", 4)
    assert lab.errors()[-1]["traceback"][-3:] == ['  File "<cell 4>", line 1, in <module>', "    1 / 0", "ZeroDivisionError: division by zero"] or (
        lab.errors()[-1]["traceback"][-1] == "ZeroDivisionError: division by zero")
    lab.collect()
    lab.restore()
    assert lab.space["a"] == [1, 2]


def test_hello(lab):
    process = Process()
    hello = process.hello
    assert hello["protocol"] == 3 and hello["python"].startswith("%d.%d." % sys.version_info[:2])
    assert hello["packages"]["numpy"] and "raw" in hello["codecs"] and "zlib" in hello["codecs"]
    process.close()


def test_arrays_that_come_while_libraries_load(lab):
    """The thread that reads makes room for arrays, which takes numpy, while the other thread may be about to import it."""
    lab.cell("import numpy as np\nimport pandas as pd\nbig = np.arange(200000)\nframe = pd.DataFrame({'a': big})")
    file = os.path.join(str(lab.directory), "at-once.inputs")
    captured = lab.call("capture", migration="at-once", names=["np", "pd", "big", "frame"], file=file)
    for _ in range(6):
        lab.worker = Process()
        surroundings = {"directory": captured["directory"], "path": captured["path"], "ambient": captured["ambient"]}
        lab.worker.send(dict(surroundings, op="begin", count=1))
        lab.worker.send({"op": "imports", "lines": captured["imports"]})
        lab.ship(file)
        assert lab.worker.wait("ok")["failed"] == []
        lab.worker.wait("ok")
        assert lab.run("print(big.sum() == frame.a.sum())")["ok"]
        lab.worker.close()
    lab.worker = None


def test_what_a_worker_keeps_is_named_as_the_kernel_would_send_it(lab, tmp_path):
    make = "import numpy, pandas\nx = numpy.arange(700_000.0)\nframe = pandas.DataFrame({'a': x[::2], 'b': x[1::2]})"
    lab.start([], env={"NBHOIST_CACHE_DIR": str(tmp_path / "cache")})
    assert lab.run(make)["ok"]
    parts = lab.worker.ask({"op": "keep", "names": ["x", "frame"]})["parts"]
    lab.finish()
    lab.cell(make)
    file = str(tmp_path / "inputs")
    lab.call("capture", migration="m", names=["frame", "x"], file=file)
    sent = set()
    with open(file, "rb") as source:
        while True:
            header, payload = frames.read(source)
            if header["op"] != "buffer":
                break
            if len(payload) > 1 << 16:
                sent.add(hashlib.sha256(payload).hexdigest())
    assert len(sent) == 14 and sent == set(parts)
    assert Cache(str(tmp_path / "cache" / "chunks")).find(parts) == list(range(len(parts)))
