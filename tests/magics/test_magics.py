"""`%load_ext nbhoist` in real kernels: cells that run elsewhere, their outputs and errors, interrupts, the automatic mode."""

import os
import re
import subprocess
import sys
import time

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FAST = "[executors.local]\nspeed = 50\n"


def kinds(outputs):
    return [kind for kind, _ in outputs]


def test_a_cell_runs_elsewhere_and_its_results_come_back(start):
    lab = start()
    lab.text("import os\nxs = [1, 2]\nalso = xs\nhome = os.getpid()\ndef total():\n    return sum(xs)")
    source = "print('there', os.getpid() != home)\nxs.append(total())\nfrom IPython.display import display\ndisplay('shown')\nlen(xs)"
    outputs, reply = lab.run("%%hoist local\n" + source)
    assert kinds(outputs) == ["stream", "display_data", "execute_result"]
    assert outputs[0][1]["text"] == "there True\n" and outputs[2][1]["data"]["text/plain"] == "3"
    assert outputs[2][1]["execution_count"] == reply["execution_count"]
    assert lab.text("print(xs, also is xs, total(), _, Out[%d], os.getpid() == home)" % reply["execution_count"]) == "[1, 2, 3] True 6 3 3 True\n"
    assert lab.run("1")[1]["execution_count"] == reply["execution_count"] + 2
    assert "moved: print" in lab.text("%hoist status")


def test_an_exception_ends_the_cell_as_it_would_here(start):
    lab = start()
    lab.text("xs = []")
    outputs, reply = lab.run("%%hoist local\nxs.append(1)\nhalf = 2\n1 / 0")
    assert reply["status"] == "error" and reply["ename"] == "ZeroDivisionError" and reply["evalue"] == "division by zero"
    traceback = "\n".join(outputs[-1][1]["traceback"])
    assert "division by zero" in traceback and "partner" not in traceback and "line" in traceback
    assert lab.text("print(xs, half)") == "[1] 2\n"


@pytest.mark.parametrize("where", ["running", "packing"])
def test_an_interrupt_leaves_everything_as_it_was(start, where):
    lab = start()
    lab.text("import time\nxs = [1]")
    if where == "packing":
        # No single call is long: Python sees a signal that comes just before a system call only after it.
        lab.text("class Slow:\n    def __getstate__(self):\n        print('packing', flush=True)\n        [time.sleep(0.1) for _ in range(600)]\nslow = Slow()")
    before = lab.text("print(id(xs), xs, sorted(name for name in globals() if not name.startswith('_')))")
    body = {"running": "xs.append(2)\nnew = 1\nprint('running', flush=True)\ntime.sleep(60)", "packing": "xs.append(2)\nnew = slow"}[where]
    began = []

    def look(kind, content):
        if kind == "stream" and where in content["text"] and not began:
            began.append(time.monotonic())
            lab.manager.interrupt_kernel()

    _, reply = lab.run("%%hoist local\n" + body, look)
    assert reply["status"] == "error" and reply["ename"] == "KeyboardInterrupt"
    assert time.monotonic() - began[0] < 30
    assert lab.text("print(id(xs), xs, sorted(name for name in globals() if not name.startswith('_')))") == before
    lab.text("slow = None")
    assert lab.text("%%hoist local\nxs.append(3)\nprint(xs)") == "[1, 3]\n"


def test_what_cannot_be_done_is_said_with_what_to_do(start, monkeypatch):
    lab = start()
    assert "nbhoist executors add" in lab.notes("%%hoist\n1")
    assert "there is no executor `box`" in lab.notes("%%hoist box\n1")
    assert "auto, suggest, off, plan or status" in lab.notes("%hoist faster")
    outputs, reply = lab.run("%%hoist local\nanswer = input()")
    assert reply["status"] == "error" and "input" in str(outputs)
    monkeypatch.setenv("NBHOIST_BINARY", "/nowhere/nbhoist")
    outputs, reply = start().run("%%hoist local\n1")
    assert reply["ename"] == "HoistError" and "/nowhere/nbhoist" in reply["evalue"]
    outputs, reply = start().run("import os, sys\nos.environ.update(NBHOIST_BINARY='', PATH='')\nsys.executable = '/x/python'")
    assert reply["status"] == "ok"


def test_the_program_that_is_missing_is_said_to_be(start, monkeypatch):
    lab = start(load=False)
    lab.text("import nbhoist.binary as b, os\ndel os.environ['NBHOIST_BINARY']\nb.os.path.isfile = lambda path: False\nb.shutil.which = lambda name: None")
    lab.text("%load_ext nbhoist")
    outputs, reply = lab.run("%%hoist local\n1")
    assert reply["ename"] == "HoistError" and "`nbhoist` is not there" in reply["evalue"]
    assert "pip install" in "\n".join(outputs[-1][1]["traceback"])


def test_a_partner_that_dies_costs_one_cell(start):
    lab = start()
    lab.text("xs = [1]\nimport os, signal, threading, time")
    lab.text("%hoist status")
    lab.text("magic = get_ipython().magics_manager.registry['HoistMagics']\nthreading.Timer(2, lambda: magic._partner._process.kill()).start()")
    outputs, reply = lab.run("%%hoist local\nxs.append(2)\ntime.sleep(60)")
    assert reply["ename"] == "HoistError" and "ended" in reply["evalue"]
    lab.text("slow = None")
    assert lab.text("%%hoist local\nxs.append(3)\nprint(xs)") == "[1, 3]\n"


