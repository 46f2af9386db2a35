"""Writes docs/experiment.md and its picture from the sessions that bench/experiment.sh has run.

    python bench/experiment_report.py [RESULTS] [--output FOLDER]

RESULTS are of whole sessions; those of the heavy session alone are in a file for each machine. Seconds of two machines are never
compared, only how much quicker a session was than those of the same machine in which nothing moved.

Standard library only.
"""

import argparse
import collections
import json
import pathlib
import statistics

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Of the heavy session alone, a machine each, and whether by this version.
HEAVY = {"experiment_heavy_1.jsonl": False, "experiment_heavy_2.jsonl": True, "experiment_heavy_3.jsonl": True}
POLICIES = ["never", "always", "cell", "block", "knowledge", "performance", "optimal"]
TITLES = {"digits": "digits", "image": "image recognition", "remote": "remote sensing",
          "line": "emcee, line", "nested": "statsmodels, nested simulation", "score": "statsmodels, score test"}
COLOURS = {"never": "#8d8d8d", "optimal": "#1f5f2e", "oracle": "#d97706"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", type=pathlib.Path, default=ROOT / "bench" / "experiment.jsonl")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs")
    options = parser.parse_args()
    lines = read(options.results)
    records = [record for record in lines if "policy" in record]
    ended = [record for record in records if record["ok"]]
    groups = grouped([record for record in ended if not record["prepared"] and not record["without"]])
    failed = [record for record in records if not record["ok"]]
    page = (ROOT / "bench" / "experiment_head.md").read_text(encoding="utf-8")
    page += repeats([(new, [record for record in read(ROOT / "bench" / name) if record["ok"]]) for name, new in HEAVY.items()])
    page += summary(groups, failed) + heavy(groups) + ratios(ended) + links(ended) + ablations(ended)
    page += "".join(table(key, group) for key, group in groups.items())
    page += whole([record for record in lines if record.get("states")]) + states(ended) + moves(ended) + overheads(ended)
    (options.output / "experiment.md").write_text(page, encoding="utf-8")
    (options.output / "images" / "experiment.svg").write_text(picture(groups), encoding="utf-8")


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()] if path.exists() else []


def grouped(records):
    """Sessions of the same notebook, way, ratio and link, by policy; only where `never` is among them."""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for record in sorted(records, key=lambda record: (record["way"], record["mbit"], record["ratio"], record["notebook"])):
        groups[record["notebook"], record["way"], record["ratio"], record["mbit"]][record["policy"]].append(record)
    return {key: group for key, group in groups.items() if "never" in group}


def seconds(group, policy):
    return [record["seconds"] for record in group.get(policy, [])]


def oracle(group, first=0):
    """Each run at the place that was the faster one for it in the median of everything that was measured; a lower bound for any policy of this runner."""
    here, there = collections.defaultdict(list), collections.defaultdict(list)
    for record in (record for records in group.values() for record in records):
        for position, run in enumerate(record["runs"]):
            (there if run["there"] else here)[position].append(run["seconds"])
    positions = range(first, max(map(len, (record["runs"] for record in group["never"]))))
    return sum(min(statistics.median(times[position]) for times in (here, there) if times[position]) for position in positions)


def table(key, group):
    notebook, way, ratio, mbit = key
    never = statistics.median(seconds(group, "never"))
    best = oracle(group)
    lines = [f"\n### {TITLES[notebook]}, {way}, {ratio:g}x, {mbit:g} Mbit/s\n",
             "| policy | sessions | seconds, median | from | to | gain | share of the ratio | of oracle | cells there |",
             "|---|---|---|---|---|---|---|---|---|"]
    for policy in (policy for policy in POLICIES if policy in group):
        times = seconds(group, policy)
        middle = statistics.median(times)
        moved = statistics.median(sum(run["there"] for run in record["runs"]) for record in group[policy])
        lines.append(f"| {policy} | {len(times)} | {middle:.1f} | {min(times):.1f} | {max(times):.1f} | {never / middle:.2f} "
                     f"| {never / middle / ratio:.2f} | {best / middle:.2f} | {moved:g} |")
    lines.append(f"| oracle | | {best:.1f} | | | {never / best:.2f} | {never / best / ratio:.2f} | 1.00 | |")
    return "\n".join(lines) + "\n"


