"""What libraries keep in their own modules, and how arrays lie in memory, goes with the block."""

import sys
import textwrap

import pytest

LIBRARY = '''
import warnings

class Thing:
    _idCounter = 0
    def __init__(self):
        self.name = "thing[%d]" % Thing._idCounter
        Thing._idCounter += 1

def old():
    warnings.warn("old is deprecated")
'''


@pytest.fixture
def library(lab, tmp_path):
    (tmp_path / "counting_library.py").write_text(textwrap.dedent(LIBRARY))
    sys.path.insert(0, str(tmp_path))
    lab.cell("import os, sys\nsys.path.insert(0, %r)\nimport counting_library" % str(tmp_path))
    yield lab
    sys.path.remove(str(tmp_path))
    sys.modules.pop("counting_library", None)


def test_numbers_go_on(library):
    library.cell("one = counting_library.Thing(); two = counting_library.Thing()")
    library.migrate("three = counting_library.Thing()", names=["counting_library"])
    assert library.ok, library.errors()
    assert library.space["three"].name == "thing[2]"
    library.cell("four = counting_library.Thing()")
    assert library.space["four"].name == "thing[3]"


def _remembered(lab):
    return [key for key in getattr(lab.space["counting_library"], "__warningregistry__", {}) if key != "version"]


def test_warnings_shown_here_are_not_shown_again(library):
    library.cell("import warnings\nwarnings.simplefilter('default')\ncounting_library.old()")
    assert _remembered(library)
    library.migrate("counting_library.old()", names=["counting_library"])
    assert library.ok and "deprecated" not in library.text("stderr")


def test_warnings_shown_there_are_not_shown_again_here(library):
    library.cell("import warnings\nwarnings.simplefilter('default')")
    assert not _remembered(library)
    library.migrate("counting_library.old()", names=["counting_library"])
    assert "deprecated" in library.text("stderr") and _remembered(library)


def test_what_libraries_forget_there_is_forgotten_here(library):
    library.cell("import warnings\nwarnings.simplefilter('default')\ncounting_library.old()")
    # Leaving the context makes Python forget all that was shown.
    library.migrate("with warnings.catch_warnings():\n    pass\nseen = 1", names=["counting_library", "warnings"])
    assert library.ok and not _remembered(library)
    library.cell("counting_library.old()")
    assert _remembered(library)


def test_what_was_shown_stays_known_through_a_migration(library):
    library.cell("import warnings\nwarnings.simplefilter('default')\ncounting_library.old()")
    library.migrate("other = 1", names=["counting_library"])
    assert library.ok and _remembered(library)


def test_views_are_views_where_they_were(lab):
    numpy = pytest.importorskip("numpy")
    lab.cell("import numpy as np\nbase = np.arange(24.).reshape(4, 6)\ngaps = base[1:, ::2].copy()[:, ::2]\ncut = base[:, 1:4]\ndel base")
    shapes = "seen = [[np.shares_memory(x, x.ravel()), np.shares_memory(x, x.reshape(-1, order='F')), x.flags.c_contiguous] for x in (gaps, cut)]"
    lab.cell(shapes)
    here = lab.space["seen"]
    lab.migrate(shapes, names=["gaps", "cut", "np"])
    assert lab.space["seen"] == here
    lab.migrate("cut.ravel()[0] = 99", names=["cut", "np"])
    assert 99 not in numpy.asarray(lab.space["cut"])


def test_arrays_of_classes_keep_their_attributes(lab):
    pytest.importorskip("numpy")
    lab.cell(
        "import numpy as np\nclass Signal(np.ndarray):\n    def __new__(cls, values, label):\n        self = np.asarray(values).view(cls)\n"
        "        self.label = label\n        return self\nsignal = Signal([1., 2.], 'volts')"
    )
    lab.migrate("signal.label += '!'\nother = Signal([3.], 'amperes')\nsignal[0] = 5", names=["signal", "Signal", "np"])
    assert lab.ok, lab.errors()
    space = lab.space
    assert space["signal"].label == "volts!" and space["other"].label == "amperes" and space["signal"][0] == 5
    assert type(space["other"]) is space["Signal"]


def test_what_unpacking_reads_comes_along(lab):
    lab.cell(
        "import sys\ndef twice(x):\n    return 2 * x\nclass Model:\n    def __init__(self, name):\n        self.name, self.value = name, None\n"
        "    def __setstate__(self, state):\n        self.__dict__.update(state)\n"
        "        self.value = eval(self.name, sys._getframe(1).f_globals)(4)\nmodel = Model('twice')"
    )
    lab.migrate("value = model.value", names=["model", "Model", "twice", "sys"])
    assert lab.ok and lab.space["value"] == 8
    lab.migrate("def thrice(x):\n    return 3 * x\nnew = Model('thrice')", names=["Model", "sys"], returns=["new", "thrice"])
    assert lab.space["new"].value == 12


LOOKING = """
class Looking:
    # Rebuilt by looking into what it is about, as a model that evaluates its formula again.
    def __init__(self, about):
        self.about = about
        self.found = about["new"]
    def __getstate__(self):
        return self.about
    def __setstate__(self, about):
        self.about = about
        self.found = about["new"]
"""


def test_what_is_rebuilt_sees_what_the_block_changed(lab):
    lab.cell(LOOKING + "about = {'old': 1}")
    about = lab.space["about"]
    lab.migrate("about['new'] = 5\nlooking = Looking(about)", names=["Looking", "about"])
    assert lab.ok, lab.errors()
    assert about == {"old": 1, "new": 5} and lab.space["about"] is about
    assert lab.space["looking"].about is about and lab.space["looking"].found == 5
