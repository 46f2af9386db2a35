"""Runs notebooks here and with a block on the local executor, compares every output, and writes the table in docs/measurements.md.

    python corpus/measure.py --nbhoist target/release/nbhoist --python PYTHON --public-python PYTHON [--output FILE]

PYTHON has corpus/requirements.txt, --public-python has corpus/runnable-requirements.txt; the public notebooks come from
`corpus/fetch.py --runnable`. The block is the marked one, or of the cells that need something the one that took longest. Standard library only.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FETCHED = HERE.parent / ".cache" / "nbhoist-corpus" / "notebooks"
OURS = ["remote_sensing.ipynb", "image_recognition.ipynb", "digits.ipynb"]
PUBLIC = [
    "control-0.10.2/doc/examples/cruise.ipynb",
    "control-0.10.2/doc/examples/describing_functions.ipynb",
    "control-0.10.2/doc/examples/kalman-pvtol.ipynb",
    "control-0.10.2/doc/examples/interconnect_tutorial.ipynb",
    "emcee-3.1.6/docs/tutorials/line.ipynb",
    "statsmodels-0.14.6/examples/notebooks/ols.ipynb",
    "statsmodels-0.14.6/examples/notebooks/glm.ipynb",
    "statsmodels-0.14.6/examples/notebooks/robust_models_0.ipynb",
    "statsmodels-0.14.6/examples/notebooks/kernel_density.ipynb",
    "statsmodels-0.14.6/examples/notebooks/discrete_choice_example.ipynb",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nbhoist", type=pathlib.Path, required=True)
    parser.add_argument("--python", type=pathlib.Path, required=True)
    parser.add_argument("--public-python", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path, help="instead of ours and the public ones")
    options = parser.parse_args()
    nbhoist = options.nbhoist.resolve()
    if options.notebooks:
        jobs = [(path.resolve(), options.python) for path in options.notebooks]
    else:
        jobs = [(HERE / name, options.python) for name in OURS]
        if options.public_python:
            jobs += [(FETCHED / name, options.public_python) for name in PUBLIC]
    rows = [measure(nbhoist, path, os.path.abspath(python)) for path, python in jobs]
    text = table(rows)
    print(text)
    if options.output:
        options.output.write_text(page(text), encoding="utf-8")
    sys.exit(any(row.get("different") for row in rows))


def measure(nbhoist, path, python):
    print(f"{path.name} ...", file=sys.stderr, flush=True)
    # A notebook's own folder holds its data; what it writes goes to a copy.
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "notebook"
        shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns(".cache"))
        notebook = folder / path.name
        here = run(nbhoist, notebook, python, ["--on", "here"])
        if here is None:
            return {"name": path.name, "failed": "does not run here"}
        cells, seconds = block_of(nbhoist, notebook, here[0])
        moved = run(nbhoist, notebook, python, ["--on", "local", "--cells", ",".join(map(str, cells))])
        if moved is None:
            return {"name": path.name, "failed": "does not run with the block moved", "different": [-1]}
        different = differing(here[1], moved[1])
        if different:
            again = run(nbhoist, notebook, python, ["--on", "here"])
            unstable = set(differing(here[1], again[1])) if again else set()
        else:
            unstable = set()
        report = moved[0]["migrations"][0]
        return {
            "name": path.name,
            "cells": cells,
            "seconds": seconds,
            "namespace": report["namespace_bytes"],
            "shipped": report["shipped_bytes"],
            "returned": report["returned_bytes"],
            "faults": report.get("faults", []),
            "outputs": sum(cell["cell_type"] == "code" for cell in moved[1]["cells"]),
            "different": [number for number in different if number not in unstable],
            "unstable": sorted(unstable),
        }


def run(nbhoist, notebook, python, where):
    out = notebook.with_suffix(".out.ipynb")
    environment = dict(os.environ, MPLBACKEND="agg") if notebook.name not in OURS else dict(os.environ)
    command = [nbhoist, "run", notebook, *where, "--python", python, "-o", out, "--output-format", "json", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=notebook.parent, env=environment)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    return json.loads(done.stdout), json.loads(out.read_text(encoding="utf-8"))


def block_of(nbhoist, notebook, report):
    """The marked block, or of the cells that need something the one that took longest; and its seconds here."""
    spent = {cell["cell"]: cell["seconds"] for cell in report["cells"]}
    plans = plan(nbhoist, notebook).get("plans") or []
    if plans:
        cells = plans[0]["block"]["cells"]
    else:
        longest = sorted(spent, key=spent.get, reverse=True)
        cells = [next((cell for cell in longest if plan(nbhoist, notebook, "--cells", str(cell)).get("inputs")), longest[0])]
    return cells, sum(spent[cell] for cell in cells)


def plan(nbhoist, notebook, *where):
    done = subprocess.run([nbhoist, "plan", notebook, "--output-format", "json", *where], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def differing(a, b):
    pairs = zip(a["cells"], b["cells"])
    return [number for number, (one, other) in enumerate(pairs, 1) if masked(one) != masked(other)]


def masked(cell):
    """The outputs without times of day, which summaries of statsmodels print."""
    return re.sub(r"\d\d:\d\d:\d\d", "HH:MM:SS", json.dumps(cell.get("outputs")))


def table(rows):
    lines = ["| notebook | block | time here | namespace | shipped | less | came back | fetched late | outputs equal |", "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        if "failed" in row:
            lines.append(f"| {row['name']} | | | | | | | | {row['failed']} |")
            continue
        equal = f"{row['outputs'] - len(row['different']) - len(row['unstable'])} of {row['outputs']}"
        if row["unstable"]:
            equal += f"; {len(row['unstable'])} differ between two runs here as well"
        if row["different"]:
            equal += f"; cells {row['different']} differ"
        ratio = row["namespace"] / row["shipped"] if row["shipped"] and row["namespace"] else None
        cells = f"{row['cells'][0]}-{row['cells'][-1]}" if len(row["cells"]) > 1 else str(row["cells"][0])
        less = "" if ratio is None else f"{ratio:.1f}x"
        lines.append(
            f"| {row['name']} | {cells} | {row['seconds']:.1f} s | {size(row['namespace'])} | {size(row['shipped'])} | {less} "
            f"| {size(row['returned'])} | {', '.join(row['faults']) or '-'} | {equal} |"
        )
    return "\n".join(lines)


def size(count):
    if count is None:
        return "?"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def page(text):
    return f"""# Measurements

Each notebook runs from top to bottom here, then again with one block on the `local` executor. The block is the marked one, or, of the cells that need something, the one that took longest.
"Namespace" is everything the user bound when the block starts, pickled together; "shipped" is what the block took along. "Fetched late" are
names that the static analysis missed. Outputs are compared byte by byte, figures included.

The first three notebooks are ours, the others are public ones (`corpus/runnable.csv`). Reproduce with `python corpus/measure.py`; its first
lines say how.

{text}
"""


if __name__ == "__main__":
    main()
