#!/usr/bin/env python3
"""Counts the instructions of each stage of an analysis and compares them with `bench/instructions.json`.

    bench/instructions.py            fails when a stage takes 10% more than it did
    bench/instructions.py --update   writes what is counted now; say in the commit why it is more
    bench/instructions.py --growth   counts generated notebooks of 100 to 10,000 cells, and fits how each stage grows (minutes)

Counts hardly differ from run to run or machine to machine, unlike times. They do with the compiler: the file says which
rustc made them, and with another one a stage may take 30% more. The code is that of the tests, not optimized, so that nothing
has to be built for it: it shows work that is done more often, not what an optimizer makes of it. Needs cargo and valgrind (callgrind); on Debian and
Ubuntu as root valgrind is installed where it is missing. Only the standard library is used.
"""

import argparse
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
KNOWN = ROOT / "bench" / "instructions.json"
# The function that is one stage; none of them is inlined.
STAGES = {
    "facts": "nbhoist_analyzer::facts_of",
    "graph": "nbhoist_analyzer::link",
    "liveness": "nbhoist_analyzer::linked::Linked::reports",
    "cost": "nbhoist_analyzer::cost",
    "rules": "nbhoist_analyzer::rules::apply::run",
    "plan": "nbhoist_analyzer::Analysis::plan",
}
# A generated notebook of so many cells, and our own.
NOTEBOOKS = ["200", "corpus/digits.ipynb", "corpus/image_recognition.ipynb", "corpus/remote_sensing.ipynb"]
# More than it was, as a factor: with the same compiler, and with another one.
LIMIT, LIMIT_ELSEWHERE = 1.10, 1.30
# Below so many instructions a stage says nothing.
SMALL = 100_000
# Cells of the notebooks that show growth.
SIZES = [100, 1_000, 10_000]


def valgrind():
    """Whether there is one, installed where that can be done."""
    if shutil.which("valgrind") is None and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run("apt-get update -qq && apt-get install -y -qq valgrind", shell=True, check=False)
    return shutil.which("valgrind") is not None


def build():
    """The path of the benchmark's program."""
    command = ["cargo", "bench", "--quiet", "--no-run", "--profile", "dev", "-p", "nbhoist-analyzer", "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    made = [json.loads(line) for line in lines]
    return next(one["executable"] for one in made if one.get("executable") and one["target"]["name"] == "stages")


def count(program, notebook):
    """Instructions of each stage for one notebook."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, "--once", notebook]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(f"{' '.join(command)}\n{run.stderr}")
        annotate = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", out]
        text = subprocess.run(annotate, check=True, capture_output=True, text=True).stdout
    counts = {}
    for stage, function in STAGES.items():
        found = re.search(rf"^ *([\d,]+) .*[:?]{re.escape(function)}(?:\'\d+)?(?: \[|$)", text, re.MULTILINE)
        if found is None:
            raise SystemExit(f"{function} is nowhere in the profile of {notebook}")
        counts[stage] = int(found[1].replace(",", ""))
    return counts


def growth(program):
    """Prints the instructions of each stage by number of cells, and the slope of the line through their logarithms."""
    counts = [count(program, str(cells)) for cells in SIZES]
    for stage in STAGES:
        slope, _ = statistics.linear_regression([math.log(cells) for cells in SIZES], [math.log(each[stage]) for each in counts])
        print(f"{stage:<9}", *(f"{each[stage]:>15,}" for each in counts), f"exponent {slope:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the counts instead of comparing them")
    parser.add_argument("--growth", action="store_true", help="show how the stages grow with the notebook")
    chosen = parser.parse_args()
    if not valgrind():
        print("SKIPPED: instructions were not counted, because valgrind is not here and could not be installed")
        return
    program = build()
    if chosen.growth:
        growth(program)
        return
    rustc = subprocess.run(["rustc", "--version"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    counts = {notebook: count(program, notebook) for notebook in NOTEBOOKS}
    if chosen.update:
        KNOWN.write_text(json.dumps({"rustc": rustc, "counts": counts}, indent=1) + "\n")
    known = json.loads(KNOWN.read_text())
    same = known["rustc"] == rustc
    limit = LIMIT if same else LIMIT_ELSEWHERE
    if not same:
        print(f"counted with {known['rustc']}, this is {rustc}: {limit:.2f} times as many are allowed")
    slower = []
    for notebook, stages in counts.items():
        for stage, number in stages.items():
            before = known["counts"][notebook][stage]
            ratio = number / max(before, SMALL)
            print(f"{notebook:<32} {stage:<9} {number:>12,}  {number / before:5.2f}")
            if ratio > limit:
                slower.append(f"{stage} of {notebook} takes {number / before:.2f} times as many instructions")
    if slower:
        raise SystemExit("\n".join([*slower, "make it faster, or run bench/instructions.py --update and say in the commit why"]))


if __name__ == "__main__":
    sys.exit(main())
