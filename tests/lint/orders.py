"""Runs public notebooks in order and out of order, and holds what nbhoist says against what was done.

    python tests/lint/orders.py NBHOIST NOTEBOOKS WORK

Python is that of corpus/runnable-requirements.txt, NOTEBOOKS the folder that corpus/fetch.py --runnable fills, and WORK keeps what was
run, so that an interrupted run goes on where it stopped. What was done to a notebook is known, and so is what must be found:

    in order    nothing
    skip        one cell is left out: that cell did not run
    rerun       one cell runs again at the end: the order is broken, and what was made from its names is older than they are
    swap        two neighbours change places: the order is broken
    delete      a cell is deleted after the run: names that are missing when the rest runs in a fresh kernel are hidden state, or
                defined only later
"""

import argparse
import ast
import copy
import csv
import hashlib
import json
import os
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import page
import public

RULES = ["NBH111", "NBH112", "NBH113", "NBH114", "NBH201", "NBH202", "NBH203"]
WAYS = ["in order", "skip", "rerun", "swap", "delete"]
HERE = Path(__file__).resolve().parent


def chosen():
    """The notebooks of orders.csv: of the runnable ones some that are quick and have at least eight cells."""
    with open(HERE / "orders.csv", newline="", encoding="utf-8") as handle:
        return [row["sdist"] + "/" + row["notebook"] for row in csv.DictReader(handle)]


def code_cells(notebook):
    """Positions of the cells that hold code."""
    return [at for at, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]


def schedule(way, cells, chance):
    """The positions in the order in which they run, and the cell that the way is about."""
    inner = cells[1:-1]
    at = chance.choice(inner)
    if way == "skip":
        return [cell for cell in cells if cell != at], at
    if way == "rerun":
        return [*cells, at], at
    if way == "swap":
        other = cells[cells.index(at) + 1]
        return [{at: other, other: at}.get(cell, cell) for cell in cells], at
    return cells, at


