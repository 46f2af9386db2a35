"""Holds docs/lint-precision.md against the rules and the judgements: every rule is measured, none that is on by default is below 0.9.

    python tests/lint/judged.py NBHOIST
"""

import re
import sys

import page
import public

text = page.PAGE.read_text(encoding="utf-8")
rules = public.rules(sys.argv[1])
rows = dict(re.findall(r"^\| (NBH\d{3}) \| \[[^\]]*\]\([^)]*\) \| (on|opt-in) \|", text, re.M))
assert rows == {code: "on" if on else "opt-in" for code, _, on in rules}, "a rule is not on the page as it is: make it again with tests/lint/precision.py"

known = public.judgements()
for key, (verdict, reason) in known.items():
    assert verdict in ("true", "false") and len(reason) > 10, (key, verdict, reason)
shown = re.findall(r"^- (true|false): (.*) \(`(.*)` cell (\d+) line (\d+)\)$", text, re.M)
verdicts = {(reason, notebook, int(cell), int(line)): verdict for (_, notebook, cell, line), (verdict, reason) in known.items()}
for verdict, reason, notebook, cell, line in shown:
    assert verdicts.get((reason, notebook, int(cell), int(line))) == verdict, (notebook, cell, line, "the page differs from tests/lint/judgements.csv")

sections = re.split(r"^### (NBH\d{3}) .*$", text, flags=re.M)[1:]
for code, body in zip(sections[::2], sections[1::2]):
    right, wrong = len(re.findall("^- true: ", body, re.M)), len(re.findall("^- false: ", body, re.M))
    if right + wrong:
        assert right / (right + wrong) >= 0.9, f"{code} is right in {right} of {right + wrong}: put it right, or make it opt-in"
print(f"judged: {len(shown)} findings of {len(sections) // 2} default rules, each rule right in at least nine of ten")