def test_auto_moves_what_is_heavy_and_is_quiet_otherwise(start):
    lab = start(FAST)
    lab.text("import os, time\nhome = os.getpid()")
    slow = "time.sleep(1.5)\nx = os.getpid() != home\nprint(x)"
    lab.text("%hoist suggest")
    assert lab.text(slow, cell="slow") == "False\n"
    assert "%%hoist local" in lab.notes(slow, cell="slow")
    lab.text("%hoist auto")
    outputs, reply = lab.run(slow, cell="slow")
    assert [content["text"] for kind, content in outputs if content.get("name") == "stdout"] == ["True\n"]
    note = "".join(content["text"] for _, content in outputs if content.get("name") == "stderr")
    assert re.match(r"nbhoist: on `local`: 1\.\d s here", note) and note.count("\n") == 1
    assert lab.text("print(x, In[%d] == %r)" % (reply["execution_count"], slow)) == "True True\n"
    outputs, _ = lab.run("y = 1\ny", cell="quick")
    assert kinds(outputs) == ["execute_result"]
    outputs, reply = lab.run(slow + "\n1 / 0", cell="slow")
    assert reply["ename"] == "ZeroDivisionError"
    lab.text("%hoist off")
    assert lab.text(slow, cell="slow") == "False\n"


def test_plan_explains_with_numbers(start):
    lab = start(FAST)
    lab.text("import time\nn = 3")
    # Under `auto` it would move at once: what a sleep takes is known from its source.
    lab.text("%hoist suggest")
    lab.text("time.sleep(1.2)\nm = n")
    text = lab.text("%%hoist plan\ntime.sleep(1.2)\nm = n")
    assert "->  local" in text and re.search(r"1\.\d s here", text) and "to run" in text
    assert lab.text("print(m)") == "3\n"
    assert re.search(r"1\.\d s here", lab.text("%hoist plan"))


def test_the_same_outputs_in_nbclient(start, tmp_path):
    start(load=False)
    sources = ["import random\nrandom.seed(3)\nrows = [random.random() for _ in range(5)]", "rows.sort()\nprint(rows)\nsum(rows)", "rows[0], random.random()"]

    def outputs(cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return [[{k: v for k, v in output.items() if k != "execution_count"} for output in cell.outputs] for cell in notebook.cells]

    here = outputs(["pass"] + sources)
    there = outputs(["%load_ext nbhoist", sources[0], "%%hoist local\n" + sources[1], sources[2]])
    assert here[1:] == there[1:] and here[2]
    with pytest.raises(CellExecutionError, match="no place to run cells"):
        outputs(["%load_ext nbhoist", "%%hoist\n1"])


def test_in_a_terminal(start, tmp_path):
    start(load=False)
    script = tmp_path / "a.ipy"
    script.write_text("import os\nhome = os.getpid()\nxs = [1]\n%load_ext nbhoist\nget_ipython().run_cell_magic('hoist', 'local', 'xs.append(os.getpid() != home)\\nxs')\nprint(xs)\n")
    said = subprocess.run([sys.executable, "-m", "IPython", str(script)], capture_output=True, text=True, timeout=120, cwd=str(tmp_path))
    assert "[1, True]" in said.stdout, said


def test_a_killed_kernel_leaves_nothing(start):
    lab = start()
    lab.text("import os, time")

    def look(kind, content):
        if kind == "stream" and "begun" in content["text"]:
            os.kill(lab.manager.provisioner.process.pid, 9)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        lab.run("%%hoist local\nprint('begun', flush=True)\ntime.sleep(600)", look)


def test_over_ssh(start, ssh):
    lab = start(ssh)
    lab.text("import os\nxs = [1]\nhome = os.getpid()")
    assert lab.text("%%hoist\nxs.append(os.getpid() != home)\nprint(xs)") == "[1, True]\n"
    assert lab.text("print(xs)") == "[1, True]\n"


def test_what_is_used_only_there_stays_there(start, ssh):
    lab = start("stay = true\n" + ssh + "\nspeed = 20\nbandwidth = \"20 MB/s\"\nstartup = 0.1\n")
    make, use = "time.sleep(2)\nbig = list(range(500_000))", "time.sleep(2)\ntotal = sum(big)"
    lab.text("import time\nfrom nbhoist_runtime import away")
    # So that it is known what follows what, and how long it takes.
    lab.text(make, cell="make")
    lab.text(use, cell="use")
    lab.text("%hoist auto")
    note = lab.notes(make, cell="make")
    assert "stays on `box`, and is fetched when a cell names it" in note, note
    away = "print(sorted(away.handles(%s)))" % "away.session.namespace()"
    assert lab.text(away) == "['big']\n"
    assert "on `box`" in lab.notes(use, cell="use")
    assert lab.text(away) == "['big']\n", "it was there already"
    assert lab.text("print(total, big[7])") == "124999750000 7\n"
    assert lab.text(away) == "[]\n"
    lab.text("%%hoist box\nbig.append(1)")
    assert lab.text("print(len(big))") == "500001\n"


def test_unload_takes_everything_away(start):
    lab = start(FAST)
    lab.text("%hoist auto")
    lab.text("%unload_ext nbhoist")
    assert "not found" in lab.notes("%hoist status")
    assert lab.text("print(get_ipython().ast_transformers)") == "[]\n"
    assert lab.text("%reload_ext nbhoist\n%hoist status").startswith("mode: off")
