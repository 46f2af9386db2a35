"""Object graphs that Hypothesis makes and, when one comes back changed, makes small: values and alias structure survive the way.

A graph is a program, one value a line, so that what fails can be read and run. A run of `NBHOIST_GRAPH_EXAMPLES=2000` takes minutes.
"""

import os
import types

import numpy as np
import pytest

pytest.importorskip("hypothesis")
pandas = pytest.importorskip("pandas")

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from graph_code import LISTS_AND_CLOSURES  # noqa: E402
from nbhoist_runtime import session  # noqa: E402
from nbhoist_runtime.bundle import Receiver, Sender  # noqa: E402

EXAMPLES = int(os.environ.get("NBHOIST_GRAPH_EXAMPLES", "60"))

PRELUDE = LISTS_AND_CLOSURES + '''
import collections, dataclasses, enum, functools, types
import numpy as np, pandas as pd
class Node:
    def __init__(self, n, v=None): self.n, self.v = n, v
    def get(self): return self.v
class Slotted:
    __slots__ = ("a", "b")
class Both(Slotted):
    def __init__(self, v): self.a = v; self.extra = v
@dataclasses.dataclass
class Point:
    x: object
    y: object = None
class Color(enum.Enum):
    RED = 1
    BLUE = 2
class Dicty(dict): pass
class Failure(Exception): pass
def hashed(v):
    return v if isinstance(v, (int, str, Node, Color)) else str(type(v).__name__)
def array(v, n):
    return v if type(v) in (np.ndarray, np.ma.MaskedArray) and v.dtype != object and v.ndim else np.arange(n + 4.0)
def view(v, n):
    v = array(v, n)
    return [v[::2], v[::-1], v.T, v.reshape(-1), v[1:], v[None]][n % 6]
def mapping(v):
    return v if isinstance(v, dict) else {"of": v}
def tie(o, other):
    """Puts one value into another, where it takes any."""
    if isinstance(o, (list, collections.deque)): o.append(other)
    # A counter that holds itself is more than pickle can do.
    elif isinstance(o, collections.Counter): o["tied"] = 1
    elif isinstance(o, dict): o["tied"] = other
    elif isinstance(o, set): o.add(hashed(other))
    elif isinstance(o, np.ndarray) and o.dtype == object: o[0] = other
    elif isinstance(o, np.ndarray) and o.size and o.dtype == float: o.flat[0] = 99
    elif isinstance(o, pd.DataFrame): o["tied"] = 7
    elif isinstance(o, pd.Series) and o.dtype == float: o.iloc[0] = 7
    elif isinstance(o, Slotted): o.b = other
    elif isinstance(o, Node): o.v = other
    elif isinstance(o, Point): o.y = other
    elif isinstance(o, types.FunctionType): o.put(other)
    elif isinstance(o, bytearray): o.append(7)
    elif isinstance(o, Failure): o.note = other
'''

# What a line can make out of two values that were made before (a, b) and a small number (n).
FORMS = """
n | float('nan') | 'text' | b'bytes' | None | Color.RED | 2j | range(n) | 10**30
[{a}, {b}] | ({a}, {b}) | ({a},) | [] | Listy([{a}, {a}]) | collections.deque([{a}, {b}], maxlen=9)
{{'a': {a}, 'b': {b}}} | {{hashed({a}): {b}}} | collections.OrderedDict(z={a}, y={b}) | collections.defaultdict(list, k={a}) | Dicty(k={a})
{{hashed({a}), hashed({b}), n}} | frozenset([hashed({a}), n]) | collections.Counter('text')
mapping({a}).keys() | mapping({a}).values() | mapping({a}).items()
Node(n, {a}) | Node(n, {a}).get | Slotted() | Both({a}) | Point({a}, {b}) | Failure({a}) | types.SimpleNamespace(s={a}) | bytearray(b'ab')
closure({a}) | functools.partial(max, {a}) | slice(0, n)
np.arange(n + 2.0) | np.arange(12).reshape(3, 4) | np.zeros((2, 0)) | np.array([{a}, None], dtype=object)
np.array([(1, 2.0)], dtype=[('p', 'i4'), ('q', 'f8')]) | np.ma.masked_array([1, 2, 3], [0, 1, 0]) | np.float32(n) | np.array(['a', 'bc'])
view({a}, n) | view({b}, n) | array({a}, n)
pd.DataFrame({{'x': np.arange(n + 2), 'y': list('ab' * n + 'cd')[:n + 2]}}) | pd.Series(np.arange(n + 1.0), name='s') | pd.Index([n, 2])
pd.Series(pd.Categorical(['u', 'v', 'u'])) | pd.Series(pd.date_range('2020', periods=n + 1)) | pd.Timestamp('2020-01-02')
"""
FORMS = [form.strip() for line in FORMS.strip().splitlines() for form in line.split(" | ")]


@st.composite
def programs(draw, names, first=0, most=12):
    """Lines that make values under the names `v0`, `v1`, ..., with ties among them; appends the names to `names`."""
    lines = []
    for index in range(first, first + draw(st.integers(1, most))):
        known = st.sampled_from(names) if names else st.just("'leaf'")
        number = draw(st.integers(0, 5))
        form = draw(st.sampled_from(FORMS))
        text = form.format(a=draw(known), b=draw(known)) if "{" in form else form
        lines.append("n = %d; v%d = %s" % (number, index, text))
        names.append("v%d" % index)
        if draw(st.integers(0, 2)) == 0:
            lines.append("tie(%s, %s)" % (draw(st.sampled_from(names)), draw(st.sampled_from(names))))
    return "\n".join(lines + ["del n"])