def gains(groups, policy):
    return [(key, statistics.median(seconds(group, "never")) / statistics.median(seconds(group, policy)))
            for key, group in groups.items() if policy in group]


def summary(groups, failed):
    count = sum(len(records) for group in groups.values() for records in group.values())
    lines = ["\n## What was run\n", f"{count} sessions that ended; {len(failed)} ended with an error and are not counted.",
             "\n## In short\n", "| policy | sessions of which kinds | gain, median | worst | best | of oracle, median |", "|---|---|---|---|---|---|"]
    for policy in POLICIES[1:]:
        found = gains(groups, policy)
        if found:
            values = [gain for _, gain in found]
            near = [oracle(group) / statistics.median(seconds(group, policy)) for group in groups.values() if policy in group]
            lines.append(f"| {policy} | {len(found)} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} "
                         f"| {statistics.median(near):.2f} |")
    losses = [f"- {policy}, {TITLES[key[0]]}, {key[1]}, {key[2]:g}x, {key[3]:g} Mbit/s: {gain:.2f}"
              for policy in POLICIES[1:] for key, gain in gains(groups, policy) if gain < 1]
    lines += ["\n![Seconds of a session under each policy](images/experiment.svg)\n",
              "Where a policy lost against staying (gain below 1):\n"] + (losses or ["- nowhere"])
    return "\n".join(lines) + "\n"


def loop(record):
    """Seconds of the runs from the first change of a parameter on."""
    return sum(run["seconds"] for run in record["runs"][record["loops"]:])


def heavy(groups):
    """The part of each session in which the user turns a parameter and looks at the result."""
    lines = ["\n## The heavy session: the loop\n", "From the first turn of the parameter on: the heavy cell, the look at its result, and what the user looks at in between. "
             "Libraries are imported and data is read by then. `share of the ratio` is the gain divided by the ratio.\n",
             "| session | policy | seconds, median | gain | share of the ratio | of oracle |", "|---|---|---|---|---|---|"]
    for (notebook, way, ratio, mbit), group in groups.items():
        known = {policy: [loop(record) for record in group[policy] if record.get("loops")] for policy in POLICIES if policy in group}
        if not known.get("never"):
            continue
        never = statistics.median(known["never"])
        best = oracle(group, min(record["loops"] for record in group["never"]))
        known["oracle"] = [best]
        for policy, times in ((policy, times) for policy, times in known.items() if times):
            middle = statistics.median(times)
            lines.append(f"| {TITLES[notebook]}, {ratio:g}x, {mbit:g} Mbit/s | {policy} | {middle:.1f} | {never / middle:.2f} | {never / middle / ratio:.2f} "
                         f"| {best / middle:.2f} |")
    return "\n".join(lines) + "\n" if len(lines) > 4 else ""


def repeats(machines):
    """The heavy session alone, several times under each policy: sessions of several machines, each beside `never` of its own."""
    lines = ["\n## The heavy session, several times\n", "1 Gbit/s; the loop alone, everything before it made ready. A gain is that of one session over the median of `never` on the same machine. "
             "The median of five sessions or more lies between the lowest and the highest of them with 94% or more.\n",
             "| session | policy | sessions | of this version | gain, median | from | to | share of the ratio | of oracle |", "|---|---|---|---|---|---|---|---|---|"]
    found = collections.defaultdict(list)
    for is_new, records in machines:
        for (notebook, _, ratio, _), group in grouped([record for record in records if not record["delay"]]).items():
            never, best = statistics.median(seconds(group, "never")), oracle(group)
            for policy, taken in ((policy, taken) for policy in group for taken in seconds(group, policy)):
                found[ratio, notebook, policy].append((never / taken, best / taken, is_new))
    for ratio, notebook, policy in sorted(found, key=lambda key: (key[0], list(TITLES).index(key[1]), POLICIES.index(key[2]))):
        quicker, near, new = zip(*found[ratio, notebook, policy])
        middle = statistics.median(quicker)
        lines.append(f"| {TITLES[notebook]}, {ratio:g}x | {policy} | {len(quicker)} | {sum(new)} | {middle:.2f} | {min(quicker):.2f} | {max(quicker):.2f} "
                     f"| {middle / ratio:.2f} | {statistics.median(near):.2f} |")
    return "\n".join(lines) + "\n" + "".join(delayed(records) for _, records in machines)


