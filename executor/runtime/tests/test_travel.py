"""What cannot travel is found, with the way to it; what can travel arrives whole."""

import pytest
from conftest import Failure, call


def probe(lab, *names):
    return call("probe", names=list(names))["names"]


@pytest.mark.parametrize("source, why, path", [
    ("import threading\nx = {'k': [1, threading.Lock()]}", "lock", "x['k'][1]"),
    ("x = (i for i in range(3))", "generator", "x"),
    ("import sqlite3\nclass M: pass\nx = M(); x.db = sqlite3.connect(':memory:')", "database", "x.db"),
    ("import tempfile\nx = [tempfile.TemporaryFile()]", "open file", "x[0]"),
    ("f = open('/dev/null')\ndef mk():\n    def x(): return f2\n    f2 = f\n    return x\nx = mk()", "open file", "x (closure variable f2)"),
    ("import weakref\nclass C: pass\nc = C(); x = {1: weakref.ref(c)}", "weak reference", "x[1]"),
    ("from concurrent.futures import ThreadPoolExecutor\nx = ThreadPoolExecutor(1)", "pool", "x"),
    ("class E:\n    def __reduce__(self): raise ValueError('no way')\n    def __repr__(self): raise ValueError\nx = [E()]", "no way", "x[0]"),
    ("class E:\n    def __getstate__(self): raise KeyError('state')\nx = {'e': E()}", "state", "x['e']"),
    ("class C: pass\nclass S:\n    __slots__ = ('m',)\nx = S(); import threading; x.m = memoryview(b'x')", "memoryview", "x.m"),
])
def test_unpicklable_values_are_found(lab, source, why, path):
    lab.cell(source)
    found = probe(lab, "x")["x"]
    assert found["travels"] is False and why in found["why"] and found["path"] == path
    with pytest.raises(Failure) as failure:
        lab.start(["x"])
    assert failure.value.error["kind"] == "pickle" and failure.value.error["name"] == "x" and failure.value.error["path"] == path
    lab.finish()


def test_probing_consumes_nothing(lab):
    lab.cell("g = (i for i in range(3))\nimport io\nf = io.StringIO('abc')\nf.read(1)\nz = zip([1, 2], [3, 4])")
    for _ in range(2):
        found = probe(lab, "g", "f", "z")
    assert found["f"]["travels"] and not found["g"]["travels"]
    assert list(lab.space["g"]) == [0, 1, 2] and lab.space["f"].read() == "bc"


def test_a_failed_probe_does_not_hide_the_culprit_in_the_next_name(lab):
    lab.cell("import threading\nclass C: pass\nc = C(); c.lock = threading.Lock()\nx = [c]\ny = {'c': c}")
    found = probe(lab, "x", "y")
    assert found["x"]["path"] == "x[0].lock" and found["y"]["path"] == "y['c'].lock"


def test_namespace_is_weighed_once(lab):
    lab.cell("import numpy as np\na = np.zeros(100000)\nb = a\nv = a[10:]\nl = [a]\nlock = __import__('threading').Lock()\n_hidden = 1")
    found = call("probe", names=["a"])
    assert 800000 <= found["namespace_bytes"] < 810000
    assert found["names"]["a"]["bytes"] >= 800000 and "lock" in found["skipped"]
    assert set(found["namespace_names"]) == {"a", "b", "v", "l", "lock", "np", "_hidden"}


def test_a_failed_capture_leaves_no_file_and_can_be_repeated(lab, tmp_path):
    lab.cell("import threading\na = [1]\nx = [a, threading.Lock()]")
    file = str(tmp_path / "bundle")
    with pytest.raises(Failure):
        call("capture", migration="one", names=["a", "x"], file=file)
    call("release", migration="one")
    import os

    assert not os.path.exists(file)
    answer = call("capture", migration="one", names=["a"], file=file)
    assert answer["names"] == ["a"] and os.stat(file).st_mode & 0o777 == 0o600
    with pytest.raises(Failure):
        call("capture", migration="two", names=["a"], file=file)
    call("release", migration="one")
    call("release", migration="two")


def test_value_that_does_not_unpickle_there(lab):
    lab.cell(
        "import os\nhome = os.getpid()\ndef build(pid):\n    import os\n    if os.getpid() != pid: raise RuntimeError('not here')\n    return Odd()\n"
        "class Odd:\n    def __reduce__(self): return build, (home,)\nfine = 1\nodd = Odd()"
    )
    with pytest.raises(Failure) as failure:
        lab.start(["fine", "odd"])
    error = failure.value.error
    assert error["kind"] == "unpickle" and error["name"] == "odd" and "not here" in error["error"]


