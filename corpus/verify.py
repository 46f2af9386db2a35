#!/usr/bin/env python3
"""Check expected.json by running the notebooks: are the inputs and returns of each marked block the true ones?

    python corpus/verify.py                    # every notebook in expected.json
    python corpus/verify.py digits.ipynb       # some of them

Needs an environment with requirements.txt. For each marked block:

- its inputs, and nothing else, go through one cloudpickle into a fresh process that runs the block. A name is handed out
  there when the block first reads it, so a name that is missing fails the run, and a name that was never
  asked for is one that could be dropped;
- its printed text and the values of its returns must be those of the run at home;
- the returns must be exactly the names that the block binds or changes and that a later cell reads, seen the same way.

Prints for each block its processor time and the bytes of the whole namespace and of the inputs.
"""

import ast
import builtins
import contextlib
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback
import types

import cloudpickle
import numpy
import pandas

HERE = pathlib.Path(__file__).resolve().parent


class Handout(dict):
    """Builtins that also hand out the names of a pool, and remember which were asked for."""

    def __init__(self, pool):
        super().__init__(vars(builtins))
        self.pool = pool
        self.asked = set()

    def __missing__(self, name):
        value = self.pool[name]
        self.asked.add(name)
        return value


def handout_namespace(pool):
    """An empty namespace that takes what it lacks from the pool; the pool's functions and classes are bound to it."""
    namespace = {"__name__": "__main__"}
    namespace["__builtins__"] = Handout(pool)
    for name, value in list(pool.items()):
        pool[name] = rebound(value, namespace)
    return namespace


def rebound(value, namespace):
    """The value with its notebook functions reading their globals from the namespace."""
    if isinstance(value, types.FunctionType) and value.__module__ == "__main__":
        function = types.FunctionType(value.__code__, namespace, value.__name__, value.__defaults__, value.__closure__)
        function.__kwdefaults__ = value.__kwdefaults__
        function.__module__ = "__main__"
        return function
    owner = value if isinstance(value, type) else type(value)
    if owner.__module__ == "__main__":
        for name, method in list(vars(owner).items()):
            if isinstance(method, types.FunctionType):
                setattr(owner, name, rebound(method, namespace))
    return value


def run_cell(source, namespace):
    """What one cell prints. Line magics are left out: the notebooks use them for display only."""
    lines = ["pass" if line.startswith("%") else line for line in source.splitlines()]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.parse("\n".join(lines)), "<cell>", "exec"), namespace)
    return printed.getvalue()


class ContentPickler(cloudpickle.Pickler):
    """Pickles for comparing only: equal contents give equal bytes, however they are shared or laid out in memory."""

    def __init__(self, sink):
        super().__init__(sink)
        self.fast = True  # Without a memo, so that a shared string and two equal ones are alike.

    def reducer_override(self, obj):
        """Reduce what has more than one layout to its content."""
        if isinstance(obj, numpy.ndarray) and obj.dtype != object:
            return tuple, (obj.dtype.str, obj.shape, obj.tobytes())
        if isinstance(obj, pandas.DataFrame):
            return tuple, (list(obj.columns), obj.index.to_numpy(), [obj[name].to_numpy() for name in obj.columns])
        if isinstance(obj, (type, types.FunctionType)) and obj.__module__ == "__main__":
            return tuple, (obj.__qualname__,)
        return super().reducer_override(obj)


def digest(value):
    """Fingerprint of a value's content; None for what cannot be pickled."""
    sink = io.BytesIO()
    try:
        ContentPickler(sink).dump(value)
    except Exception:  # Any class may fail to pickle in its own way, and such a value is no candidate.
        return None
    return hashlib.sha256(sink.getbuffer()).hexdigest()


def data_names(namespace):
    """Names of the notebook's values; modules, functions and classes are left out."""
    code = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    return {name for name, value in namespace.items() if not name.startswith("__") and not isinstance(value, code)}


def total_bytes(namespace):
    """Bytes that the notebook's values take when pickled one by one."""
    total = 0
    for name in data_names(namespace):
        with contextlib.suppress(Exception):  # As above: what cannot be pickled does not count.
            total += len(cloudpickle.dumps(namespace[name]))
    return total


def run_away(sources, inputs, block, namespace):
    """Run the block in a fresh process with its inputs only; gives what that process reports and the bytes shipped."""
    with tempfile.TemporaryDirectory() as folder:
        job, report = pathlib.Path(folder, "job"), pathlib.Path(folder, "report")
        state = cloudpickle.dumps({name: namespace[name] for name in inputs})
        returns = [name for name in block["returns"] if name not in block["aliases"]]
        job.write_bytes(cloudpickle.dumps((sources, state, block["imports"], returns)))
        subprocess.run([sys.executable, __file__, "--away", job, report], check=True)
        return cloudpickle.loads(report.read_bytes()), len(state)


