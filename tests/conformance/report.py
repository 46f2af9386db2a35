"""What came of a run, for people."""

import platform

from automatic import UNASKED
from store import versions


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
    if result["status"] == "not run" and result["why"] == "no fixture":
        return "no run: the file has no fixture yet, which makes what its examples run on; write tests/conformance/fixtures/FILE.py (joblib.py is a short one)"
    if result["status"] == "not run":
        return f"no run ({result['why']}); give it an example or mark it `unverified = true`"
    if result["status"] == "overstates":
        return f"the run of `{result['text']}` shows less: {'; '.join(result['unseen'])}; give it a better example or mark it `unverified = true`"
    return None


# Why an entry is not verified, by what its result says.
REASONS = ("not installed", "out of reach", "no example", "calls failed", "shows less")


def reason(result, entry):
    """Why an entry is not verified; None when it is, or when it disagrees."""
    if result["status"] == "overstates":
        return "shows less"
    if result["status"] != "not run":
        return None
    why = result["why"]
    if why.startswith(("not installed", "not usable here")) or "Missing optional dependency" in why or "ModuleNotFoundError" in why:
        return "not installed"
    if why == "no fixture":
        return "no example"
    if "listed" not in result or any(entry.get(key) for key in UNASKED):
        return "out of reach"
    return "no example" if why == "no example" else "calls failed"


def counts(paths, table):
    """Numbers of one library: entries, verified, each reason for not being so, disagreements, unlisted members called without a surprise."""
    listed = {path: result for path, result in paths.items() if path in table.entries}
    verified = sum(result["status"] == "verified" for result in listed.values())
    reasons = [reason(result, table.entries[path]) for path, result in listed.items()]
    wrong = sum(result["status"] == "disagrees" for result in paths.values())
    pure = sum(result["status"] == "verified" for path, result in paths.items() if path not in listed)
    return [len(listed), verified, *(reasons.count(one) for one in REASONS), wrong, pure]


def show(results, table, failures_, seconds):
    """Prints the numbers and the failures."""
    for name, paths in results.items():
        entries, verified, *reasons, wrong, pure = counts(paths, table)
        print(f"{name:22} {entries:5} entries {verified:5} verified {sum(reasons):5} unverified {wrong:4} disagree {pure:5} unlisted and pure")
    for text in failures_:
        print(text)
    print(f"{len(failures_)} failures in {seconds:.0f} s")


HEAD = """# Library effects: what was run

The table of library effects says what calls of libraries change, keep, read, write and draw ([its keys](../analyzer/src/library_effects/README.md)). This page says how much of it was
compared with the libraries themselves. Written by

```sh
python tests/conformance/conform.py --full --resume .cache/conformance --report docs/library-effects.md
```

which runs every library in a process of its own, keeps the results of each, and when it was interrupted goes on with the next.

An entry is *verified* when its call ran for real and did what the entry says, neither more nor less: what changed in its arguments (fingerprints before and after), what the result keeps of them
(identity, shared memory), what it gives, which files, sockets, random generators, options and plots it touched, whether the result can be pickled. Calls are tried again with
`inplace=True` and `copy=False` where a function takes these. What is not verified says `unverified = true` in its file, and why it is not:

- *not installed*: the library, or something optional that the call needs;
- *out of reach*: it needs the network, a device, an account, a person or a cluster, or would end the process;
- *no example*: nobody wrote how to call it, and no call could be made up;
- *calls failed*: the calls that were made up did not run;
- *shows less*: it ran and did nothing that the entry does not say, but not all that the entry says (what happens only with other arguments).

*Disagreements* are entries that say too little; there must be none. *Unlisted and pure* counts public members without an entry, in libraries where those count as changing nothing, that ran and changed nothing.

## Your own libraries

What the table does not know is assumed to change what it gets. Name a file of your own in `nbhoist.toml`:

```toml
library-effects = ["effects/mylib.toml"]
```

```toml
# effects/mylib.toml
["mylib.load"]
gives = "pandas.DataFrame"
reads = ["path@0"]

["mylib.Model.train"]
gives = "self"
mutates = ["self"]
```

Your entries take the place of ours; a mistake in them is an error with file, line and column. [More](../analyzer/src/library_effects/README.md#your-own-entries).

## Results
"""


def write(results, table, file):
    """Writes the report to a Markdown file."""
    lines = ["| file | ran with | entries | verified | " + " | ".join(REASONS) + " | disagreements | unlisted and pure |", "|---|---|" + "--:|" * (4 + len(REASONS))]
    rows = {name: counts(paths, table) for name, paths in results.items()}
    for name, row in rows.items():
        ran = ", ".join(f"{package} {version}" for package, version in versions(table.libraries[name]["import"]).items()) or python(results[name])
        lines.append(f"| {name} | {ran} | " + " | ".join(map(str, row)) + " |")
    total = [sum(column) for column in zip(*rows.values())]
    lines.append("| all | | " + " | ".join(map(str, total)) + " |")
    share = f"{total[1]} of {total[0]} entries ({total[1] / total[0]:.0%}) are verified; {total[-2]} disagree."
    text = HEAD + "\n" + share + "\n\n" + "\n".join(lines) + "\n"
    outside = out_of_reach(results, table)
    if outside:
        text += "\n## Out of reach\n\n" + "\n".join(outside) + "\n"
    file.write_text(text)


def python(paths):
    """What the files about Python itself ran with."""
    return f"Python {platform.python_version()}" if any(result["status"] == "verified" for result in paths.values()) else ""


def out_of_reach(results, table):
    """A line for each thing that is in the way, with the entries it keeps from being run."""
    found = {}
    for paths in results.values():
        for path, result in paths.items():
            entry = table.entries.get(path)
            if entry is not None and reason(result, entry) == "out of reach":
                why = result["why"] if "listed" not in result else "it uses the " + next(key for key in UNASKED if entry.get(key))
                found.setdefault(why, []).append(path)
    return [f"- {why}: {len(paths)}, such as `{'`, `'.join(paths[:3])}`" for why, paths in sorted(found.items(), key=lambda one: -len(one[1]))]
