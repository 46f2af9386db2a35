"""Sets and removes `unverified = true` in the files of the table, as a run says."""

import re

from effects_table import FOLDER

FLAG = "unverified = true"


def mark(results):
    """Rewrites the lines of entries whose mark differs from what the run showed."""
    for name, paths in results.items():
        file = FOLDER / f"{name}.toml"
        lines = [marked_line(line, paths) for line in file.read_text().splitlines()]
        file.write_text("\n".join(lines) + "\n")


def marked_line(line, paths):
    """The line of an entry with the mark that it should have."""
    found = re.match(r'"([^"]+)" = \{(.*)\}$', line)
    if not found or found[1] not in paths:
        return line
    body = found[2].strip().replace(f", {FLAG}", "").replace(f"{FLAG}, ", "").replace(FLAG, "")
    if paths[found[1]]["status"] not in ("verified", "disagrees"):
        body = f"{body}, {FLAG}" if body else FLAG
    return f'"{found[1]}" = ' + ("{ " + body + " }" if body else "{}")
