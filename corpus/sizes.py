"""How near the sizes that the source says come to real ones: runs notebooks, weighs what each cell binds, and traces the memory that each cell takes.

    python corpus/sizes.py --nbhoist target/release/nbhoist [--report FILE] NOTEBOOK...

Run it with a Python that has what the notebooks import (corpus/requirements.txt for ours). Values are weighed as the history weighs them
(executor/runtime/nbhoist_runtime/sizes.py); a cell's memory is the highest that tracemalloc sees while it runs, with what it reads added.
"""

import argparse
import io
import json
import os
import pathlib
import subprocess
import sys
import tracemalloc
import types
from contextlib import redirect_stderr, redirect_stdout

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "executor" / "runtime"))
CODE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
SMALL = 1000  # Values up to so many bytes are a class of their own.


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nbhoist", type=pathlib.Path, required=True)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("notebooks", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "agg")
    rows, cells = [], []
    nbhoist, notebooks = options.nbhoist.resolve(), [notebook.resolve() for notebook in options.notebooks]
    report = options.report and options.report.resolve()
    for notebook in notebooks:
        print(notebook.name, file=sys.stderr, flush=True)
        run(nbhoist, notebook, rows, cells)
    text = table(rows, cells, len(notebooks))
    print(text)
    if report:
        report.write_text(text, encoding="utf-8")


def run(nbhoist, path, rows, cells):
    """Adds `(name, estimate, bytes)` of each value that a cell binds, and `(estimate, bytes)` of each cell."""
    from IPython.core.interactiveshell import InteractiveShell
    from nbhoist_runtime import sizes

    environment = dict(os.environ, NBHOIST_HISTORY="off")
    done = subprocess.run([nbhoist, "analyze", path, "--output-format", "json", "-q"], env=environment, capture_output=True)
    known = {cell["cell"]: cell for cell in json.loads(done.stdout)["cells"]}
    InteractiveShell.enable_gui = lambda self, gui=None: None  # There is none.
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    os.chdir(path.parent)
    weigh = lambda names: sizes.measure(shell.user_ns, names, 60.0)
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"], 1):
        if cell["cell_type"] != "code":
            continue
        said = known[number]
        read = sum(weigh(said["reads"]).values())
        tracemalloc.start()
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            result = shell.run_cell("".join(cell["source"]), store_history=True)
        peak = tracemalloc.get_traced_memory()[1] + read
        tracemalloc.stop()
        if not result.success:
            error = result.error_in_exec or result.error_before_exec
            print(f"  cell {number} fails ({error!r}); the rest is not looked at", file=sys.stderr)
            return
        bound = [name for name in said["defines"] if not isinstance(shell.user_ns.get(name), CODE)]
        expected = {size["name"]: size for size in said["sizes"]}
        rows += [(name, expected.get(name), weight) for name, weight in weigh(bound).items()]
        cells.append((said["memory"], peak))


def table(rows, cells, notebooks):
    def row(name, chosen):
        told = [(size, weight) for _, size, weight in chosen if size]
        if not told:
            return f"| {name} | {len(chosen)} | 0% | | |"
        near = sum(max(size["bytes"], weight) <= 2 * max(min(size["bytes"], weight), 1) for size, weight in told)
        inside = sum(size["low"] * 0.98 <= weight <= size["high"] * 1.02 for size, weight in told)
        return f"| {name} | {len(chosen)} | {len(told) / len(chosen):.0%} | {near / len(told):.0%} | {inside / len(told):.0%} |"

    large = [row for row in rows if row[2] > SMALL]
    peaks = [(memory["bytes"], peak) for memory, peak in cells if memory["bytes"] and memory["bytes"] > 1e6]
    near = sum(max(pair) <= 2 * min(pair) for pair in peaks)
    return "\n".join(
        [
            f"{len(rows)} values of {notebooks} notebooks.",
            "",
            "| values | bound | with an estimate | of these within 2x | in the interval |",
            "|---|--:|--:|--:|--:|",
            row("up to 1 kB", [row for row in rows if row[2] <= SMALL]),
            row("above 1 kB", large),
            row("above 1 MB", [row for row in rows if row[2] > 1e6]),
            row("**all**", rows),
            "",
            f"Memory of cells, above 1 MB: {len(peaks)} of {len(cells)} have an estimate, {near} of these within 2x of what was traced.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
