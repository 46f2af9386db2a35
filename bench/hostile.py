#!/usr/bin/env python3
"""Times `nbhoist check` on notebooks that are large in hostile ways, each at a tenth of its size and in full, and prints a table.

    bench/hostile.py --nbhoist target/release/nbhoist [CASE...]

Processor seconds and the largest resident memory are those of the whole command, which reports every finding to a file, without a cache.
"""

import argparse
import json
import os
import subprocess
import tempfile

SECONDS = 600


def unknown_names(count, per_cell):
    """Cells that read names which nothing defines."""
    return ["".join(f"print(unknown_{name})\n" for name in range(first, min(count, first + per_cell))) for first in range(0, count, per_cell)]


CASES = {
    "unknown names, 100 a cell": (100_000, lambda count: unknown_names(count, 100)),
    "unknown names, all in one cell": (100_000, lambda count: unknown_names(count, count)),
    "names of a later cell, all in one cell": (100_000, lambda count: ["".join(f"print(n{name})\n" for name in range(count)), "".join(f"n{name} = 1\n" for name in range(count))]),
    "cells, each reads the one before": (1_000_000, lambda count: ["x0 = 0"] + [f"x{cell} = x{cell - 1} + 1" for cell in range(1, count)]),
    "cells, all change one list": (100_000, lambda count: ["rows = []"] + ["rows.append(1)"] * (count - 1)),
    "cells that are alike": (1_000_000, lambda count: ["x = 1"] * count),
}


def write(path, sources):
    """A notebook of code cells; written cell by cell, as a million of them take much memory as objects."""
    with open(path, "w") as file:
        file.write('{"cells": [')
        for number, source in enumerate(sources):
            cell = {"cell_type": "code", "id": f"c{number}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
            file.write(("," if number else "") + json.dumps(cell))
        file.write('], "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}')


def measure(nbhoist, path, folder):
    """`(seconds, megabytes, findings)`, or None where it takes too long."""
    report = os.path.join(folder, "report")
    command = ["prlimit", f"--cpu={SECONDS}", nbhoist, "check", "--no-cache", "--output-format", "json-lines", "--output-file", report, path]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        return None
    with open(report) as lines:
        findings = sum(1 for _ in lines)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, findings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nbhoist", required=True)
    parser.add_argument("cases", nargs="*", help="beginnings of names of cases")
    options = parser.parse_args()
    print("| notebook | number | file, MB | processor, s | memory, MB | findings |\n|---|--:|--:|--:|--:|--:|", flush=True)
    for name, (most, sources) in CASES.items():
        if options.cases and not name.startswith(tuple(options.cases)):
            continue
        for count in (most // 10, most):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "hostile.ipynb")
                write(path, sources(count))
                size = os.path.getsize(path) / 1e6
                found = measure(os.path.abspath(options.nbhoist), path, folder)
            text = "%.1f | %.0f | %d" % found if found else f"more than {SECONDS} | | "
            print(f"| {name} | {count:,} | {size:.1f} | {text} |", flush=True)


if __name__ == "__main__":
    main()
