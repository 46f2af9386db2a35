"""docs/lint-precision.md: each command writes its own section, between two comments."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lint-precision.md"


def write(section, text):
    """Puts the text between the comments of the section."""
    whole = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {section} -->\n", f"<!-- /{section} -->\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if not pattern.search(whole):
        raise SystemExit(f"{PAGE} has no place for {section}: put {begin.strip()} and {end.strip()} into it")
    PAGE.write_text(pattern.sub(lambda _: begin + text.rstrip() + "\n" + end, whole), encoding="utf-8")


def table(heads, rows):
    """A markdown table."""
    clean = lambda value: str(value).replace("|", "\\|").replace("\n", " ")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(map(clean, row)) + " |" for row in rows])