def delayed(records):
    """The loop over links with a delay, beside `never` of the same machine."""
    delays = sorted({record["delay"] for record in records if record["delay"]})
    far = against(records, [(f"1 Gbit/s, {delay * 1000:g} ms there and back", {"delay": delay}) for delay in delays], "link")
    return "\n" + far if far else ""


def loops(records, policy, **wanted):
    """Seconds of the loop in the sessions of these circumstances, prepared or whole."""
    wanted = {"mbit": 1000, "ratio": 4, "delay": 0, "without": "", **wanted}
    found = [record for record in records if record["policy"] == policy and all(record[key] == value for key, value in wanted.items())]
    return [loop(record) for record in found if record["loops"] is not None]


def against(records, cases, head):
    """A table of loops: `never` beside `optimal` under circumstances that have names."""
    lines = []
    for name, wanted in cases:
        for notebook, title in TITLES.items():
            # A session in which nothing moves knows nothing of the link.
            never = loops(records, "never", notebook=notebook, ratio=wanted.get("ratio", 4))
            times = loops(records, "optimal", notebook=notebook, **wanted)
            if never and times:
                never, middle = statistics.median(never), statistics.median(times)
                gain = never / middle
                lines.append(f"| {name} | {title} | {len(times)} | {never:.1f} | {middle:.1f} | {gain:.2f} | {gain / wanted.get('ratio', 4):.2f} |")
    top = f"| {head} | notebook | sessions | never | optimal | gain | share of the ratio |\n|---|---|---|---|---|---|---|\n"
    return top + "\n".join(lines) + "\n" if lines else ""


def ratios(records):
    found = against(records, [(f"{ratio}x", {"ratio": ratio}) for ratio in (2, 4, 8)], "executor")
    return f"\n## How much faster the executor is\n\nThe loop, 1 Gbit/s, medians of seconds.\n\n{found}" if found else ""


def links(records):
    cases = [(f"{mbit:g} Mbit/s", {"mbit": mbit}) for mbit in (10, 100, 1000, 10000)]
    cases += [(f"1000 Mbit/s, {delay * 1000:g} ms there and back", {"delay": delay}) for delay in (0.001, 0.02, 0.1)]
    found = against(records, cases, "link")
    return f"\n## The link\n\nThe loop, 4x, medians of seconds.\n\n{found}" if found else ""


def ablations(records):
    cases = [("nothing", {})] + [(part, {"without": part}) for part in ("reducer", "cache", "compression", "worker ahead")]
    found = against([record for record in records if record["notebook"] == "remote"], cases, "left out")
    return ("\n## What each part is worth\n\nThe loop, 4x, 1 Gbit/s; without the reducer every value that the session has goes along.\n\n" + found) if found.count("\n") > 3 else ""


def whole(records):
    """What others would send for the heavy cell, and what we send."""
    if not records:
        return ""
    lines = ["\n## State of the heavy cell\n", "Megabytes. The whole namespace in one pickle by dill and by cloudpickle (what one of them cannot pack is left out), the latter packed by zlib, "
             "the form of 2021; the inputs of the heavy cell as they are packed, and what goes over a link that is worth compressing for. Notebooks in their smaller form.\n",
             "| notebook | dill | cloudpickle | zlib | inputs | wire | dill / wire | zlib / wire |", "|---|---|---|---|---|---|---|---|"]
    for record in records:
        packed = {name: found["bytes"] for name, found in record["whole"].items()}
        ours = record["ours"]
        cells = [f"{packed[name] / 1e6:.1f}" if name in packed else "" for name in ("dill", "cloudpickle", "zlib")]
        cells += [f"{ours[name] / 1e6:.3f}" for name in ("inputs", "wire")]
        cells += [f"{packed[name] / max(1, ours['wire']):.0f}" if name in packed else "" for name in ("dill", "zlib")]
        lines.append(f"| {TITLES[record['notebook']]} | " + " | ".join(cells) + " |")
    ratios = [record["whole"]["dill"]["bytes"] / max(1, record["ours"]["wire"]) for record in records if "dill" in record["whole"]]
    if ratios:
        lines.append(f"\nThe reduction against dill is {max(ratios):.0f} at most and {statistics.median(ratios):.0f} in the median of {len(ratios)}; the paper's was up to 55.")
    return "\n".join(lines) + "\n"


