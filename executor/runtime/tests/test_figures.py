"""Figures that pyplot keeps open between cells travel with the block and come home as the same objects."""

import pytest

pytest.importorskip("matplotlib")

START = "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nplt.close('all')\n"


@pytest.fixture
def agg_lab(lab):
    lab.cell(START)
    yield lab
    lab.cell("plt.close('all')")


def test_block_draws_on_the_current_figure(agg_lab):
    lab = agg_lab
    lab.cell("fig, (left, right) = plt.subplots(1, 2, num=7)\nplt.plot([1, 2, 3], label='old')\nline = right.lines[0]\nkeep = (fig, left, right, line)")
    lab.migrate("plt.title('there')\nplt.plot([3, 2])\nleft.set_xlabel('x')\nplt.sca(left)", names=["plt", "left"])
    assert lab.ok, lab.errors()
    lab.cell("same = (fig, left, right, line) == keep and plt.gcf() is fig and plt.gca() is left and fig.axes == [left, right]")
    assert lab.space["same"]
    right = lab.space["right"]
    assert right.get_title() == "there" and len(right.lines) == 2 and right.lines[0] is lab.space["line"]
    assert right.lines[1].axes is right and right.figure is lab.space["fig"]
    assert lab.space["left"].get_xlabel() == "x"
    assert lab.space["plt"].get_fignums() == [7] and lab.space["fig"].number == 7
    lab.cell("import io\nfig.savefig(io.BytesIO())\nfig.canvas.draw()\nowner = fig.canvas.figure is fig and fig.canvas.manager.num == 7")
    assert lab.space["owner"]


def test_names_without_figures_see_the_same_picture(agg_lab):
    lab = agg_lab
    lab.cell("plt.figure(3)\nplt.plot([1, 2])\nplt.figure('named')\nplt.plot([5, 6])\nplt.figure(3)")
    lab.migrate(
        "numbers = (plt.get_fignums(), plt.gcf().number, plt.get_figlabels())\nplt.ylabel('y')\nplt.figure('named')\nplt.title('n')",
        names=["plt"],
    )
    assert lab.space["numbers"] == ([3, 4], 3, ["", "named"])
    lab.cell("found = (plt.gcf().get_label(), plt.gca().get_title(), plt.figure(3).axes[0].get_ylabel(), plt.get_fignums())")
    assert lab.space["found"] == ("named", "n", "y", [3, 4])


def test_same_pixels_as_at_home(agg_lab):
    lab = agg_lab
    lab.cell("import io\ndef draw():\n    plt.figure(figsize=(3, 2))\n    plt.plot([1, 4, 2])\ndef finish():\n    plt.title('t')\n    plt.legend(['a'])\n    plt.gcf().colorbar(plt.imshow([[1, 2], [3, 4]]))\n")
    lab.cell("def pixels():\n    file = io.BytesIO()\n    plt.savefig(file, format='raw')\n    return file.getvalue()\ndraw()\nfinish()\nexpected = pixels()\nplt.close('all')\ndraw()")
    report = lab.migrate("finish()\nthere = pixels()", names=["finish", "pixels"])
    assert "conflict" not in report, report
    assert lab.ok, lab.errors()
    lab.cell("here = pixels()")
    assert lab.space["there"] == lab.space["expected"]
    assert lab.space["here"] == lab.space["expected"]


def test_figures_are_opened_and_closed_at_home(agg_lab):
    lab = agg_lab
    lab.cell("one = plt.figure(1)\ntwo = plt.figure(2)\nplt.figure(1)")
    lab.migrate("plt.close(2)\nthree = plt.figure(3)\nplt.plot([1])", names=["plt"])
    lab.cell("found = (plt.get_fignums(), plt.gcf() is three, plt.figure(1) is one)")
    assert lab.space["found"] == ([1, 3], True, True)


def test_number_taken_meanwhile(agg_lab):
    lab = agg_lab
    lab.cell("one = plt.figure(1)")
    lab.start(["plt"])
    lab.run("plt.figure(2).suptitle('there')\nfor_home = plt.gcf()")
    lab.collect()
    lab.cell("mine = plt.figure(2)")
    report = lab.restore()
    lab.finish()
    lab.cell("found = (plt.get_fignums(), plt.figure(2) is mine, plt.figure(3) is for_home)")
    assert lab.space["found"] == ([1, 2, 3], True, True)
    assert "figure 2 of the block is number 3 here" in report["notes"][0]