def away(job, report):
    """The fresh process: load, run, report."""
    sources, state, imports, returns = cloudpickle.loads(pathlib.Path(job).read_bytes())
    imported = {}
    exec("\n".join(imports), imported)
    imported = {name: value for name, value in imported.items() if name != "__builtins__"}
    inputs = cloudpickle.loads(state)
    namespace = handout_namespace({**imported, **inputs})
    handout = namespace["__builtins__"]
    started = time.process_time()
    printed = [run_cell(source, namespace) for source in sources]
    seconds = time.process_time() - started
    values = {name: digest(namespace.get(name, inputs.get(name))) for name in returns}
    unused = sorted((set(inputs) | set(imported)) - handout.asked)
    pathlib.Path(report).write_bytes(cloudpickle.dumps((printed, seconds, values, unused)))


def names_read(sources, namespace):
    """Names of the namespace that the cells read before they bind them themselves."""
    # In a forked process, so that the notebook goes on here as if these cells had not run.
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            fresh = handout_namespace({name: value for name, value in namespace.items() if not name.startswith("__")})
            for source in sources:
                run_cell(source, fresh)
            with open(writer, "w", encoding="utf-8") as answer:
                json.dump(sorted(fresh["__builtins__"].asked), answer)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, encoding="utf-8") as answer:
        names = answer.read()
    if os.waitpid(child, 0)[1] != 0:
        raise SystemExit("the cells after the block failed: see the traceback above")
    return set(json.loads(names))


def compare(label, expected, found):
    """Say how two collections of names differ; true when they do not."""
    missing, extra = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
    if missing or extra:
        print(f"  {label}: not in expected.json {missing}, only in expected.json {extra}")
    return not missing and not extra


def check_block(name, block, cells, namespace):
    """Run one block at home and away and compare; true when expected.json is right. The namespace is left as after the block."""
    sources = [cells[number - 1] for number in block["cells"]]
    before = {key: digest(namespace[key]) for key in data_names(namespace)}
    whole = total_bytes(namespace)
    (printed, seconds, values, unused), shipped = run_away(sources, block["inputs"], block, namespace)
    known = dict(namespace)
    here = [run_cell(source, namespace) for source in sources]

    touched = {key for key, value in namespace.items() if key not in known or known[key] is not value}
    touched |= {key for key, old in before.items() if old is not None and digest(namespace[key]) != old}
    following = [cells[number - 1] for number in range(block["cells"][-1] + 1, len(cells) + 1) if cells[number - 1] is not None]
    returns = touched & names_read(following, namespace)

    good = compare("inputs or imports never read", [], unused) and compare("returns", block["returns"], returns)
    if printed != here:
        print("  the text printed away differs from the text printed at home")
        good = False
    for key, value in values.items():
        if value is None or value != digest(namespace[key]):
            print(f"  the value of {key} away differs from the one at home")
            good = False
    print(f"  {name}: {seconds:.0f} s of processor time, namespace {whole / 1e6:.1f} MB, inputs {shipped / 1e6:.1f} MB,",
          "right" if good else "WRONG", flush=True)
    return good


def check_notebook(path, blocks):
    """Check all marked blocks of one notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) if cell["cell_type"] == "code" else None for cell in notebook["cells"]]
    marks = {}
    for number, cell in enumerate(notebook["cells"], 1):
        for tag in cell["metadata"].get("tags", []):
            if tag.startswith("nbhoist:"):
                marks.setdefault(tag.partition(":")[2], []).append(number)
    good = compare("marked blocks", [f"{k} {v['cells']}" for k, v in blocks.items()], [f"{k} {v}" for k, v in marks.items()])
    starts = {block["cells"][0]: (name, block) for name, block in blocks.items()}
    namespace = {"__name__": "__main__"}
    number = 1
    while number <= len(cells):
        if number in starts:
            name, block = starts[number]
            good &= check_block(name, block, cells, namespace)
            number = block["cells"][-1]
        elif cells[number - 1] is not None:
            run_cell(cells[number - 1], namespace)
        number += 1
    return good


def main():
    """0 when expected.json is right for every notebook asked for."""
    if sys.argv[1:2] == ["--away"]:
        away(*sys.argv[2:])
        return 0
    os.environ["MPLBACKEND"] = "agg"
    expected = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    good = True
    for name in sys.argv[1:] or expected:
        print(name, flush=True)
        good &= check_notebook(HERE / name, expected[name])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
