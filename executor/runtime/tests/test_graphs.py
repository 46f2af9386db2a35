"""Random object graphs, mutated at random over there, end up as if everything had run here."""

import os
import random
import types

import numpy as np
import pytest

from graph_code import LISTS_AND_CLOSURES

CLASSES = LISTS_AND_CLOSURES + '''
import numpy as np, collections
class Node:
    def __init__(self, v): self.v = v
class Slotted:
    __slots__ = ("a", "b")
class Copies:
    """Hands out copies when it is packed."""
    def __init__(self, items): self.items = items
    def __reduce__(self): return Copies, (list(self.items),)
class Stateful:
    def __init__(self, d): self.d = d; self.cache = None
    def __getstate__(self): return {"d": self.d, "cache": None}
'''

OPS = '''
def children(o):
    if isinstance(o, (list, tuple, collections.deque)): return list(o)
    if isinstance(o, dict): return list(o.values())
    if isinstance(o, Slotted): return [getattr(o, n) for n in o.__slots__ if hasattr(o, n)]
    if isinstance(o, np.ndarray): return list(o) if o.dtype == object else []
    if callable(o) and hasattr(o, "put"): return [o()]
    # The list inside is not offered to others: what a reduction copies cannot keep aliases from outside.
    if isinstance(o, Copies): return list(o.items)
    if hasattr(o, "__dict__"): return list(vars(o).values())
    return []
def walk(names):
    seen, order, stack = set(), [], [globals()[n] for n in names][::-1]
    while stack:
        o = stack.pop()
        if id(o) in seen or isinstance(o, (int, str, float, type(None), np.generic)): continue
        seen.add(id(o)); order.append(o); stack.extend(reversed(children(o)))
    return order
def mutate(names, seed, steps):
    rng = random.Random(seed)
    for step in range(steps):
        order = [o for o in walk(names) if not isinstance(o, tuple)]
        if not order: return
        o, other, val = rng.choice(order), rng.choice(order), rng.randrange(1000)
        new = rng.choice([lambda: val, lambda: [val, other], lambda: {"k": other}, lambda: Node(other), lambda: other, lambda: (other, val), lambda: np.arange(3) + val])()
        if isinstance(o, (list, collections.deque)):
            act = rng.randrange(3)
            if act == 0 or not o: o.append(new)
            elif act == 1: o[rng.randrange(len(o))] = new
            else: del o[rng.randrange(len(o))]
        elif isinstance(o, dict):
            if o and rng.random() < .3: del o[rng.choice(list(o))]
            else: o["k%d" % rng.randrange(4)] = new
        elif isinstance(o, np.ndarray):
            if o.dtype == object: o[rng.randrange(len(o))] = other
            elif o.size: o[rng.randrange(len(o))] = val
        elif isinstance(o, Slotted): setattr(o, rng.choice("ab"), new)
        elif isinstance(o, Copies): o.items.append(new)
        elif isinstance(o, Stateful): o.d["s%d" % val] = new
        elif callable(o) and hasattr(o, "put"): o.put(new)
        elif isinstance(o, Node): setattr(o, rng.choice("vwx"), new)
        if rng.random() < .15: globals()[rng.choice(names)] = other
        if rng.random() < .1: globals()["n%d" % rng.randrange(3)] = other
'''