@st.composite
def graphs(draw, first=0):
    """A program, and the names that are left: other values are reached through these alone."""
    names = []
    source = draw(programs(names, first))
    left = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    gone = [name for name in names if name not in left]
    return (source + "\ndel " + ", ".join(gone) if gone else source), left


@st.composite
def moves(draw):
    """A few graphs, and for each a program that goes on with it elsewhere: the source here, the source there, all names."""
    here, there, names = [], [], []
    for number in range(draw(st.integers(1, 8))):
        source, known = draw(graphs(first=number * 100))
        here.append(source)
        there.append(draw(programs(known, first=number * 100 + 50, most=6)))
        names += known
    return "\n".join(here), "\n".join(there), names


def space():
    """A namespace with the classes."""
    made = types.ModuleType("__main__").__dict__
    exec(PRELUDE, made)
    return made


class Picture:
    """The graph below some names as text in which every object has the number of its first visit."""

    def __init__(self, space, names):
        self.numbers, self.keep, self.arrays, self.out = {}, [], [], []
        for name in names:
            self.out.append(name + " =")
            self.visit(space[name])
        shared = [[np.shares_memory(one, other) for other in self.arrays] for one in self.arrays]
        self.text = " ".join(self.out) + repr(shared)

    def visit(self, value):
        if isinstance(value, (int, float, complex, str, bytes, type(None), np.generic, range, slice, pandas.Timestamp)) or type(value).__name__ == "Color":
            return self.out.append("%s %r" % (type(value).__name__, value))
        if id(value) in self.numbers:
            return self.out.append("#%d" % self.numbers[id(value)])
        # An equal tuple or frozen set is as good as the same one, and a bound method is made anew each time.
        if not isinstance(value, (tuple, frozenset, types.MethodType)):
            self.numbers[id(value)] = len(self.numbers)
        self.keep.append(value)
        self.out.append("<" + type(value).__name__)
        for label, part in self.parts(value):
            self.out.append(label)
            self.visit(part)
        self.out.append(">")

    def parts(self, value):
        cls = type(value).__name__
        if isinstance(value, np.ndarray) and value.dtype == object:
            return [("", item) for item in value]
        if isinstance(value, np.ndarray):
            self.arrays.append(value)
            return [("", "%s %s %r" % (value.dtype, value.shape, value.tolist()))]
        if isinstance(value, (pandas.DataFrame, pandas.Series, pandas.Index)):
            return [("", "%s %s" % (value.to_dict() if hasattr(value, "to_dict") else list(value), getattr(value, "dtypes", None)))]
        if cls in ("dict_keys", "dict_values", "dict_items", "odict_keys", "odict_values", "odict_items"):
            import gc

            return [("of", next(owner for owner in gc.get_referents(value) if isinstance(owner, dict)))]
        if isinstance(value, (set, frozenset)):
            return [("", item) for item in sorted(value, key=lambda item: (type(item).__name__, getattr(item, "n", 0), str(getattr(item, "n", item))))]
        if isinstance(value, types.MethodType):
            return [("self", value.__self__), ("name", value.__name__)]
        if isinstance(value, types.FunctionType):
            return [("holds", value()), ("together", value.put.__closure__[0] is value.__closure__[0])]
        found = []
        if isinstance(value, dict):
            found += [part for key, item in value.items() for part in (("key", key), ("", item))]
        elif isinstance(value, BaseException):
            found += [("args", value.args)]
        elif cls == "partial":
            found += [("func", value.func.__name__), ("args", value.args)]
        elif cls == "bytearray":
            found += [("", bytes(value))]
        elif hasattr(value, "__iter__"):
            found += [("", item) for item in list(value)]
        slots = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ()) if hasattr(value, name)]
        found += [(name, getattr(value, name)) for name in slots if not name.startswith("_")]
        return found + [(name, item) for name, item in getattr(value, "__dict__", {}).items() if cls != "partial"]


def quiet(examples):
    """Bounded by the number of examples; the same ones in every run."""
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize="NBHOIST_GRAPH_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck), phases=[phase for phase in Phase if phase is not Phase.explain],
    )


@quiet(EXAMPLES)
@given(graph=graphs())
def test_what_is_unpacked_is_what_was_packed(graph):
    source, names = graph
    here, there = space(), space()
    exec(source, here)
    sender, receiver = Sender(session.seeds(here)), Receiver(session.seeds(there))
    packed = sender.pack([(name, here[name]) for name in names])
    receiver.load([bytes(buffer) for buffer in packed.buffers], there.__setitem__)
    assert Picture(there, names).text == Picture(here, names).text


@quiet(max(EXAMPLES // 20, 1))
@given(move=moves())
def test_a_block_that_goes_on_elsewhere_ends_as_here(move, tmp_path_factory):
    from conftest import Lab

    source, block, names = move
    module = types.ModuleType("__main__")
    lab = Lab(module, tmp_path_factory.mktemp("generated"))
    twin = space()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "__main__", module)
        for target in (lab.space, twin):
            exec(PRELUDE + source, target)
        exec(block, twin)
        lab.migrate(block, returns=names)
    assert lab.ok, lab.errors()
    assert Picture(lab.space, names).text == Picture(twin, names).text