def test_undo_leaves_figures_as_they_were(agg_lab):
    lab = agg_lab
    lab.cell("one = plt.figure(1)\ntwo = plt.figure(2)\nax = plt.gca()\nbefore = list(plt.get_fignums())")
    lab.start(["plt", "ax"])
    lab.run("import sys\nplt.title('there')\nplt.close(1)\nplt.figure(5)\nclass Bad: pass")
    lab.collect()
    from nbhoist_runtime import history

    real, history.advance = history.advance, lambda *rest: 1 / 0
    try:
        with pytest.raises(Exception, match="everything is as it was"):
            lab.restore()
    finally:
        history.advance = real
    lab.finish()
    lab.cell("found = (plt.get_fignums() == before, plt.gcf() is two, plt.figure(1) is one, ax.get_title(), 'Bad' in globals())")
    assert lab.space["found"] == (True, True, True, "", False)


def test_untouched_figure_does_not_come_back(agg_lab):
    lab = agg_lab
    lab.cell("fig, ax = plt.subplots()\nax.plot(range(5))\nfig.canvas.draw()")
    lab.migrate("n = len(ax.lines)", names=["ax"])
    assert lab.space["n"] == 1
    assert lab.collected["changed"] == [] and lab.collected["bytes"] < 20000


def test_figures_stay_when_the_block_cannot_draw(agg_lab):
    lab = agg_lab
    lab.cell("import numpy as np\nfig, ax = plt.subplots()\nvalues = np.arange(3)\ndef draw(): plt.plot([1])")
    sizes = []
    for sources in (["total = int(values.sum())"], ["ax.plot(values)"], ["draw()"], ["%run other.py"]):
        lab.migrations += 1
        file = str(lab.directory / str(lab.migrations))
        sizes.append(lab.call("capture", migration=file, names=["values"], file=file, sources=sources)["bytes"])
        lab.call("release", migration=file)
    assert sizes[0] < 3000 < min(sizes[1:])


def test_figure_that_cannot_travel_stays_and_is_told(agg_lab):
    lab = agg_lab
    lab.cell("import threading\nbad = plt.figure(1)\nbad.lock = threading.Lock()\ngood = plt.figure(2)")
    lab.start(["plt"])
    assert "figure 1" in lab.captured["ambient"]["notes"][0] and "lock" in lab.captured["ambient"]["notes"][0]
    lab.run("numbers = plt.get_fignums()\nplt.suptitle('there')")
    lab.collect()
    lab.restore()
    lab.finish()
    assert lab.space["numbers"] == [2]
    lab.cell("found = (plt.get_fignums(), plt.figure(1) is bad, plt.figure(2).get_suptitle())")
    assert lab.space["found"] == ([1, 2], True, "there")


@pytest.fixture(scope="module")
def agg_client():
    import os

    manager, client = pytest.importorskip("jupyter_client").manager.start_new_kernel(
        kernel_name="python3", env=dict(os.environ, MPLBACKEND="agg")
    )
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def agg_kernel(agg_client, tmp_path):
    from conftest import KernelLab

    made = KernelLab(agg_client, tmp_path)
    yield made
    if made.worker is not None:
        made.worker.process.kill()
        made.worker.close()
        made.call("release", migration=made.migration)


def shown(events):
    return [event["op"] for event in events if event["op"] == "display_data"]


DRAW = "import matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1));\nplt.plot([1, 2]);"


def test_worker_uses_the_kernels_backend(agg_kernel):
    lab = agg_kernel
    lab.migrate(DRAW + "\nbackend = plt.get_backend().lower()\nplt.close('all')", names=[], sources=[])
    assert lab.cell("backend")[0][0]["data"]["text/plain"] == "'agg'"
    assert shown(lab.events) == []


def test_block_switches_to_inline_figures(agg_kernel):
    lab = agg_kernel
    assert shown(lab.cell(DRAW + "\nplt.close('all')")[0]) == []
    # In this worker pyplot is there before the kernel's settings come.
    prelude = "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot; "
    lab.start([], prelude=prelude)
    lab.run("%matplotlib inline")
    lab.run(DRAW)
    assert shown(lab.events) == ["display_data"]
    lab.collect()
    lab.restore()
    lab.finish()
    assert shown(lab.cell(DRAW)[0]) == ["display_data"]
    lab.start(["plt"], prelude=prelude)
    lab.run(DRAW)
    assert shown(lab.events) == ["display_data"]
    lab.finish()


