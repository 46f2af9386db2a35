"""Other linters on the same notebooks: what they miss of what is true, and what they report alone; the table in docs/lint-precision.md.

    python tests/lint/peers.py NBHOIST NOTEBOOKS --ruff RUFF --nborder PYTHON --pynblint PYTHON [--show] [--keep FILE]

RUFF is the program, the PYTHONs are interpreters of environments with nborder 0.1.4, and with pynblint 0.1.6 and click 8.1.8 (a newer click
ends it at its start). What a tool reports and nbhoist does not is judged in a sample, in peer_judgements.csv; --show prints what is not
judged yet. --keep holds what the tools said, because two of them take many minutes.
"""

import argparse
import csv
import hashlib
import json
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import page
import public
import show

VERDICTS = public.HERE / "peer_judgements.csv"
# What each tool has to say about one question. Names are compared by notebook and name, as nbhoist reports
# a name once, the others by notebook.
QUESTIONS = {
    "missing names": {"nbhoist": ["NBH201", "NBH202", "NBH203", "NBH205"], "nborder": ["NB102", "NB201"], "ruff": ["F821"]},
    "unseeded randomness": {"nbhoist": ["NBH501"], "nborder": ["NB103"]},
    "order": {"nbhoist": ["NBH111", "NBH113"], "nborder": ["NB101"], "pynblint": ["non-linear-execution"]},
    "cells that did not run": {"nbhoist": ["NBH112"], "pynblint": ["non-executed-cells"]},
    "syntax": {"nbhoist": ["NBH101"], "pynblint": ["invalid-python-syntax"]},
}
SIZE = 30


def said_by(python, script, folder, names):
    run = subprocess.run([python, public.HERE / script], cwd=folder, input="\n".join(names), capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"{script}: {run.stderr[-2000:]}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def said_by_ruff(ruff, folder, names):
    command = [ruff, "check", "--isolated", "--no-cache", "--exit-zero", "--select", "F821", "--output-format", "json", *names]
    found = json.loads(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout)
    root = Path(folder).resolve()
    for one in found:
        notebook = str(Path(one["filename"]).relative_to(root))
        start, end = one["location"], one["end_location"]
        code = one["code"] or "invalid-syntax"
        yield {"notebook": notebook, "code": code, "cell": one["cell"], "line": start["row"], "column": start["column"], "end": end["column"]}


class Notebooks:
    """Reads each notebook once."""

    def __init__(self, folder):
        self.folder, self.known = Path(folder), {}

    def source(self, notebook, cell):
        if notebook not in self.known:
            cells = json.loads((self.folder / notebook).read_text(encoding="utf-8"))["cells"]
            self.known[notebook] = [public.text_of(one) for one in cells]
        return self.known[notebook][cell - 1]


def subjects(question, codes, findings, notebooks):
    """What these findings are about, and for each one of them."""
    found = {}
    for one in findings:
        if one.get("code") not in codes:
            continue
        subject = (one["notebook"],)
        if question == "missing names":
            lines = notebooks.source(one["notebook"], one["cell"]).split("\n")
            end = one.get("end_column", one.get("end"))
            subject += (lines[one["line"] - 1][one["column"] - 1:end - 1],)
        found.setdefault(subject, one)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbhoist")
    parser.add_argument("notebooks", type=Path)
    for tool in ["ruff", "nborder", "pynblint"]:
        parser.add_argument(f"--{tool}", required=True)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    names = public.notebooks(options.notebooks)
    said = json.loads(options.keep.read_text()) if options.keep and options.keep.exists() else collect(options, names)
    if options.keep:
        options.keep.write_text(json.dumps(said))
    said["nbhoist"] = public.check(options.nbhoist, options.notebooks, names)
    compare(said, options, names)


def collect(options, names):
    return {
        "ruff": list(said_by_ruff(options.ruff, options.notebooks, names)),
        "nborder": said_by(options.nborder, "peer_nborder.py", options.notebooks, names),
        "pynblint": said_by(options.pynblint, "peer_pynblint.py", options.notebooks, names),
    }


def verdicts():
    if not VERDICTS.exists():
        return {}
    with open(VERDICTS, newline="", encoding="utf-8") as handle:
        return {(row["tool"], row["question"], row["subject"]): (row["verdict"], row["reason"]) for row in csv.DictReader(handle)}


def compare(said, options, names):
    notebooks, known = Notebooks(options.notebooks), verdicts()
    true = defaultdict(set)
    for (code, notebook, cell, line), (verdict, _) in public.judgements().items():
        if verdict == "true":
            true[code].add((notebook, cell, line))
    rows, reasons = [], []
    for question, tools in QUESTIONS.items():
        ours = subjects(question, tools["nbhoist"], said["nbhoist"], notebooks)
        right = {subject for subject, one in ours.items() if public.key(one)[1:] in true[one["code"]]}
        for tool in [tool for tool in tools if tool != "nbhoist"]:
            theirs = subjects(question, tools[tool], said[tool], notebooks)
            alone = sorted(set(theirs) - set(ours), key=lambda subject: hashlib.sha256(repr((public.SEED, tool, subject)).encode()).digest())
            sample = alone[:SIZE]
            judged = Counter()
            for subject in sample:
                text = " ".join(map(str, subject))
                verdict = known.get((tool, question, text))
                if verdict:
                    judged[verdict[0]] += 1
                    reasons.append(f"- {tool}, {question}, {verdict[0]}: {verdict[1]} (`{text}`)")
                elif options.show:
                    print(f"### {tool}|{question}|{text}")
                    show.show({**theirs[subject], "line": theirs[subject]["line"], "end_line": theirs[subject]["line"]} | extra(theirs[subject], notebooks), options.notebooks)
            missed = len(right - set(theirs))
            rows.append([question, tool, len(theirs), len({subject[0] for subject in theirs}), f"{missed} of {len(right)}", len(alone),
                         f"{judged['true']} of {judged['true'] + judged['false']}"])
    heads = ["question", "tool", "reports", "in notebooks", "of our judged true ones it misses", "reports that we do not have", "of a sample of these true"]
    failed = Counter(one["failed"] for tool in ["nborder", "pynblint"] for one in said[tool] if "failed" in one)
    unread = Counter(tool for tool in ["nborder", "pynblint"] for one in said[tool] if "failed" in one)
    note = f"Of {len(names)} notebooks nborder could not read {unread['nborder']} and pynblint {unread['pynblint']}" + (f" ({', '.join(failed)})" if failed else "") + ". "
    note += "pynblint 0.1.6 as pip installs it today ends at its start (`TypeError: Secondary flag is not valid for non-boolean flag`); here it has click 8.1.8. "
    note += "nborder ends a whole run at the first notebook that it cannot parse; here it got them one by one. Names are counted once for each notebook."
    page.write("peers", note + "\n\n" + page.table(heads, rows) + "\n\n### What they report alone\n" + "\n".join(reasons))


def extra(one, notebooks):
    """What `show` wants to know of one of our findings."""
    if one.get("cell") is None:
        return {"cell": 1, "line": 1, "end_line": 1, "column": 1, "end_column": 1, "start": 0, "end": 0, "related": []}
    lines = notebooks.source(one["notebook"], one["cell"]).split("\n")
    before = sum(len(line.encode()) + 1 for line in lines[: one["line"] - 1])
    start = before + len(lines[one["line"] - 1][: one.get("column", 1) - 1].encode())
    end = before + len(lines[one["line"] - 1][: one.get("end", 2) - 1].encode())
    return {"start": start, "end": end, "column": one.get("column", 1), "end_column": one.get("end", 2), "related": []}


if __name__ == "__main__":
    main()
