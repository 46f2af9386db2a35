"""Out-of-fold scores: for all training repositories and for fewer, with all features and without some."""
import numpy as np

import learn
from corpus import FLOOR

SHARES = (0.25, 0.5, 0.75, 1.0)


def show(cells):
    print("repositories  Spearman  AUC >10 s  average precision >10 s  covered")
    for share in SHARES:
        parts, count = [], []
        for fold in range(5):
            train, test = cells.fold != fold, (cells.fold == fold) & ~cells.chosen
            chosen = some(sorted(set(cells.repo[train])), share)
            rows = train & np.isin(cells.repo, chosen)
            count.append(len(chosen))
            parts.append((np.where(test)[0], learn.train(cells, rows).predict(cells, np.where(test)[0])))
        at = np.concatenate([rows for rows, _ in parts])
        middle, low, high = (np.concatenate([part[index] for _, part in parts]) for index in range(3))
        print(f"{np.mean(count):12.0f}  {scores(middle, low, high, cells.seconds[at])}", flush=True)


def ablations(cells):
    """What each part of the features is worth, and what cells of a stopped clock cost."""
    index = {name: place for place, name in enumerate(cells.names)}
    between = lambda first, last: list(range(index[first], index[last] + 1))
    every = list(range(len(cells.names)))
    but = lambda columns: [place for place in every if place not in columns]
    hints, host, rough = between("verb", "unknown_libraries"), between("accelerator", "python"), between("work", "largest_in_loop")
    syntax = between("lines", "repeated")
    context = between("position", "work_rank") + host + between("verb_mean", "verb_rank") + between("library_verb_rank", "unknown_libraries")
    variants = [
        ("all", every, {}),
        ("without words", every, {"with_words": False}),
        ("without names' hints", but(hints), {}),
        ("without the host", but(host), {}),
        ("without rough seconds", but(rough), {}),
        ("without syntax", but(syntax), {}),
        ("without the rest of the notebook", but(context), {}),
        ("without the forest of long times", every, {"long_share": 0}),
        ("words alone", [], {}),
    ]
    print(f"{'features':34} Spearman  AUC >10 s  average precision >10 s")
    for name, columns, more in variants:
        middle = np.zeros(len(cells.seconds))
        for fold in range(5):
            test = np.where(cells.fold == fold)[0]
            middle[test] = learn.quick(cells, cells.fold != fold, test, columns, **more)
        scored = ~cells.chosen
        print(f"{name:34} {scores(middle[scored], middle[scored], middle[scored], cells.seconds[scored])[:-9]}", flush=True)
        if name == "all":
            running = scored & ~cells.stuck
            print(f"{'all, scored without stopped clocks':34} {scores(middle[running], middle[running], middle[running], cells.seconds[running])[:-9]}")


def some(repos, share):
    order = np.random.default_rng(5).permutation(len(repos))
    return [repos[index] for index in order[: max(2, round(share * len(repos)))]]


def scores(middle, low, high, seconds):
    truth = np.log(seconds + FLOOR)
    heavy = seconds > 10
    covered = ((low <= np.log(seconds)) & (np.log(seconds) <= high)).mean()
    return f"{np.corrcoef(ranks(middle), ranks(truth))[0, 1]:8.3f}  {auc(middle, heavy):9.3f}  {precision(middle, heavy):23.3f}  {covered:7.3f}"


def ranks(values):
    order = np.argsort(values, kind="stable")
    place = np.empty(len(values))
    place[order] = np.arange(len(values))
    _, group = np.unique(values, return_inverse=True)
    return (np.bincount(group, place) / np.bincount(group))[group]


def auc(score, label):
    count = label.sum()
    return (ranks(score)[label].sum() - count * (count - 1) / 2) / (count * (len(label) - count))


def precision(score, label):
    hits = label[np.argsort(-score, kind="stable")]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()
