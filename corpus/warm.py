"""How near the estimate after one run comes to the next run: runs notebooks twice, with a history of their own.

    python corpus/warm.py --nbhoist target/release/nbhoist --python PYTHON --public-python PYTHON [--every N] [--report FILE]

PYTHON has corpus/requirements.txt, --public-python has corpus/runnable-requirements.txt; the public notebooks come from
`corpus/fetch.py --runnable`, with --every N each Nth of them counts. The report is a Markdown table. Standard library only.
"""

import argparse
import csv
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FETCHED = HERE.parent / ".cache" / "nbhoist-corpus" / "notebooks"
OURS = ["remote_sensing.ipynb", "image_recognition.ipynb", "digits.ipynb"]
BOUNDS = [0.001, 0.01, 0.1, 1, math.inf]  # Of the classes of run times, seconds.


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nbhoist", type=pathlib.Path, required=True)
    parser.add_argument("--python", type=pathlib.Path)
    parser.add_argument("--public-python", type=pathlib.Path)
    parser.add_argument("--notebooks", type=pathlib.Path, default=FETCHED)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--report", type=pathlib.Path)
    options = parser.parse_args()
    jobs = [(HERE / name, options.python) for name in OURS if options.python]
    public = [options.notebooks / row["sdist"] / row["notebook"] for row in csv.DictReader((HERE / "runnable.csv").open())]
    if options.public_python:
        jobs += [(path, options.public_python) for path in public[:: options.every] if path.exists()]
    pairs = []
    for number, (path, python) in enumerate(jobs, 1):
        print(f"{number} of {len(jobs)}: {path.name}", file=sys.stderr, flush=True)
        pairs += twice(options.nbhoist.resolve(), path, os.path.abspath(python))
    text = table(pairs, len(jobs))
    print(text)
    if options.report:
        options.report.write_text(text, encoding="utf-8")


def twice(nbhoist, path, python):
    """`(estimate, low, high, seconds)` of every cell whose first run made an estimate for the second."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "notebook"
        shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns(".cache"))
        environment = dict(os.environ, NBHOIST_STATE_DIR=os.path.join(scratch, "state"), XDG_CONFIG_HOME=scratch)
        environment.pop("NBHOIST_HISTORY", None)

        def said(*words):
            done = subprocess.run([nbhoist, *words, "--output-format", "json", "-q"], env=environment, capture_output=True)
            return json.loads(done.stdout) if done.stdout.strip() else None

        first = said("run", folder / path.name, "--on", "here", "--python", python)
        known = said("analyze", folder / path.name)
        second = said("run", folder / path.name, "--on", "here", "--python", python)
        if not first or not second:
            return []
        seconds = {cell["cell"]: cell["seconds"] for cell in second["cells"] if cell["ok"]}
        costs = {cell["cell"]: cell["cost"] for cell in known["cells"]}
        warm = [(costs[cell], time) for cell, time in seconds.items() if costs[cell]["basis"] == "history"]
        return [(cost["seconds"], cost["low"], cost["high"], time) for cost, time in warm]


def table(pairs, notebooks):
    def row(name, chosen):
        if not chosen:
            return f"| {name} | 0 | | |"
        near = sum(max(estimate, time) <= 1.5 * min(estimate, time) for estimate, _, _, time in chosen)
        inside = sum(low <= time <= high for _, low, high, time in chosen)
        return f"| {name} | {len(chosen)} | {near / len(chosen):.1%} | {inside / len(chosen):.1%} |"

    lines = [
        f"{len(pairs)} cells of {notebooks} notebooks, run twice in kernels of their own.",
        "",
        "| the second run took | cells | estimate within 1.5x | in the 80% interval |",
        "|---|--:|--:|--:|",
    ]
    low = 0
    for high in BOUNDS:
        chosen = [pair for pair in pairs if low <= pair[3] < high]
        lines.append(row(f"{low:g} s and more" if high == math.inf else f"{low:g}-{high:g} s", chosen))
        low = high
    return "\n".join([*lines, row("**all**", pairs), ""])


if __name__ == "__main__":
    main()
