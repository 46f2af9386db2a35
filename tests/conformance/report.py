"""What came of a run, for people."""


def failures(results, table, marked=False):
    """Texts of what must be put right."""
    found = []
    for name, paths in results.items():
        for path, result in paths.items():
            text = problem(path, result, table.entries.get(path), marked)
            if text:
                found.append(f"{name}.toml: {path}: {text}")
    return found


def problem(path, result, entry, marked):
    """What is wrong with one entry, or None."""
    if result["status"] == "disagrees":
        did = "; ".join(result["wrong"])
        what = "say so in its entry" if result["listed"] else "it has no entry and must not count as pure: add one"
        return f"the run of `{result['text']}` {did}; {what}"
    if entry is None or entry.get("unverified") or marked:
        return None
    if result["status"] == "not run":
        return f"no run ({result['why']}); give it an example or mark it `unverified = true`"
    if result["status"] == "overstates":
        return f"the run of `{result['text']}` shows less: {'; '.join(result['unseen'])}; give it a better example or mark it `unverified = true`"
    return None


def counts(paths, table):
    """Numbers of one library: entries, verified, unverified, disagreements, unlisted members called without a surprise."""
    listed = {path: result for path, result in paths.items() if path in table.entries}
    verified = sum(result["status"] == "verified" for result in listed.values())
    wrong = sum(result["status"] == "disagrees" for result in paths.values())
    pure = sum(result["status"] == "verified" for path, result in paths.items() if path not in listed)
    return len(listed), verified, len(listed) - verified, wrong, pure


def show(results, table, failures_, seconds):
    """Prints the numbers and the failures."""
    for name, paths in results.items():
        entries, verified, unverified, wrong, pure = counts(paths, table)
        print(f"{name:22} {entries:5} entries {verified:5} verified {unverified:5} unverified {wrong:4} disagree {pure:5} unlisted and pure")
    for text in failures_:
        print(text)
    print(f"{len(failures_)} failures in {seconds:.0f} s")


def write(results, table, file):
    """Writes the table to a Markdown file."""
    lines = ["# Library effects: what was run", "",
             "Written by `python tests/conformance/conform.py --full --report docs/library-effects.md`.", "",
             "An entry is *verified* when its call ran for real and did what the entry says, neither more nor less. An *unverified* entry did",
             "not run, or its run could not show all it says (a network, a device, a library that is not installed). *Unlisted and pure*",
             "counts members without an entry that ran and changed nothing.", "",
             "| library | version | entries | verified | unverified | disagreements | unlisted and pure |", "|---|---|--:|--:|--:|--:|--:|"]
    total = [0] * 5
    for name, paths in results.items():
        row = counts(paths, table)
        total = [one + other for one, other in zip(total, row)]
        version = table.libraries[name].get("version", "")
        lines.append(f"| {name} | {version} | " + " | ".join(map(str, row)) + " |")
    lines.append("| all | | " + " | ".join(map(str, total)) + " |")
    file.write_text("\n".join(lines) + "\n")
