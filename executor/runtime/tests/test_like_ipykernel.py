"""What a cell shows in the worker is what a real ipykernel shows."""

import re

import pytest

pytest.importorskip("ipykernel")


def normal(events):
    """Events without what differs from run to run, neighbouring text joined."""
    result = []
    for event in events:
        event = {key: value for key, value in sorted(event.items()) if key not in ("n", "cell", "execution_count")}
        if event["op"] == "stream" and result and result[-1]["op"] == "stream" and result[-1]["name"] == event["name"]:
            result[-1]["text"] += event["text"]
            continue
        result.append(event)
    text = repr(result)
    text = re.sub(r"0x[0-9a-f]+|\d+(\.\d+)? [mnµ]?s\b|\d+:\d\d<\d+:\d\d|[\d.?]+it/s", "@", text)
    return re.sub(r"'display_id': '[0-9a-f]+'", "'display_id': 'ID'", text)


CELLS = {
    "print and result": "print('one')\nimport sys\nprint('err', file=sys.stderr)\n1 + 1",
    "nothing": "x = 5;",
    "semicolon": "5;",
    "zero division": "def f(x):\n    return 1 / x\n\nprint('before')\nf(0)",
    "name error": "undefined_name_here",
    "syntax error": "def f(:\n  pass",
    "indentation error": "if True:\nprint(1)",
    "chained": "try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('wrapped') from e",
    "custom exception": "class Oops(Exception):\n    def __str__(self): return 'multi\\nline'\nraise Oops()",
    "library error": "import json\njson.loads('{bad')",
    "system exit": "raise SystemExit(3)",
    "assert": "assert 1 == 2, 'no'",
    "unknown magic": "%nosuchmagic",
    "unknown cell magic": "%%nosuch\nx",
    "rich": "from IPython.display import display, HTML, Markdown\ndisplay(HTML('<b>x</b>'))\nMarkdown('# h')",
    "update": "from IPython.display import display\nh = display('a', display_id='same')\nh.update('b')",
    "clear": "from IPython.display import clear_output\nprint('a')\nclear_output(wait=True)\nprint('b')",
    "frame": "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})",
    "figure": "import matplotlib.pyplot as plt\nplt.figure(figsize=(2, 1))\nplt.plot([1, 2])\nprint('after')",
    "figure shown": "import matplotlib.pyplot as plt\nfig, ax = plt.subplots(figsize=(2, 1))\nax.plot([1, 2])\nplt.show()\nfig",
    "await": "import asyncio\nasync def g():\n    await asyncio.sleep(0.01)\n    return 7\nawait g()",
    "await error": "import asyncio\nasync def g():\n    await asyncio.sleep(0.01)\n    raise ValueError('late')\nawait g()",
    "running loop": "import asyncio\nasyncio.get_running_loop().is_running()",
    "system": "!echo hello; echo err >&2\nfiles = !printf 'a\\nb'\nfiles",
    "capture": "%%capture out\nprint('hidden')\n3",
    "bash": "%%bash\necho from bash",
    "input": "input('name? ')",
    "history": "_ = None\nIn[-1][:5], type(Out).__name__",
    "underscore": "41 + 1",
    "tqdm": "from tqdm import tqdm\nfor i in tqdm(range(3)): pass",
    "repr error": "class B:\n    def __repr__(self): raise RuntimeError('bad repr')\nB()",
    "warning": "import warnings\nwarnings.warn('careful')",
    "help": "len?",
    "timeit": "%timeit -n1 -r1 -q 1",
    "multi line": "x = [1,\n     2]\ny = (x[5] +\n     1)",
    "recursion": "def r(n): return r(n + 1)\nimport sys\ntry:\n    r(0)\nexcept RecursionError: print('deep')",
    "exception group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
}


def test_cells_show_what_ipykernel_shows(kernel_lab):
    lab = kernel_lab
    count = lab.call("probe", names=[])["execution_count"]
    lab.start([], count=count)
    different = {}
    for name, source in CELLS.items():
        expected, reply = lab.cell(source)
        lab.events = []
        done = lab.run(source, reply["execution_count"])
        expected, found = normal(expected), normal([event for event in lab.events if event["op"] != "fault"])
        if found != expected:
            different[name] = (expected, found)
        # Old versions of ipykernel show the error of a failing `repr` and call the cell a success.
        assert done["ok"] == (reply["status"] == "ok") or name == "repr error", name
    for name, (expected, found) in different.items():
        print("----", name, "\nkernel:", expected, "\nworker:", found)
    # The traceback of `input` shows the file of the function that refuses it.
    assert set(different) <= {"input"}
    assert "StdinNotImplementedError" in different["input"][1]
