"""A worker that was started ahead: an import that fails half-way leaves nothing in it."""

import importlib
import pathlib
import sys

import pytest

from nbhoist_runtime.surroundings import Warmth


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder on the search path; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda name, text: _write(tmp_path / (name + ".py"), text)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    importlib.invalidate_caches()


def test_what_a_failed_import_had_loaded_is_taken_back(packages):
    packages("half/__init__", "from . import part\nimport beside\nif not part.ready: raise ImportError('not yet')\n")
    packages("half/part", "import os\nready = os.path.exists(__file__ + '.ready')\n")
    packages("beside", "import half\nholds = half\n")
    warmth = Warmth()
    warmth.load(["half", "half.part"])
    assert not {"half", "half.part", "beside"} & set(sys.modules)
    assert not warmth.is_stale()
    pathlib.Path(sys.path[0], "half", "part.py.ready").touch()
    import beside
    import half

    assert half.part.ready and beside.holds is half


def test_an_attribute_of_the_package_that_stays_goes_too(packages):
    packages("stays/__init__", "")
    packages("stays/good", "value = 1\n")
    packages("stays/bad", "from . import good\nraise RuntimeError('always')\n")
    warmth = Warmth()
    warmth.load(["stays", "stays.bad"])
    stays = sys.modules["stays"]
    assert not hasattr(stays, "good") and "stays.good" not in sys.modules
    from stays import good

    assert good is sys.modules["stays.good"]


def test_a_worker_with_half_a_package_in_machine_code_is_not_used(packages):
    native = next(name for name in ("_queue", "_bisect", "_heapq", "_csv", "_zoneinfo", "_elementtree") if _is_a_file(name))
    packages("native", "import %s\nraise ImportError('after it')\n" % native)
    sys.modules.pop(native, None)
    warmth = Warmth()
    warmth.load(["native"])
    assert warmth.is_stale()


def _is_a_file(name):
    spec = importlib.util.find_spec(name)
    return spec is not None and isinstance(spec.loader, importlib.machinery.ExtensionFileLoader)


def test_a_module_that_is_not_there_leaves_the_worker_of_use(packages):
    warmth = Warmth()
    warmth.load(["nowhere_at_all", "json"])
    assert not warmth.is_stale()
