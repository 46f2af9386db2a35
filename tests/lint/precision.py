"""Checks the public notebooks, counts what is found, and joins the judgements of a sample into docs/lint-precision.md.

    python tests/lint/precision.py NBHOIST NOTEBOOKS             NOTEBOOKS is the folder that corpus/fetch.py fills
    python tests/lint/precision.py NBHOIST NOTEBOOKS --check     only fails where a finding of the sample is not judged

Public notebooks mark no blocks. For the rules about blocks every notebook is checked once more with one of its cells marked, by seed.
"""

import hashlib
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import page
import public


def mark(folder, names, target):
    """Copies of the notebooks, in each one code cell behind the first marked as a block."""
    for name in names:
        notebook = json.loads((Path(folder) / name).read_text(encoding="utf-8"))
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and public.text_of(cell).strip()]
        if len(code) < 2:
            continue
        at = int.from_bytes(hashlib.sha256(f"{public.SEED} block {name}".encode()).digest()[:4]) % (len(code) - 1)
        tags = code[at + 1].setdefault("metadata", {}).setdefault("tags", [])
        tags.append("nbhoist:marked")
        path = Path(target) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")


def is_about_blocks(finding):
    return finding["code"].startswith("NBH4")


def findings(nbhoist, folder, names):
    """What is found in the notebooks, and in them with blocks marked."""
    plain = [finding for finding in public.check(nbhoist, folder, names) if not is_about_blocks(finding)]
    with tempfile.TemporaryDirectory() as target:
        mark(folder, names, target)
        return plain + [finding for finding in public.check(nbhoist, target, public.notebooks(target)) if is_about_blocks(finding)]


def report(rules, found, notebooks, judged):
    """The sections of the page."""
    sample = public.sample(found)
    count, where = Counter(), Counter()
    for finding in found:
        count[finding["code"]] += 1
    for code, notebook in {(finding["code"], finding["notebook"]) for finding in found}:
        where[code] += 1
    rows, lists = [], []
    for code, name, default in rules:
        verdicts = [judged.get(public.key(finding)) for finding in sample.get(code, [])]
        known = [verdict for verdict in verdicts if verdict]
        right = sum(1 for verdict, _ in known if verdict == "true")
        precision = f"{right / len(known):.2f}" if known and default else ""
        shown = f"{right} of {len(known)}" if known and default else ""
        rows.append([code, f"[{name}](rules/{name}.md)", "on" if default else "opt-in", count[code], where[code], shown, precision])
        if default and known:
            lists.append(f"\n### {code} {name}\n")
            for finding, verdict in zip(sample[code], verdicts):
                if verdict:
                    place = f"`{finding['notebook']}` cell {finding['cell']} line {finding['line']}"
                    lists.append(f"- {verdict[0]}: {verdict[1]} ({place})")
    heads = ["code", "rule", "", "findings", "notebooks", "judged true", "precision"]
    default = {code for code, _, on in rules if on}
    flagged = {finding["notebook"] for finding in found if finding["code"] in default and not is_about_blocks(finding)}
    intro = f"{len(notebooks)} notebooks; in {len(flagged)} of them ({len(flagged) / len(notebooks):.0%}) a default rule finds something.\n\n"
    page.write("precision", intro + page.table(heads, rows))
    page.write("judgements", "\n".join(lists).strip())


def main():
    nbhoist, folder, *options = sys.argv[1:]
    names = public.notebooks(folder)
    found = findings(nbhoist, folder, names)
    judged = public.judgements()
    rules = public.rules(nbhoist)
    default = {code for code, _, on in rules if on}
    missing = [public.key(one) for code, some in public.sample(found).items() if code in default for one in some if public.key(one) not in judged]
    if "--check" not in options:
        report(rules, found, names, judged)
    for key in missing:
        print("not judged:", *key)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
