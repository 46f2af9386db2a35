"""Code runs with the real builtins where it can, and asks for missed names wherever it is made."""

import pytest

QUICK = "def quick(function):\n    import builtins\n    return getattr(function, '__builtins__', builtins.__dict__) is builtins.__dict__\n"


def faults(lab):
    return [event["name"] for event in lab.events if event["op"] == "fault"]


def test_code_without_missed_names_has_the_real_builtins(lab):
    lab.cell(QUICK + "def helper(x):\n    return len(x) + offset\noffset = 1\nunrelated = 2\n")
    lab.migrate("def made(x):\n    return helper(x) + x.unrelated\nanswer = [quick(helper), quick(made), quick(lambda: [len(z) for z in ()])]",
                names=["quick", "helper", "offset"])
    assert lab.space["answer"] == [True, True, True]
    assert faults(lab) == []


def test_code_with_missed_names_asks(lab):
    lab.cell(QUICK + "def helper(x):\n    return len(x) + offset\noffset = 1")
    lab.migrate("def made(x):\n    return helper(x)\nanswer = [quick(helper), made('ab')]", names=["quick", "helper"])
    assert lab.ok and lab.space["answer"] == [False, 3]
    assert faults(lab) == ["offset"]


SECRETS = "secret = [1]\nhidden = [2]\ndef inner():\n    def deep():\n        return hidden\n    return deep\n"

MISSES = {
    "statement": "a = 1\nfound = secret",
    "function": "def f():\n    return secret\nfound = f()",
    "function made before": "def f():\n    return secret\nx = 1\ny = len('ab')\nfound = f()",
    "class body": "class C:\n    s = secret\nfound = C.s",
    "comprehension": "found = [secret for _ in range(1)][0]",
    "lambda": "f = lambda: secret\nfound = f()",
    "eval": "found = eval('sec' + 'ret')",
    "exec": "exec('found = sec' + 'ret')",
    "exec that defines": "exec('def f():\\n    return sec' + 'ret')\nfound = f()",
    "exec that defines inside a function": "def g():\n    space = {}\n    exec('def f():\\n    return sec' + 'ret', globals(), space)\n    return space['f']\nfound = g()()",
    "exec in a module": "import nbhoist_helper\nfound = nbhoist_helper.run('sec' + 'ret')",
    "compiled": "code = compile('secret', 'x', 'eval')\nfound = eval(code)",
    "in a thread": "import threading\nbox = []\nt = threading.Thread(target=lambda: box.append(secret))\nt.start()\nt.join()\nfound = box[0]",
    "time magic": "%time found = secret",
    "captured function with a function inside": "found = inner()()",
    "await": "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return secret\nfound = await f()",
    "shadowed while missing": "if False:\n    secret = 0\nfound = secret",
    "nested run": "get_ipython().run_cell('found = sec' + 'ret')",
}


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "nbhoist_helper.py").write_text("def run(text):\n    import __main__\n    return eval(text, __main__.__dict__)\n")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize("name", MISSES)
def test_missed_names_are_found_from_everywhere(lab, module, name):
    if "magic" in name or "nested" in name:
        pytest.importorskip("IPython")
    lab.cell(SECRETS)
    # The block begins with statements that need nothing, so that they run with the real builtins.
    lab.migrate("n = len('abc')\n" + MISSES[name], names=["inner"])
    assert lab.ok, lab.errors()
    expected = "hidden" if "captured" in name else "secret"
    assert lab.space["found"] is lab.space[expected]
    assert faults(lab) == [expected]


def test_later_cells_and_late_functions(lab):
    lab.cell(SECRETS + "def late():\n    return hidden\ndef plain():\n    return len('abc')")
    lab.start(["plain"])
    lab.run("a = plain()")
    lab.run("def mine():\n    return late()")
    lab.run("b = mine()[0] + secret[0]")
    lab.run("c = [len(x) for x in ('a', 'b')]\ndef after():\n    return secret\nd = after()")
    assert not lab.errors()
    assert faults(lab) == ["late", "hidden", "secret"]
    lab.finish()


def test_a_removed_name_is_not_found_again(lab):
    lab.cell("x = [1]\ny = 2")
    lab.migrate("del x\ntry:\n    x\n    gone = False\nexcept NameError:\n    gone = True", names=["x"])
    assert lab.space["gone"] and "x" not in lab.space
    assert faults(lab) == []
