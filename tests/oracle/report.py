"""Tables from the results of a run, with intervals, and every escape with its reason."""

import json
import math
import re
import statistics

from .campaign import PEERS, STRATA

_MODES = {"full": "nbhoist, full runtime", "static": "nbhoist, static sets alone"}
_CLASSES = ("ok", "silent", "loud", "failure", "refusal", "harness")


def load(folder):
    """The results of a run; of two results of the same block the later one counts."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            result = json.loads(line)
            found[result["key"]] = result
    return list(found.values())


def wilson(count, total, z=1.96):
    """The 95% interval of a proportion."""
    if not total:
        return 0.0, 1.0
    part, square = count / total, z * z
    middle = part + square / (2 * total)
    spread = z * math.sqrt(part * (1 - part) / total + square / (4 * total * total))
    return max(0.0, (middle - spread) / (1 + square / total)), min(1.0, (middle + spread) / (1 + square / total))


def share(count, total):
    low, high = wilson(count, total)
    return "%.2f%% [%.2f, %.2f]" % (100 * count / total if total else 0, 100 * low, 100 * high)


def escapes(results, mode):
    return [result for result in results if result["mode"] == mode and result["class"] in ("silent", "loud", "failure")]


def render(results, about):
    """The whole report as Markdown."""
    lines = ["# What the oracle saw", "", *_INTRODUCTION, "", about, ""]
    for stratum in STRATA:
        chosen = [result for result in results if stratum in result["strata"]]
        if chosen:
            lines += ["## %s blocks" % stratum.capitalize(), ""] + _table(chosen) + _excess(chosen) + _bytes(chosen) + [""]
    lines += _latent(results) + _refusals(results)
    lines += _listing(results)
    return "\n".join(lines) + "\n"


_INTRODUCTION = (
    "Written by `python3 tests/oracle --report`, see `tests/oracle/README.md` for how blocks are chosen and judged. Percentages stand with",
    "their 95% Wilson intervals. A *silent* escape is a result that differs without an error, a *loud* one an exception that does not come here,",
    "a *failure* a step after the block that could not be done; *refusals* say why before anything runs. *Harness* errors are the oracle's own",
    "and count nowhere else. Peers get the same transport, which keeps identity, and their sets are closed over the functions that are called.",
)


def _modes(results):
    present = {result["mode"] for result in results}
    return [mode for mode in ("full", "static", *PEERS) if mode in present]


def _table(results):
    lines = ["| | blocks | right | silent | loud | failure | refused | harness |", "|---|---|---|---|---|---|---|---|"]
    tried = {_block(result) for result in results if result["mode"] in PEERS}
    rows = [(_MODES.get(mode, mode), mode, None) for mode in _modes(results)]
    if tried and tried != {_block(result) for result in results}:
        rows.insert(2, ("nbhoist, static sets alone, the blocks that peers tried", "static", tried))
        rows.insert(2, ("nbhoist, full runtime, the blocks that peers tried", "full", tried))
    for title, mode, only in rows:
        of = [result for result in results if result["mode"] == mode and (only is None or _block(result) in only)]
        count = {kind: sum(result["class"] == kind for result in of) for kind in _CLASSES}
        total = len(of) - count["harness"]
        ran = total - count["refusal"]
        lines.append("| %s | %d | %s | %s | %s | %d | %s | %d |" % (
            title, total, share(count["ok"], ran), share(count["silent"], ran), share(count["loud"], ran), count["failure"],
            share(count["refusal"], total), count["harness"],
        ))
    return lines + [""]


def _block(result):
    return result["key"].rsplit("|", 1)[0]


def _excess(results):
    dropped = [
        (name, found) for result in results if result["mode"] == "static" for name, found in (result.get("dropped") or {}).items()
        if found["class"] != "harness"
    ]
    if not dropped:
        return []
    spare = [found for _, found in dropped if found["class"] == "ok"]
    total = sum(found["bytes"] for _, found in dropped)
    return [
        "Inputs that could be left out without a difference: %s of %d names in %d blocks, %s of their %s." % (
            share(len(spare), len(dropped)), len(dropped), sum(bool(result.get("dropped")) for result in results),
            "%.1f%%" % (100 * sum(found["bytes"] for found in spare) / total if total else 0), _size(total),
        ),
        "",
    ]


def _bytes(results):
    by = {(_block(result), result["mode"]): result for result in results}
    full = {key: result for (key, mode), result in by.items() if mode == "full" and result["class"] == "ok" and result.get("namespace")}
    lines = []
    if full:
        large = [result for result in full.values() if result["namespace"] > 10000]
        ratios = [result["namespace"] / max(1, sum(result["sizes"].values())) for result in large if result["sizes"]]
        if ratios:
            every = ratios + [math.inf] * (len(large) - len(ratios))
            lines.append(
                "Namespace over shipped values (%d blocks whose namespace is above 10 kB): median %.1fx; of the %d that need something: median %.1fx, "
                "largest %.0fx." % (len(every), statistics.median(every), len(ratios), statistics.median(ratios), max(ratios)))
    for peer in [mode for mode in _modes(results) if mode in PEERS]:
        both = [
            (result, by[key, peer]) for (key, mode), result in by.items()
            if mode == "static" and result["class"] == "ok" and (key, peer) in by and by[key, peer]["class"] == "ok"
        ]
        if both:
            mine, other = (sum(pair[side]["bytes"] for pair in both) for side in (0, 1))
            lines.append("On the %d blocks that both get right nbhoist ships %s, %s ships %s." % (len(both), _size(mine), peer, _size(other)))
    return [line + "  " for line in lines] + [""]


def _size(count):
    for unit in ("B", "kB", "MB"):
        if count < 10000:
            return "%d %s" % (count, unit)
        count //= 1000
    return "%d GB" % count


def _latent(results):
    lines = ["## Differences that no later cell sees", ""]
    for mode in [mode for mode in _modes(results) if mode in _MODES]:
        of = [result for result in results if result["mode"] == mode and result["class"] == "ok"]
        alive = sum(any(what != "missing" for what in (result.get("differs") or {}).values()) for result in of)
        dead = sum(any(what == "missing" for what in (result.get("differs") or {}).values()) for result in of)
        outside = sum(any(not piece.startswith("history") for piece in result.get("ambient_differs") or ()) for result in of)
        lines.append("- %s: %d right blocks; in %d a value differs, in %d ambient state; in %d values that no later cell reads were left out." % (
            _MODES[mode], len(of), alive, outside, dead))
        faults = [result for result in of if result.get("faults")]
        evidence = [result for result in of if result.get("evidence")]
        lines.append("  %d fetched a name that the static set lacks, %d brought back a change that it does not list." % (len(faults), len(evidence)))
    return lines + [""]


def _refusals(results):
    reasons = {}
    for result in results:
        if result["class"] == "refusal" and result["mode"] == "full":
            reasons.setdefault(result["why"].split(" (cell")[0][:160], []).append(result)
    lines = ["## Refusals of the full runtime", ""]
    lines += ["- %d x %s (first: %s, cells %s)" % (len(found), _one_line(why), found[0]["book"], found[0]["cells"]) for why, found in sorted(reasons.items())]
    return lines + ["" if reasons else "None.", ""]


def _listing(results):
    lines = []
    for mode in ("full", "static"):
        lines += ["## Escapes, %s" % _MODES[mode], ""]
        found = sorted(escapes(results, mode), key=lambda result: (result["book"], result["cells"]))
        for result in found:
            names = ", ".join(sorted(name for name, what in (result.get("differs") or {}).items() if what != "missing"))
            lines.append("- %s, cells %s, %s: %s%s" % (
                result["book"], ", ".join(map(str, result["cells"])), result["class"], _one_line(result["why"])[:300], " (differ: %s)" % names if names else ""))
        lines += [] if found else ["None."]
        lines.append("")
    harness = [result for result in results if result["class"] == "harness"]
    lines += ["## Harness errors", ""]
    lines += ["- %s, cells %s, %s: %s" % (result["book"], result["cells"], result["mode"], _one_line(result["why"])[-200:]) for result in harness] or ["None."]
    return lines


# Where things are installed on this machine says nothing to anybody else.
_FOLDERS = re.compile(r"(?<![\w.])(?:~?/[\w.+-]+)+/(?=[\w.+-]+)")


def _one_line(text):
    text = _FOLDERS.sub(".../", text.replace("\\n", " "))
    return " ".join(text.replace("|", "\\|").replace("<", "\\<").split())
