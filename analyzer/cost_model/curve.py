"""Out-of-fold scores: for all training repositories and for fewer, with all features and without some, and what bounds them."""
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
    """What each part of the features is worth."""
    index = {name: place for place, name in enumerate(cells.names)}
    between = lambda first, last: list(range(index[first], index[last] + 1))
    every = list(range(len(cells.names)))
    but = lambda columns: [place for place in every if place not in columns]
    hints, host, rough = between("verb", "unknown_libraries"), between("accelerator", "python"), between("work", "largest_in_loop")
    syntax, chance = between("lines", "repeated"), between("guards", "sure_verb")
    context = between("position", "work_rank") + host + between("verb_mean", "verb_rank") + between("library_verb_rank", "unknown_libraries")
    variants = [
        ("all", every, True, {}),
        ("without words", every, False, {}),
        ("without names' hints", but(hints), True, {}),
        ("without the host", but(host), True, {}),
        ("without rough seconds", but(rough), True, {}),
        ("without syntax", but(syntax), True, {}),
        ("without the rest of the notebook", but(context), True, {}),
        ("without what files and flags switch off", but(chance), True, {}),
        ("without the forest of long times", every, True, {"long_share": 0}),
        ("words alone", [], True, {}),
    ]
    tests = [np.where(cells.fold == fold)[0] for fold in range(5)]
    words = [learn.words_of(cells, cells.fold != fold, tests[fold]) for fold in range(5)]
    scored = ~cells.chosen
    print(f"{'features':40} Spearman  AUC >10 s  average precision >10 s")

    def show(name, middle, rows):
        print(f"{name:40} {scores(middle[rows], middle[rows], middle[rows], cells.seconds[rows])[:-9]}", flush=True)

    for name, columns, with_words, more in variants:
        level = np.zeros(len(cells.seconds))
        for fold in range(5):
            level[tests[fold]] = learn.quick(cells, cells.fold != fold, tests[fold], columns, words[fold] if with_words else None, **more)
        show(name, level + cells.scale, scored)
        if name == "all":
            show("all, not scaled by the source", level, scored)


def bounds(cells):
    """How sure the scores are, and what would be reached by somebody who knows what no source says."""
    middle = np.zeros(len(cells.seconds))
    for fold in range(5):
        test = np.where(cells.fold == fold)[0]
        middle[test] = learn.train(cells, cells.fold != fold).predict(cells, test)[0]
    scored = np.where(~cells.chosen)[0]
    miss = np.log(cells.seconds + FLOOR) - middle
    print(f"{'out of fold':52} AUC >10 s  average precision >10 s")

    def show(name, middle, rows):
        heavy = cells.seconds[rows] > 10
        print(f"{name:52} {auc(middle[rows], heavy):9.3f}  {precision(middle[rows], heavy):23.3f}", flush=True)

    show("the model", middle, scored)
    show("scored without stopped clocks", middle, scored[~cells.stuck[scored]])
    for name, groups in (("repository", cells.repo), ("notebook", cells.notebook)):
        known = middle.copy()
        for group in np.unique(groups[scored]):
            rows = scored[groups[scored] == group]
            # Of each cell: the median of what was missed in the others.
            known[rows] += [np.median(np.delete(miss[rows], at)) if len(rows) > 1 else 0.0 for at in range(len(rows))]
        show(f"and told by how much it is off in the {name}", known, scored)
    random = np.random.default_rng(1)
    repos = np.unique(cells.repo[scored])
    of = {repo: scored[cells.repo[scored] == repo] for repo in repos}
    drawn = [np.concatenate([of[repo] for repo in random.choice(repos, len(repos))]) for _ in range(1000)]
    found = [(auc(middle[rows], cells.seconds[rows] > 10), precision(middle[rows], cells.seconds[rows] > 10)) for rows in drawn]
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    print(f"95% of 1,000 draws of {len(repos)} repositories: AUC {low[0]:.3f} to {high[0]:.3f}, average precision {low[1]:.3f} to {high[1]:.3f}")


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
