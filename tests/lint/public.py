"""The public notebooks, what is found in them, and the sample of it that a person judges."""

import csv
import hashlib
import json
import os
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
JUDGEMENTS = HERE / "judgements.csv"
PER_RULE = 30
SEED = "nbhoist lint 1"


def text_of(cell):
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def is_python(content):
    metadata = content.get("metadata", {})
    names = [metadata.get("language_info", {}).get("name"), metadata.get("kernelspec", {}).get("language")]
    named = next((name for name in names if name), "python")
    return named.lower().startswith(("python", "ipython"))


def notebooks(folder):
    """Paths below the folder of Python notebooks with code, each content once, in order of their names."""
    seen, kept = set(), []
    for path in sorted(Path(folder).rglob("*.ipynb")):
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        if digest in seen:
            continue
        seen.add(digest)
        try:
            content = json.loads(data)
            cells = content["cells"]
        except (ValueError, KeyError, TypeError):
            continue
        if is_python(content) and any(cell.get("cell_type") == "code" and text_of(cell).strip() for cell in cells):
            kept.append(str(path.relative_to(folder)))
    return kept


def check(nbhoist, folder, names, *options):
    """All findings of all rules in these notebooks, by the defaults of the settings."""
    with tempfile.TemporaryDirectory() as home:
        command = [Path(nbhoist).resolve(), "check", "--exit-zero", "--extend-select", "ALL", "--output-format", "json", *options, *names]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "XDG_CONFIG_HOME": home})
    if run.returncode != 0:
        raise SystemExit(f"nbhoist check ended with {run.returncode}: {run.stderr[-2000:]}")
    return json.loads(run.stdout)["findings"]


def rules(nbhoist):
    """Code, name and whether it is on by default, of every rule."""
    run = subprocess.run([nbhoist, "explain", "--all", "--output-format", "json"], capture_output=True, text=True, check=True)
    return [(rule["code"], rule["name"], not rule["opt_in"]) for rule in json.loads(run.stdout)["rules"]]


def key(finding):
    """What a judgement is about: rule, notebook, cell and line in the cell. The notebooks are pinned, so this does not move."""
    return finding["code"], finding["notebook"], finding["cell"], finding["line"]


def sample(findings, size=PER_RULE):
    """For each rule the findings to judge. Each has a place of its own in a random order, so a rule that changes keeps the others."""
    place = lambda finding: hashlib.sha256(repr((SEED, key(finding))).encode()).digest()
    of_rule = defaultdict(dict)
    for finding in findings:
        of_rule[finding["code"]].setdefault(key(finding), finding)
    return {code: sorted(found.values(), key=place)[:size] for code, found in sorted(of_rule.items())}


def judgements(path=JUDGEMENTS):
    """Verdict and reason by key."""
    with open(path, newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return {(row["code"], row["notebook"], int(row["cell"]), int(row["line"])): (row["verdict"], row["reason"]) for row in rows}