def test_many_kinds_of_objects_arrive(lab):
    lab.cell('''
import dataclasses, enum, abc, typing, functools, collections, datetime, decimal, re, pathlib, uuid, fractions, operator
@dataclasses.dataclass
class Point:
    x: int
    tags: list = dataclasses.field(default_factory=list)
class Color(enum.Enum):
    RED = 1
    BLUE = "b"
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
class Square(Shape):
    def __init__(self, a): self.a = a
    def area(self): return self.a ** 2
    @property
    def side(self): return self.a
    @classmethod
    def make(cls): return cls(3)
    @staticmethod
    def unit(): return 1
T = typing.TypeVar("T")
class Box(typing.Generic[T]):
    def __init__(self, v): self.v = v
Pair = collections.namedtuple("Pair", "a b")
class Meta(type):
    def __new__(m, n, b, d): d["made"] = True; return super().__new__(m, n, b, d)
class WithMeta(metaclass=Meta): pass
def deco(f):
    @functools.wraps(f)
    def wrapper(*a, **k): return f(*a, **k) + 1
    wrapper.inner = f
    return wrapper
@deco
def add(a, b=2, *, c=3): "doc"; return a + b + c
@functools.lru_cache(maxsize=None)
def cached(n): return n * 2
part = functools.partial(add, 1, c=5)
sq = Square(4); area = sq.area
p = Point(1); rec = [1]; rec.append(rec)
box = Box(Color.RED); pair = Pair(p, rec)
misc = [datetime.datetime(2020, 1, 2), decimal.Decimal("1.5"), re.compile("a+"), pathlib.Path("/x"), uuid.UUID(int=5), fractions.Fraction(1, 3), range(3), slice(1, 2), operator.itemgetter(1), 1 + 2j, frozenset([1]), b"x", ...]
class Err(Exception):
    def __init__(self, code): super().__init__(code); self.code = code
err = Err(4)
lam = lambda x, y=p: (x, y)
''')
    lab.migrate('''
checks = [
    p == Point(1), isinstance(p, Point), box.v is Color.RED, sq.area() == 16, area() == 16, Square.make().side == 3, Square.unit() == 1,
    add(1) == 7, part() == 9, cached(4) == 8, pair.a is p, rec[1] is rec, WithMeta.made, add.__doc__ == "doc", add.inner(1) == 6,
    misc[2].match("aa") is not None, misc[8]([1, 2]) == 2, err.code == 4, err.args == (4,), lam(1)[1] is p, Box[int] is not None,
    add.__wrapped__ is add.inner, dataclasses.is_dataclass(p), Color("b") is Color.BLUE, misc[-1] is ...,
]
p.tags.append("x"); p2 = dataclasses.replace(p, x=5); blue = Color.BLUE; q = Pair(1, p)
''')
    assert lab.ok, lab.errors()
    space = lab.space
    assert all(space["checks"]), space["checks"]
    assert space["p"].tags == ["x"] and type(space["p2"]) is space["Point"] and space["blue"] is space["Color"].BLUE
    assert type(space["q"]) is space["Pair"] and space["q"].b is space["p"]
    assert lab.collected["changed"] == ["lam", "p", "pair"]


def test_std_streams_and_self_references(lab):
    lab.cell("import sys\nout = sys.stdout\nholder = {'ns': globals(), 'main': sys.modules['__main__']}")
    lab.migrate("print('hello', file=out)\nself_ = holder['ns'] is globals() and holder['main'] is sys.modules['__main__']")
    assert lab.text() == "hello\n" and lab.space["self_"]


def test_copies_made_by_reduce_do_not_swallow_changes(lab):
    lab.cell('''
def build(items):
    b = Bag(); b._items = items; return b
class Bag:
    def __init__(self): self._items = []
    def __reduce__(self): return build, (list(self._items),)
class State:
    def __init__(self): self.d = {"n": [1]}
    def __getstate__(self): return {"d": dict(self.d)}
bag = Bag(); bag._items.append(1); st = State(); alias = bag; inner = st.d["n"]
''')
    bag, st = lab.space["bag"], lab.space["st"]
    lab.migrate("bag._items.append(2)\nst.d['n'].append(2); st.d['m'] = 1")
    assert lab.space["bag"] is bag and bag._items == [1, 2]
    assert lab.space["st"] is st and st.d == {"n": [1, 2], "m": 1} and lab.space["inner"] is st.d["n"]


def test_shadowed_builtins_do_no_harm(lab):
    lab.cell("list = 3\nopen = None\nstr = int\nlen = 'x'\ndict = 1\na = [1]")
    lab.migrate("a.append(2); list = 4")
    assert lab.space["a"] == [1, 2] and lab.space["list"] == 4
    assert not [name for name in lab.space if name.startswith("nbhoist")]


def test_settings_of_a_library_that_only_the_block_imported(kernel_lab):
    lab = kernel_lab
    lab.cell("import sys\nbefore = [name for name in ('decimal', 'sklearn') if name in sys.modules]")
    source = "import sklearn\nsklearn.set_config(display='text', print_changed_only=False)"
    lab.migrate(source, names=[], sources=[source])
    text = lab.cell("print(before.count('sklearn'), sklearn.get_config()['display'], sklearn.get_config()['print_changed_only'])")[0]
    assert text[0]["text"] == "0 text False\n"
