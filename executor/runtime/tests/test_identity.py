"""What is one object stays one object, whatever holds it and whoever changes it."""


def test_aliases_stay_one_object(lab):
    lab.cell("a = [1, 2]\nb = a\nc = {'a': a}\nd = (a, 1)\ndef holder(x=a): return x")
    before = lab.space["a"]
    lab.migrate("b.append(99)\nsame = a is b and c['a'] is a and d[0] is a and holder() is a")
    assert lab.ok and lab.space["same"] is True
    assert lab.space["a"] is before is lab.space["b"] is lab.space["c"]["a"] is lab.space["d"][0]
    assert lab.space["a"] == [1, 2, 99]
    assert lab.space["holder"]() is before


def test_new_values_refer_to_the_kernels_objects(lab):
    lab.cell("a = [1]\nk = {'x': a}")
    lab.migrate("pair = [a, a, k]")
    assert lab.space["pair"][0] is lab.space["a"] and lab.space["pair"][2] is lab.space["k"]


def test_functions_see_the_namespace(lab):
    lab.cell("SCALE = 3\ndef func(x): return x * SCALE\ndef fact(n): return 1 if n < 2 else n * fact(n - 1)")
    func = lab.space["func"]
    lab.migrate("SCALE = 10\nr = func(2)\nf = fact(5)\ndef new(x): return func(x) + SCALE")
    assert lab.space["r"] == 20 and lab.space["f"] == 120
    assert lab.space["func"] is func and func(2) == 20
    assert lab.space["new"].__globals__ is lab.space and lab.space["new"](1) == 20


def test_closures_share_their_cells(lab):
    lab.cell(
        "def make():\n"
        "    n = 0\n"
        "    def inc():\n"
        "        nonlocal n\n"
        "        n += 1\n"
        "        return n\n"
        "    def get(): return n\n"
        "    def recursive(k): return 0 if k == 0 else 1 + recursive(k - 1)\n"
        "    return inc, get, recursive\n"
        "inc, get, recursive = make()\ninc()"
    )
    lab.migrate("inc()\ninc()\ngot = get()\nr = recursive(4)")
    assert lab.space["got"] == 3 and lab.space["r"] == 4
    assert lab.space["get"]() == 3
    assert lab.space["inc"]() == 4 and lab.space["get"]() == 4


def test_classes_stay_the_same_class(lab):
    lab.cell(
        "class Base:\n    tags = []\n    def m(self): return self.v * SCALE\n"
        "class Sub(Base):\n    def __init__(self, v): self.v = v\n    def up(self): return super().m()\n"
        "SCALE = 2\nobj = Sub(5)\nm = obj.m"
    )
    Sub, obj = lab.space["Sub"], lab.space["obj"]
    lab.migrate("SCALE = 3\nr = obj.m()\nup = obj.up()\nnew = Sub(7)\nobj.v = 6\nBase.tags.append('x')\nSub.extra = 1\nlast = m()")
    assert lab.ok
    assert lab.space["Sub"] is Sub and lab.space["obj"] is obj and type(lab.space["new"]) is Sub
    assert lab.space["r"] == 15 and lab.space["up"] == 15 and obj.v == 6 and lab.space["last"] == 18
    assert Sub.tags == ["x"] and Sub.extra == 1
    assert lab.space["new"].m() == 21


def test_views_stay_views(lab):
    lab.cell("import numpy as np\nbig = np.arange(10.)\nview = big[2:5]\nrev = big[::-1]\nmat = np.zeros((4, 5)); col = mat[:, 1]; t = mat.T")
    lab.migrate("view[0] = -1\nbigval = float(big[2])\ncol[:] = 7\nrev[0] = 5\nnewview = big[4:6]\nok = t[1, 0] == 7")
    space = lab.space
    assert lab.ok and space["bigval"] == -1 and space["ok"]
    assert space["big"][2] == -1 and space["big"][9] == 5 and space["mat"][:, 1].tolist() == [7] * 4
    space["newview"][0] = 42
    assert space["big"][4] == 42
    assert space["np"].shares_memory(space["view"], space["big"])


def test_views_of_an_unnamed_base(lab):
    lab.cell("import numpy as np\ndef make():\n    base = np.arange(20.)\n    return base[2:9], base[5:12]\nx, y = make()")
    lab.migrate("x[3] = -5\nboth = y[0] == -5")
    assert lab.space["both"] and lab.space["y"][0] == -5


