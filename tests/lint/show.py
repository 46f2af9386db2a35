"""Prints findings for a person to judge: the place and what is around it, without the words of the rule.

    python tests/lint/show.py NBHOIST NOTEBOOKS CODE...      those of the sample that nobody has judged yet
"""

import json
import re
import sys
from pathlib import Path

import precision
import public

AROUND = 9


def lines_around(source, first, last, around=AROUND):
    for number, line in enumerate(source.splitlines(), 1):
        if first - around <= number <= last + around:
            yield f"   {'>' if first <= number <= last else ' '}{number:3} {line[:150]}"


def occurrences(cells, word):
    """Lines of code that hold the word, with cell and count."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    for number, cell in enumerate(cells, 1):
        if cell["cell_type"] == "code":
            for line in public.text_of(cell).splitlines():
                if pattern.search(line):
                    yield f"   cell {number} [{cell.get('execution_count')}]: {line.strip()[:120]}"


def matching(cells, pattern):
    for number, cell in enumerate(cells, 1):
        if cell["cell_type"] == "code":
            for line in public.text_of(cell).splitlines():
                if re.search(pattern, line):
                    yield f"   cell {number}: {line.strip()[:130]}"


def counts(cells):
    yield "   counts: " + " ".join(f"{n}:{c.get('execution_count')}" for n, c in enumerate(cells, 1) if c["cell_type"] == "code")


def output_text(cell):
    return json.dumps(cell.get("outputs", []))


def outputs(cell):
    for output in cell.get("outputs", []):
        kinds = {kind: len(json.dumps(data)) for kind, data in output.get("data", {}).items()}
        text = "".join(output.get("text", "")) or output.get("ename", "") + " " + output.get("evalue", "")
        yield f"   out {output['output_type']} {kinds or ''} {text.strip()[:160]!r}"


def extra(finding, cells, notebook):
    code, cell = finding["code"], cells[finding["cell"] - 1]
    source = public.text_of(cell)
    if code in ("NBH201", "NBH202", "NBH203", "NBH205", "NBH206", "NBH207", "NBH204"):
        data = source.encode()
        word = data[finding["start"]:finding["end"]].decode(errors="replace")
        word = re.match(r"(?:del )?(\w+)", word.strip())
        word = word.group(1) if word else "?"
        yield f"   name: {word}"
        yield from list(occurrences(cells, word))[:12]
        yield from list(matching(cells, r"import \*|^%(run|store|load|pylab|matplotlib inline --)|exec\("))[:6]
    if code in ("NBH111", "NBH113", "NBH112", "NBH114", "NBH203"):
        yield from counts(cells)
    if code == "NBH112":
        for number, other in enumerate(cells, 1):
            if other["cell_type"] == "code" and other.get("execution_count") is None and public.text_of(other).strip():
                yield f"   not run {number} {other['metadata'].get('tags', '')}: {public.text_of(other).strip()[:100]!r} outputs {len(other['outputs'])}"
    if code in ("NBH114", "NBH302", "NBH401", "NBH402", "NBH404", "NBH206", "NBH207", "NBH205"):
        for related in finding["related"]:
            text = public.text_of(cells[related["cell"] - 1])
            line = text.encode()[:related["start"]].count(b"\n") + 1
            yield f"   -- cell {related['cell']}"
            yield from list(lines_around(text, line, line, 25))[:25]
    if code == "NBH501":
        yield from list(matching(cells, r"(?i)seed|random|rng|shuffle|manual"))[:14]
    if code in ("NBH601", "NBH602", "NBH114"):
        yield from list(outputs(cell))[:6]
    if code == "NBH601":
        before = cells[finding["cell"] - 2] if finding["cell"] > 1 else None
        yield f"   tags {cell['metadata'].get('tags')} before: {public.text_of(before).strip()[-300:]!r}" if before else ""
    if code in ("NBH604", "NBH603"):
        found = list(re.finditer(r"(/home/|/Users/|[A-Za-z]:\\\\+Users)", output_text(cell)))[:3]
        yield from (f"   ...{output_text(cell)[max(0, m.start() - 60):m.end() + 60]!r}" for m in found)
    if code == "NBH605":
        yield f"   nbformat {notebook['nbformat']}.{notebook['nbformat_minor']} ids {[c.get('id') for c in cells][:8]}"
    if code == "NBH301":
        yield f"   {json.dumps(cell['metadata'])[:300]}"
    if code == "NBH101":
        yield f"   {json.dumps(notebook['metadata'].get('kernelspec'))}"


def show(finding, folder):
    notebook = json.loads((Path(folder) / finding["notebook"]).read_text(encoding="utf-8"))
    cells = notebook["cells"]
    source = public.text_of(cells[finding["cell"] - 1])
    print(f"=== {finding['code']},{finding['notebook']},{finding['cell']},{finding['line']}  columns {finding['column']}-{finding['end_column']}")
    print("\n".join(lines_around(source, finding["line"], finding["end_line"], 4 if finding["code"] in ("NBH503", "NBH604", "NBH602") else AROUND)))
    for line in extra(finding, cells, notebook):
        print(line)


def main():
    nbhoist, folder, *codes = sys.argv[1:]
    known = public.judgements() if public.JUDGEMENTS.exists() else {}
    for code, found in public.sample(precision.findings(nbhoist, folder, public.notebooks(folder))).items():
        for finding in found:
            if code in codes and public.key(finding) not in known:
                show(finding, folder)


if __name__ == "__main__":
    main()