def build(seed):
    """Source that builds a random graph under the names `g0`, `g1`, ..."""
    rng = random.Random(seed)
    lines = ["pool = []"]
    for index in range(rng.randrange(5, 25)):
        ref = "pool[%d]" % rng.randrange(index) if index else "0"
        ref2 = "pool[%d]" % rng.randrange(index) if index else "'x'"
        lines.append("pool.append(%s)" % rng.choice([
            "[%s, %s, 1]" % (ref, ref2), "{'a': %s, 'b': %s}" % (ref, ref2), "Node(%s)" % ref, "(%s, %s)" % (ref, ref2),
            "np.arange(%d.)" % rng.randrange(1, 9), "Copies([%s])" % ref, "Stateful({'x': %s})" % ref, "closure(%s)" % ref,
            "Listy([%s])" % ref, "collections.deque([%s, %s])" % (ref, ref2), "Slotted()",
            "np.array([%s, None, 2], dtype=object)[:2]" % ("1" if rng.random() < .5 else "None"), "collections.OrderedDict(z=%s)" % ref,
        ]))
        if index and rng.random() < .3:
            lines.append("if isinstance(pool[%d], np.ndarray) and pool[%d].dtype != object: pool.append(pool[%d][::2])" % ((index,) * 3))
            lines.append("else: pool.append([pool[%d]])" % index)
            lines.append("pool.pop()" if rng.random() < .5 else "pool[-1], pool[-2] = pool[-2], pool[-1]\npool.pop()")
        if index and rng.random() < .3:
            lines.append("if isinstance(pool[%d], list): pool[%d].append(pool[-1])" % ((rng.randrange(index),) * 2))
    names = ["g%d" % i for i in range(rng.randrange(1, 6))]
    lines += ["%s = pool[%d %% len(pool)]" % (name, rng.randrange(100)) for name in names]
    return "\n".join(lines + ["del pool"]), names


def canonical(space, names):
    """The graph below `names` as text in which every object has the number of its first visit: values and alias structure."""
    numbers, out = {}, []

    def visit(o):
        if isinstance(o, (int, float, str, type(None), np.generic)):
            out.append(repr(o))
            return
        if id(o) in numbers:
            out.append("#%d" % numbers[id(o)])
            return
        if not isinstance(o, tuple):
            numbers[id(o)] = len(numbers)
        keep.append(o)
        out.append("<%s" % type(o).__name__)
        if isinstance(o, np.ndarray):
            if o.dtype == object:
                for item in o:
                    visit(item)
            else:
                arrays.append(o)
                out.append(repr(o.tolist()))
        elif isinstance(o, dict):
            for key, value in o.items():
                out.append(repr(key))
                visit(value)
        elif isinstance(o, types.FunctionType):
            visit(o())
            out.append("put" if o.put.__closure__[0] is o.__closure__[0] else "APART")
        else:
            for item in list(o) if hasattr(o, "__iter__") else []:
                visit(item)
            for name in getattr(type(o), "__slots__", ()):
                if hasattr(o, name):
                    out.append(name)
                    visit(getattr(o, name))
            for name, value in getattr(o, "__dict__", {}).items():
                out.append(name)
                visit(value)
        out.append(">")

    keep, arrays = [], []
    for name in names:
        out.append(name + "=")
        if name in space:
            visit(space[name])
    shared = [[np.shares_memory(a, b) for b in arrays] for a in arrays]
    return " ".join(out) + repr(shared)


@pytest.mark.parametrize("batch", range(int(os.environ.get("NBHOIST_GRAPH_BATCHES", "4"))))
def test_random_graphs(lab, batch):
    # Many graphs share one worker: each has its own names, so that starting workers does not take all the time.
    count = 12
    seeds = [batch * 1000 + index for index in range(count)]
    lab.cell(CLASSES)
    twin = types.ModuleType("__main__").__dict__
    exec(CLASSES, twin)
    jobs = []
    for index, seed in enumerate(seeds):
        source, names = build(seed)
        for name in names:
            source = source.replace("%s =" % name, "j%d_%s =" % (index, name))
        lab.cell(source)
        exec(source, twin)
        jobs.append((["j%d_%s" % (index, name) for name in names], seed))
    identities = {name: id(lab.space[name]) for names, _ in jobs for name in names}
    every = [name for names, _ in jobs for name in names]
    assert canonical(lab.space, every) == canonical(twin, every)
    block = "import random, collections\n" + OPS + "\nfor names, seed in %r: mutate(names, seed, 12)\ndel children, walk, mutate" % (jobs,)
    exec(block, twin)
    some = every[:: 2 if batch % 2 else 1]
    lab.migrate(block, names=["Node", "Slotted", "Copies", "Stateful", "Listy", "np", "collections"] + some + [n for n in every if n not in some])
    assert lab.ok, lab.errors()
    for names, seed in jobs:
        assert canonical(lab.space, names) == canonical(twin, names), seed
    assert canonical(lab.space, every + ["n0", "n1", "n2"]) == canonical(twin, every + ["n0", "n1", "n2"])
    assert identities