def run(notebook, order, folder):
    """Runs these cells one after the other in a fresh kernel, whether they fail or not; the names of NameErrors, and those bound in the end."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    client = NotebookClient(notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    missing = set()
    with client.setup_kernel():
        for at in order:
            client.execute_cell(notebook.cells[at], at)
            for output in notebook.cells[at].outputs:
                if output.output_type == "error" and output.ename == "NameError":
                    missing.add(re.search(r"name '(\w+)'", output.evalue).group(1))
        probe = nbformat.v4.new_code_cell("print(*globals())")
        notebook.cells.append(probe)
        client.execute_cell(probe, len(notebook.cells) - 1)
        notebook.cells.pop()
    return sorted(missing), probe.outputs[0].text.split()


def parsed(source):
    try:
        return ast.parse("\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()))
    except SyntaxError:
        return ast.parse("")


def names(source, context):
    """Names that Python's own parser sees bound or read."""
    return {node.id for node in ast.walk(parsed(source)) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def bound_before(notebook, cell):
    """Names that Python's own parser sees bound in the cells before this one."""
    found = set()
    for other in notebook.cells[:cell]:
        if other.cell_type == "code":
            found |= names(other.source, (ast.Store, ast.Del))
            for node in ast.walk(parsed(other.source)):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    found |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    found.add(node.name)
    return found


def truth(way, notebook, facts):
    """For a finding of a rule at a position: whether what was done makes it true."""
    order, at = facts["order"], facts["at"]
    last = {cell: turn for turn, cell in enumerate(order)}

    def stale(cell, related):
        """Whether the related cell ran later, and Python's parser finds a name that it binds or mentions and this one reads."""
        makes = names(notebook.cells[related].source, (ast.Store, ast.Load))
        shared = makes & names(notebook.cells[cell].source, ast.Load)
        return last.get(related, -1) > last.get(cell, 1 << 30) and bool(shared)

    return {
        "NBH111": lambda finding, cell: way in ("rerun", "swap"),
        "NBH112": lambda finding, cell: way == "skip" and cell == at,
        "NBH113": lambda finding, cell: False,
        "NBH114": lambda finding, cell: any(stale(cell, related["cell"] - 1) for related in finding["related"]),
        # A cell stops at the first name that is missing; what nothing has bound in the end was missing as well.
        "NBH201": lambda finding, cell: way == "delete" and finding_name(finding, notebook) not in bound_before(notebook, cell),
        "NBH202": lambda finding, cell: way == "delete" and finding_name(finding, notebook) not in facts["bound"],
        "NBH203": lambda finding, cell: way == "delete" and finding_name(finding, notebook) not in facts["bound"],
    }


def finding_name(finding, notebook):
    return notebook.cells[finding["cell"] - 1].source.encode()[finding["start"]:finding["end"]].decode()


def expected(way, notebook, facts):
    """How many findings of each rule must be there at least."""
    order, at = facts["order"], facts["at"]
    wanted = Counter()
    wanted["NBH111"] = int(way in ("rerun", "swap"))
    wanted["NBH112"] = int(way == "skip")
    if way == "rerun":
        # Outputs made from a name that only the cell which ran again binds.
        bound = names(notebook.cells[at].source, ast.Store)
        others = [cell for cell in order if cell != at]
        only = {name for name in bound if not any(name in names(notebook.cells[cell].source, ast.Store) for cell in others)}
        used = [c for c in others if c > at and notebook.cells[c].outputs and only & names(notebook.cells[c].source, ast.Load)]
        wanted["NBH114"] = len(used)
    return wanted


def perform(name, way, folder, work):
    """The saved notebook and what is known about it; run only once."""
    stem = hashlib.sha256(f"{name} {way}".encode()).hexdigest()[:16]
    saved, known = work / f"{stem}.ipynb", work / f"{stem}.json"
    if known.exists():
        return saved, json.loads(known.read_text())
    chance = random.Random(f"{public.SEED} {name} {way}")
    home = (folder / name).parent
    if way == "delete":
        # From the notebook that ran in order, so this one is run only to see what is missing without the cell.
        notebook = nbformat.read(perform(name, "in order", folder, work)[0], as_version=4)
        order, at = schedule(way, code_cells(notebook), chance)
        del notebook.cells[at]
        order = [cell if cell < at else cell - 1 for cell in order if cell != at]
        missing, bound = run(copy.deepcopy(notebook), order, home)
    else:
        notebook = nbformat.read(folder / name, as_version=4)
        order, at = schedule(way, code_cells(notebook), chance)
        missing, bound = run(notebook, order, home)
    nbformat.write(notebook, saved)
    facts = {"order": order, "at": at, "missing": missing, "bound": bound}
    known.write_text(json.dumps(facts))
    return saved, facts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbhoist")
    parser.add_argument("notebooks", type=Path)
    parser.add_argument("work", type=Path)
    options = parser.parse_args()
    os.environ["MPLBACKEND"] = "agg"
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    ran = {}
    for name in chosen():
        for way in WAYS:
            print(name, way, flush=True)
            saved, facts = perform(name, way, options.notebooks.resolve(), work)
            ran[saved.name] = (name, way, facts)
    judge(options.nbhoist, work, ran)


def judge(nbhoist, work, ran):
    """Counts what is found against what was done, prints what is wrong or missed, and writes the table."""
    found = {saved: [] for saved in ran}
    for finding in public.check(nbhoist, work, sorted(ran)):
        if finding["code"] in RULES:
            found[finding["notebook"]].append(finding)
    total, right, wanted, missed, names_missing = Counter(), Counter(), Counter(), Counter(), []
    for saved, (name, way, facts) in sorted(ran.items(), key=lambda item: item[1][:2]):
        notebook = nbformat.read(work / saved, as_version=4)
        tests = truth(way, notebook, facts)
        of_rule = Counter()
        for finding in found[saved]:
            code, good = finding["code"], tests[finding["code"]](finding, finding["cell"] - 1)
            total[way, code] += 1
            right[way, code] += good
            of_rule[code] += good
            if not good:
                print(f"false: {name} {way}: {code} cell {finding['cell']}: {finding['message']}")
        if way == "delete" and facts["missing"]:
            names_missing.append(bool(of_rule["NBH201"] + of_rule["NBH202"] + of_rule["NBH203"]))
            if not names_missing[-1]:
                print(f"missed: {name} {way}: {facts['missing']}")
        for code, count in expected(way, notebook, facts).items():
            wanted[way, code] += count
            missed[way, code] += max(0, count - of_rule[code])
            if count > of_rule[code]:
                print(f"missed: {name} {way}: {code} {count - of_rule[code]}")
    rows = []
    for way in WAYS:
        cells = []
        for code in RULES:
            counts = f"{right[way, code]} of {total[way, code]} true" if total[way, code] else "-"
            cells.append(counts + (f", {missed[way, code]} of {wanted[way, code]} missed" if missed[way, code] else ""))
        rows.append([way, sum(1 for _, other, _ in ran.values() if other == way), *cells])
    text = page.table(["what was done", "notebooks", *RULES], rows)
    text += f"\n\nOf {len(names_missing)} notebooks that fail without the deleted cell, {sum(names_missing)} have a true finding of NBH201 to NBH203."
    text += f" Expected from what was done and not found: {sum(missed.values())} of {sum(wanted.values())} findings."
    print(text)
    page.write("orders", text)


if __name__ == "__main__":
    main()
