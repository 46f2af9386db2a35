"""Blocks out of a real ipykernel: history, tracebacks through captured functions, figures, no trace left behind."""


def test_history_goes_on(kernel_lab):
    lab = kernel_lab
    _, reply = lab.cell("a = [1]")
    count = reply["execution_count"] + 1
    lab.start(["a"], count=count)
    lab.run("a.append(2)\na", count)
    lab.run("len(a) * 10", count + 1)
    lab.collect(["a"], everything=False)
    lab.restore(count=count, sources=["a.append(2)\na", "len(a) * 10"])
    lab.finish()
    out, reply = lab.cell(
        "(In[%d], Out[%d] is a, Out[%d], _, _%d, _i, a)" % (count, count, count + 1, count + 1)
    )
    assert reply["execution_count"] == count + 2
    assert out[0]["data"]["text/plain"] == "('a.append(2)\\na', True, 20, 20, 20, 'len(a) * 10', [1, 2])"


def test_tracebacks_through_functions_of_other_cells(kernel_lab):
    lab = kernel_lab
    _, reply = lab.cell("def bad(x):\n    return 1 / x\n")
    source = "y = 0\nbad(y)"
    lab.start(["bad"], count=reply["execution_count"] + 1)
    lab.run(source, reply["execution_count"] + 1)
    expected, _ = lab.cell(source)
    assert lab.errors()[0]["traceback"] == expected[0]["traceback"]


def test_functions_that_come_back_have_their_source(kernel_lab):
    lab = kernel_lab
    _, reply = lab.cell("1")
    count, source = reply["execution_count"] + 1, "def made(x):\n    return 1 / x\n"
    lab.start([], count=count)
    lab.run(source, count)
    lab.collect()
    lab.restore(count=count, sources=[source])
    out, _ = lab.cell("made(0)")
    text = "".join(out[0]["traceback"])
    assert "In[%d]" % count in text and "line 2" in text and "return" in text
    lab.finish()


def test_no_trace_in_the_namespace(kernel_lab):
    lab = kernel_lab
    lab.cell("before = set(globals())\na = 1")
    lab.migrate("a = 2", count=None, sources=[])
    out, _ = lab.cell("sorted(set(globals()) - before - {'a', 'before'})")
    names = out[0]["data"]["text/plain"]
    assert "nbhoist" not in names and all(name.startswith("'_") for name in names.strip("[]").split(", ") if name)
    assert lab.cell("a")[0][0]["data"]["text/plain"] == "2"


def test_shadowed_builtins_in_a_kernel(kernel_lab):
    lab = kernel_lab
    lab.cell("list = dict = open = str = repr = len = json = sys = 3\nx = [1]")
    lab.start(["x", "list"])
    lab.run("x.append(list)")
    lab.collect()
    lab.restore()
    lab.finish()
    assert lab.cell("x")[0][0]["data"]["text/plain"] == "[1, 3]"


def test_figures_and_settings(kernel_lab):
    lab = kernel_lab
    _, reply = lab.cell("import matplotlib.pyplot as plt\nplt.rcParams['lines.linewidth'] = 3.5\n%config InlineBackend.figure_format = 'svg'")
    source = "plt.figure(figsize=(2, 1))\nplt.plot([1, 2])\nprint(plt.rcParams['lines.linewidth'], plt.get_backend())"
    expected, reply = lab.cell(source)
    lab.start(["plt"], count=reply["execution_count"])
    lab.run(source, reply["execution_count"])
    assert lab.text() == "".join(event["text"] for event in expected if event["op"] == "stream")
    shown = [event for event in lab.events if event["op"] == "display_data"]
    assert [sorted(event["data"]) for event in shown] == [sorted(event["data"]) for event in expected if event["op"] == "display_data"]
    lab.cell("%config InlineBackend.figure_format = 'png'")


def test_a_result_can_be_taken_out_again_until_the_next_cell(kernel_lab):
    import pytest
    from conftest import Failure

    lab = kernel_lab
    lab.cell("import array\nxs = [1]\nalso = xs\nclass C: pass\nc = C()\nc.x = xs\ngone = 1")
    look = "(xs, also is xs, c.x is xs, vars(c).keys(), 'y' in globals(), gone, len(In), get_ipython().execution_count)"
    before = lab.value(look)
    source = "xs.append(2)\nc.z = 9\ny = 3\ndel gone\ny"
    lab.migrate(source, count=int(lab.value("get_ipython().execution_count")), sources=[source], undoable=True)
    assert lab.value("(xs, c.z, y)") == "([1, 2], 9, 3)"
    lab.call("undo")
    assert lab.value(look) == before
    lab.migrate(source, count=None, sources=[], undoable=True)
    lab.cell("pass")
    with pytest.raises(Failure, match="a cell has run since"):
        lab.call("undo")
    assert lab.value("(xs, y)") == "([1, 2], 3)"
    lab.migrate("y = 4", count=None, sources=[])
    with pytest.raises(Failure, match="nothing can be taken back"):
        lab.call("undo")
