#!/usr/bin/env python3
"""What it is worth to make an input again at the place, and to leave a value there: `nbhoist run --on auto` beside the same blocks moved as they are.

    NBHOIST_EXPERIMENT=bench/away.py bench/experiment.sh [--nbhoist PROGRAM] [--mbit 10,100,1000] [--repeats 3]

bench/experiment.sh gives it a network namespace and a place over ssh. Here and there have the same processors: only the link is shaped. One line of JSON for each run, a
table in Markdown at the end. Standard library only.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

HERE = "import sys\nprint(len(open(sys.argv[0]).name) > 0)"
NOISE = "np.random.default_rng(7).normal(size=5_000_000)"
HEAVY = "total = 0.0\nfor _ in range(10):\n    total += float(np.sort(big)[0])"
# Sources with the seconds that they took when the notebook was saved, and the blocks that move where that is asked for.
NOTEBOOKS = {
    "made again": ([("import numpy as np", 0.1), ("big = " + NOISE, 0.3), (HERE + "\nprint(big[0])", 0.1), (HEAVY, 60), (HERE + "\nprint(total)", 0.1)], [4]),
    "left there": ([("import numpy as np", 0.1), ("big = np.sort(%s)[::-1].copy()" % NOISE, 60), (HERE, 0.1), (HEAVY, 60), (HERE + "\nprint(total)", 0.1)], [2, 4]),
}


def notebook(cells, marked):
    """A notebook whose cells say how long they took; each marked one is a block of its own."""
    def cell(number, source, seconds):
        stamp = "2026-01-01T00:%02d:%09.6fZ"
        times = {"iopub.execute_input": stamp % (0, 0), "shell.execute_reply": stamp % divmod(seconds, 60)}
        tags = ["nbhoist:block%d" % number] if number in marked else []
        return {"cell_type": "code", "id": "c%d" % number, "execution_count": number, "metadata": {"execution": times, "tags": tags}, "outputs": [], "source": source}

    cells = [cell(number, *entry) for number, entry in enumerate(cells, 1)]
    return {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}


def run(options, folder, way, mbit):
    """One run; what its report says."""
    name, on = way
    cells, moving = NOTEBOOKS[name]
    (folder / "a.ipynb").write_text(json.dumps(notebook(cells, moving if on == "box" else [])))
    config = folder / "config" / "nbhoist"
    config.mkdir(parents=True, exist_ok=True)
    lines = ["[executors.box]", 'host = "box"', "options = %s" % json.dumps(["-F", options.ssh]), "python = %s" % json.dumps(options.far_python),
             "speed = 20", "startup = 0.5", 'bandwidth = "%g MB/s"' % (mbit / 8)]
    (config / "nbhoist.toml").write_text("\n".join(lines) + "\n")
    # A cache of the run before would have everything.
    subprocess.run(["rm", "-rf", str(pathlib.Path(options.far_python).parent / "cache")], check=True)
    environment = dict(os.environ, XDG_CONFIG_HOME=str(folder / "config"), NBHOIST_HISTORY="off")
    command = [options.nbhoist, "run", "a.ipynb", "--on", on, "--python", options.python, "-o", "b.ipynb", "--output-format", "json"]
    said = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True)
    report = json.loads(said.stdout)
    moved = report["migrations"]
    here = sum(cell["seconds"] for cell in report["cells"] if cell["executor"] == "here")
    ran = sum(cell["seconds"] for cell in report["cells"] if cell["executor"] != "here")
    seconds = sum(one["seconds"] for one in moved)
    printed = [output.get("text") for cell in json.loads((folder / "b.ipynb").read_text())["cells"] for output in cell["outputs"]]
    return {"way": name, "on": on, "mbit": mbit, "seconds": here + seconds, "added": seconds - ran, "blocks": [one["cells"] for one in moved],
            "wire": sum(one["shipped_wire_bytes"] + one["returned_bytes"] for one in moved),
            "made_again": sum(one["made_again_bytes"] for one in moved), "stayed": sum(sum(one["stayed"].values()) for one in moved), "printed": printed}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("near", "far", "ssh", "python", "far-python"):
        parser.add_argument("--" + name)
    parser.add_argument("--nbhoist", default=str(pathlib.Path(__file__).resolve().parent.parent / "target" / "release" / "nbhoist"))
    parser.add_argument("--mbit", default="10,100,1000")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    table = ["| | link | moved as it is, s added | `auto`, s added | times | bytes on the link, before | after |", "|---|---|---|---|---|---|---|"]
    for mbit in map(float, options.mbit.split(",")):
        line = "qdisc replace dev lo root tbf rate %.0fbit burst 256kb latency 100ms" % (mbit * 1e6)
        subprocess.run(["tc"] + line.split(), check=True)
        for name in NOTEBOOKS:
            records = {on: [] for on in ("box", "auto")}
            for _ in range(options.repeats):
                for on, found in records.items():
                    with tempfile.TemporaryDirectory() as folder:
                        found.append(run(options, pathlib.Path(folder), (name, on), mbit))
                    print(json.dumps(found[-1]), flush=True)
            printed = {str(record["printed"]) for found in records.values() for record in found}
            assert len(printed) == 1, printed
            plain, auto = (statistics.median(record["added"] for record in records[on]) for on in ("box", "auto"))
            wires = [records[on][0]["wire"] / 1e6 for on in ("box", "auto")]
            table.append("| %s | %g Mbit/s | %.1f | %.1f | %.1f | %.1f MB | %.1f MB |" % (name, mbit, plain, auto, plain / auto, *wires))
    print("\n".join(table))


if __name__ == "__main__":
    main()