def test_undo_takes_inline_figures_back(agg_kernel):
    lab = agg_kernel
    lab.cell("import matplotlib.pyplot as plt, matplotlib, IPython\nplt.switch_backend('agg')\n"
             "from matplotlib_inline.backend_inline import configure_inline_support\nconfigure_inline_support(get_ipython(), 'agg')")
    assert shown(lab.cell(DRAW + "\nplt.close('all')")[0]) == []
    lab.start(["plt"])
    lab.run("%matplotlib inline\nmarker = 1")
    lab.collect()
    lab.cell("from nbhoist_runtime import history\nadvance, history.advance = history.advance, lambda *rest: 1 / 0")
    with pytest.raises(Exception, match="everything is as it was"):
        lab.restore()
    lab.cell("history.advance = advance\ndel history, advance")
    lab.finish()
    assert shown(lab.cell(DRAW + "\nplt.close('all')")[0]) == []
    assert lab.cell("plt.get_backend().lower()")[0][0]["data"]["text/plain"] == "'agg'"


def test_open_figures_with_the_inline_backend(agg_kernel):
    lab = agg_kernel
    lab.cell("%matplotlib inline\n%config InlineBackend.close_figures = False")
    lab.cell("fig = plt.figure(figsize=(1, 1)); plt.plot([1, 2]); same = fig")
    expected = [shown(lab.cell(source)[0]) for source in ("plt.title('here');", "plt.show()")]
    lab.start(["plt"])
    found = []
    for source in ("plt.title('there');", "plt.show()"):
        lab.events = []
        lab.run(source)
        found.append(shown(lab.events))
    assert found == expected == [[], ["display_data"]]
    lab.collect()
    lab.restore()
    lab.finish()
    text = lab.cell("print(plt.gcf() is fig, plt.gca().get_title(), plt.get_fignums())")[0]
    assert [event["op"] for event in text] == ["stream"] and text[0]["text"] == "True there [1]\n"
    lab.cell("%config InlineBackend.close_figures = True\nplt.close('all')")


BEGUN = {
    "twin": "f, ax = plt.subplots()\nax.plot([1, 2])\ntwin = ax.twinx()\ntwin.plot([5, 3])",
    "picture": "plt.figure()\nim = plt.imshow(np.arange(6).reshape(2, 3))\nplt.colorbar(im)",
    "log": "plt.figure()\nplt.semilogy([1, 10, 100])\nplt.grid(True)",
    "polar": "plt.figure()\nplt.subplot(projection='polar')\nplt.plot([0, 1, 2], [1, 2, 3])",
    "histogram": "plt.figure()\nplt.hist([1, 2, 2, 3], bins=3)\nplt.tight_layout()",
    "contours": "plt.figure()\nplt.contourf(np.outer([1, 2, 3], [1, 2, 3]))",
    "dates": "plt.figure()\nplt.plot(np.array(['2020-01-01', '2020-02-01'], dtype='M8[D]'), [1, 2])",
    "constrained": "plt.figure(layout='constrained')\nplt.plot([1, 2], label='here')",
}

ENDED = """
def finish():
    for number in plt.get_fignums():
        plt.figure(number)
        plt.plot([0, 1], [1, 2], label='new')
        plt.title('t %d' % number)
        plt.gca().legend()
        plt.gcf().text(0.1, 0.1, 'text')
def pixels():
    found = []
    for number in plt.get_fignums():
        file = io.BytesIO()
        plt.figure(number).savefig(file, format='raw', dpi=50)
        found.append(file.getvalue())
    return found
"""


def test_all_kinds_of_figures_look_the_same(agg_lab):
    lab = agg_lab
    begin = "import io\nimport numpy as np\n" + "".join(source + "\n" for source in BEGUN.values()) + ENDED
    names = ["plt", "io", "finish", "pixels"]
    lab.cell(begin + "finish()\nexpected = pixels()\nplt.close('all')\n" + begin)
    # Some figures were drawn before the block runs, which fills caches.
    lab.cell("first = pixels()")
    assert "conflict" not in lab.migrate("finish()\nthere = pixels()", names=names)
    assert lab.ok, lab.errors()
    lab.cell("here = pixels()")
    numbers = dict(enumerate(BEGUN))
    for found in ("there", "here"):
        values = zip(lab.space[found], lab.space["expected"])
        assert [numbers.get(at, at) for at, (one, other) in enumerate(values) if one != other] == [], found
    lab.cell("finish()\nagain = pixels()")
    assert lab.space["again"] != lab.space["here"]


def test_default_colormap_of_a_library_that_the_block_does_not_import(agg_lab):
    lab = agg_lab
    lab.cell(
        "from matplotlib.colors import ListedColormap\n"
        "if 'homemade' not in matplotlib.colormaps:\n"
        "    matplotlib.colormaps.register(ListedColormap(['red', 'blue']), name='homemade')\n"
        "plt.rcParams['image.cmap'] = 'homemade'"
    )
    lab.migrate("shown = plt.get_cmap().name", names=["plt"], returns=["shown"])
    lab.cell("plt.rcParams['image.cmap'] = 'viridis'")
    assert lab.ok, lab.errors()
    assert lab.space["shown"] == "homemade"