def test_a_lone_view_ships_only_itself(lab):
    lab.cell("import numpy as np\nbig = np.zeros((1000, 1000))\ncol = big[:, 3]")
    lab.start(["col"])
    assert lab.captured["bytes"] < 20000
    lab.run("col[5] = 1; small = col.base.nbytes <= 2 * col.nbytes and not col.flags.c_contiguous")
    lab.collect()
    lab.restore()
    assert lab.space["big"][5, 3] == 1 and lab.space["small"]


def test_views_made_over_there_of_arrived_arrays(lab):
    lab.cell("import numpy as np\na = np.zeros((3, 4), order='F')")
    lab.migrate("v = a[1:, ::2]\nv += 1")
    lab.space["v"][0, 0] = 9
    assert lab.space["a"][1, 0] == 9 and lab.space["a"].sum() == 12


def test_arrays_own_their_memory_and_are_writable(lab):
    lab.cell("import numpy as np\na = np.arange(200000)\nb = np.arange(3)\nr = np.arange(3); r.flags.writeable = False")
    lab.migrate("ok = a.flags.writeable and a.flags.owndata and b.flags.owndata and not r.flags.writeable\nc = a * 2\nd = b * 2")
    assert lab.space["ok"] and lab.space["c"].flags.owndata and lab.space["d"].flags.writeable


def test_late_alias_keeps_identity(lab):
    lab.cell("a = [1]\nb = a\nc = {'a': a}")
    lab.migrate("a.append(2)\nsame = b is a\nc['a'].append(3)", names=["a"])
    assert lab.space["same"] and lab.space["a"] == [1, 2, 3] and lab.space["b"] is lab.space["a"] is lab.space["c"]["a"]
    assert lab.collected["faults"] == ["b", "c"]


def test_unknown_function_mutates_in_place(lab):
    lab.cell("data = {'rows': [[1], [2]]}\nalias = data['rows'][0]\ndef unknown(d):\n    d['rows'][0].append('deep')\n    d['n'] = 2")
    report = lab.migrate("unknown(data)")
    assert lab.space["data"] == {"rows": [[1, "deep"], [2]], "n": 2}
    assert lab.space["alias"] is lab.space["data"]["rows"][0]
    assert set(report["updated"]) == {"alias", "data"}


def test_unchanged_inputs_do_not_come_back(lab):
    lab.cell("import numpy as np\nbig = np.zeros(1000000)\nwords = ['w%d' % i for i in range(1000)]")
    lab.migrate("r = big.sum() + len(words)")
    assert lab.collected["changed"] == [] and lab.collected["bytes"] < 5000


def test_deleted_and_rebound_names(lab):
    lab.cell("a = [1]\nb = a\nc = 3\nd = 4")
    lab.migrate("del c\nb = [2]\nd = a")
    assert "c" not in lab.space and lab.space["a"] == [1] and lab.space["b"] == [2] and lab.space["d"] is lab.space["a"]


def test_exec_of_all_containers(lab):
    lab.cell(
        "import collections\nl=[1]; d={1: 2}; s={1}; q=collections.deque([1], 3); o=collections.OrderedDict(a=1, b=2)\n"
        "dd=collections.defaultdict(list); b=bytearray(b'ab'); c=collections.Counter('aab')\nkeep=[l,d,s,q,o,dd,b,c]"
    )
    before = list(lab.space["keep"])
    lab.migrate("l.append(2); d[3]=4; s.add(2); q.extend([2,3,4]); o.move_to_end('a'); dd['x'].append(1); b.extend(b'c'); c['z']+=5")
    space = lab.space
    assert all(x is y for x, y in zip(before, space["keep"]))
    assert (space["l"], space["d"], space["s"], list(space["q"])) == ([1, 2], {1: 2, 3: 4}, {1, 2}, [2, 3, 4])
    assert list(space["o"]) == ["b", "a"] and space["dd"] == {"x": [1]} and space["b"] == b"abc" and space["c"]["z"] == 5
    assert space["q"].maxlen == 3 and type(space["c"]).__name__ == "Counter" and space["dd"].default_factory is list