def overheads(records):
    """What a move was expected to cost beside running and the link, and what it cost."""
    found = [run["overhead"] for record in records for run in record["runs"] if run["there"] and run.get("overhead")]
    if not found:
        return ""
    predicted, measured = ([one[key] for one in found] for key in ("predicted", "measured"))
    near = sum(0.5 <= one["measured"] / max(one["predicted"], 1e-9) <= 2 for one in found)
    return (f"\nExpected beside running and the link, median: {statistics.median(predicted):.2f} s; measured: {statistics.median(measured):.2f} s "
            f"({min(measured):.2f} to {max(measured):.2f} s). {near} of {len(found)} moves were within a factor of two of what was expected.\n")


def states(records):
    """How much less than the namespace travels, of the runs that moved."""
    found = [(run["bytes"]["namespace"], run["bytes"]["inputs"]) for record in records for run in record["runs"]
             if run["there"] and run["steps"]["run"] >= 1 and run["bytes"]["namespace"] and run["bytes"]["inputs"] >= 1000]
    if not found:
        return ""
    ratios = sorted(namespace / inputs for namespace, inputs in found)
    return (f"\n## State\n\nOver {len(ratios)} moves of cells that took a second or more there and needed a kilobyte or more, the inputs of a cell are smaller than the namespace by a factor of {statistics.median(ratios):.1f} in the median, "
            f"{ratios[0]:.1f} at least and {ratios[-1]:.0f} at most. Compression and the cache come on top. "
            "Whole blocks of full size are in [measurements](measurements.md).\n")


def moves(records):
    steps = collections.defaultdict(list)
    for run in (run for record in records for run in record["runs"] if run["there"]):
        for step, taken in run["steps"].items():
            steps[step].append(taken)
    if not steps:
        return ""
    head = " | ".join(steps)
    row = " | ".join(f"{statistics.median(taken):.2f}" for taken in steps.values())
    return f"\n## What a move costs\n\nSeconds of each step, medians over {len(steps['run'])} moves; `connect` runs beside `probe`.\n\n| {head} |\n|{'---|' * len(steps)}\n| {row} |\n"


def picture(groups):
    """Bars: seconds of each policy, one row of bars for each kind of session."""
    height, left, width, parts, y = 15, 110, 440, [], 10
    for (notebook, way, ratio, mbit), group in groups.items():
        bars = [(policy, statistics.median(seconds(group, policy)), seconds(group, policy)) for policy in POLICIES if policy in group]
        bars.append(("oracle", oracle(group), []))
        longest = max(max(times, default=middle) for _, middle, times in bars)
        parts.append(f'<text x="4" y="{y + 12}" font-weight="bold">{TITLES[notebook]}, {way}, {ratio:g}x, {mbit:g} Mbit/s</text>')
        y += 20
        for policy, middle, times in bars:
            parts.append(f'<text x="{left - 6}" y="{y + 11}" text-anchor="end">{policy}</text>'
                         f'<rect x="{left}" y="{y + 1}" width="{middle / longest * width:.1f}" height="{height - 3}" fill="{COLOURS.get(policy, "#3b6fb6")}"/>'
                         f'<text x="{left + width + 8}" y="{y + 11}">{middle:.0f} s</text>')
            if len(times) > 1:
                low, high = (left + bound / longest * width for bound in (min(times), max(times)))
                parts.append(f'<path d="M{low:.1f} {y + 7}H{high:.1f}" stroke="#000" stroke-width="1.5"/>')
            y += height
        y += 12
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="620" height="{y}" font-family="sans-serif" font-size="11">'
            f'<rect width="620" height="{y}" fill="#fff"/>{"".join(parts)}</svg>\n')


if __name__ == "__main__":
    main()
