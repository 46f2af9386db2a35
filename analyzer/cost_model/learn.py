"""The learned part: a linear model of words, stacked under forests of decision trees on the numbers."""
from dataclasses import dataclass, field

import lightgbm
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import lsqr

from corpus import inner_groups, log_seconds

GROUPS = 4
# Words that fewer repositories have say more about these than about cost.
MIN_REPOS, MIN_CELLS = 3, 5
RIDGE = 100.0
SEEDS = 2
# How much the forest counts that looks at long times only.
SHARE_OF_LONG = 0.5
LONG_FLOOR = 1.0
BASE = {
    "learning_rate": 0.06,
    "num_leaves": 12,
    "min_data_in_leaf": 20,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "feature_fraction": 0.4,
    "extra_trees": True,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
TREES, QUANTILE_TREES = 250, 120
COVERAGE = 0.8


@dataclass
class Trees:
    base: float
    # (booster, factor of its leaves)
    parts: list = field(default_factory=list)

    def predict(self, numbers):
        return self.base + sum(factor * booster.predict(numbers) for booster, factor in self.parts)


@dataclass
class Model:
    words: dict
    location: Trees
    low: Trees
    high: Trees
    widen: tuple

    def predict(self, cells, rows):
        """Location, low and high: log seconds of these cells."""
        numbers = stacked(cells.numbers[rows], words_score(self.words, cells, rows))
        middle = self.location.predict(numbers)
        low = np.minimum(self.low.predict(numbers) - self.widen[0], middle)
        high = np.maximum(self.high.predict(numbers) + self.widen[1], middle)
        return [part + cells.scale[rows] for part in (middle, low, high)]


def train(cells, rows):
    """A model of these cells."""
    rows = rows & ~cells.stuck
    at = np.where(rows)[0]
    groups = inner_groups(cells.repo, GROUPS)[at]
    # Numbers of the source are none of the features. Their scale is added to what the forests say and not taken off what they learn: a cell
    # that loops over three things does so because each takes long.
    target, long_target = log_seconds(cells)[at], log_seconds(cells, LONG_FLOOR)[at]
    words = fit_words(cells, at, target)
    # What the words say about cells of repositories that the words were not learned from: that is how new cells will look.
    score = np.zeros((len(at), 3))
    for group in range(GROUPS):
        seen, held = groups != group, groups == group
        if held.any():
            score[held] = words_score(fit_words(cells, at[seen], target[seen]), cells, at[held])
    numbers = stacked(cells.numbers[at], score)
    weight = cells.weight[at]
    held_out = validate(numbers, target, long_target, weight, groups)
    location = combine(numbers, target, long_target, weight, held_out)
    low, high = (quantile(numbers, target, weight, level) for level in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return Model(words, location, low, high, widening(held_out, target - cells.scale[at], weight))


def words_of(cells, rows, test):
    """What the words say about the training cells, by models that did not see their repository, and about the cells `test`."""
    at = np.where(rows & ~cells.stuck)[0]
    groups = inner_groups(cells.repo, GROUPS)[at]
    target = log_seconds(cells)[at]
    score = np.zeros((len(at), 3))
    for group in range(GROUPS):
        held = groups == group
        score[held] = words_score(fit_words(cells, at[~held], target[~held]), cells, at[held])
    return score, words_score(fit_words(cells, at, target), cells, test)


def quick(cells, rows, test, columns, words, long_share=SHARE_OF_LONG):
    """Log seconds of the cells `test` from one forest on log seconds and one on long times, without intervals; `words` as `words_of` gives them, or None."""
    at = np.where(rows & ~cells.stuck)[0]
    score, score_test = words if words else (np.zeros((len(at), 3)), np.zeros((len(test), 3)))
    known, asked = stacked(cells.numbers[at][:, columns], score), stacked(cells.numbers[test][:, columns], score_test)
    middle = forest(known, log_seconds(cells)[at], cells.weight[at], 1).predict(asked)
    if long_share:
        other = forest(known, log_seconds(cells, LONG_FLOOR)[at], cells.weight[at], 1).predict(asked)
        middle = (1 - long_share) * middle + long_share * (other - other.mean()) * middle.std() / other.std()
    return middle


def fit_words(cells, at, target):
    """Ridge regression of log seconds on the words of the cells."""
    repos, count = {}, {}
    for cell in at:
        for word in cells.words[cell]:
            repos.setdefault(word, set()).add(cells.repo[cell])
            count[word] = count.get(word, 0) + 1
    kept = sorted(word for word in repos if len(repos[word]) >= MIN_REPOS and count[word] >= MIN_CELLS)
    column = {word: index for index, word in enumerate(kept)}
    indexes = [[column[word] for word in cells.words[cell] if word in column] for cell in at]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in indexes])])
    matrix = csr_matrix((np.ones(starts[-1]), np.concatenate(indexes).astype(int), starts), shape=(len(at), len(kept)))
    weight = cells.weight[at]
    root = np.sqrt(weight)
    centred = target - np.average(target, weights=weight)
    solution = lsqr(csr_matrix(matrix.multiply(root[:, None])), centred * root, damp=np.sqrt(RIDGE), atol=1e-4, btol=1e-4, iter_lim=200)[0]
    # Rounded: what little the solver leaves open must not reach the file.
    return {word: np.float32(round(float(value), 4)) for word, value in zip(kept, solution) if abs(value) >= 1e-3}


def words_score(words, cells, at):
    """Sum, largest and smallest of the weights of each cell's words."""
    found = [[float(words[word]) for word in cells.words[cell] if word in words] for cell in at if True]
    return np.array([[sum(row), max(row + [0.0]), min(row + [0.0])] for row in found], dtype=np.float32).reshape(len(found), 3)


def stacked(numbers, score):
    return np.column_stack([numbers, score]).astype(np.float32)


def forest(numbers, target, weight, seed, trees=TREES, **more):
    data = lightgbm.Dataset(numbers, target, weight=weight, free_raw_data=True)
    return lightgbm.train({**BASE, "objective": "regression", "seed": seed, **more}, data, trees)


def quantile(numbers, target, weight, level):
    booster = forest(numbers, target, weight, 7, QUANTILE_TREES, objective="quantile", alpha=level, num_leaves=8, min_data_in_leaf=40)
    return Trees(0.0, [(booster, 1.0)])


def validate(numbers, target, long_target, weight, groups):
    """What models of other repositories say about each cell: location, of long times, low, high."""
    held_out = np.zeros((len(target), 4))
    for group in range(GROUPS):
        seen, held = groups != group, groups == group
        if not held.any():
            continue
        part = numbers[seen], weight[seen]
        held_out[held, 0] = forest(part[0], target[seen], part[1], 1).predict(numbers[held])
        held_out[held, 1] = forest(part[0], long_target[seen], part[1], 1).predict(numbers[held])
        held_out[held, 2] = quantile(part[0], target[seen], part[1], (1 - COVERAGE) / 2).predict(numbers[held])
        held_out[held, 3] = quantile(part[0], target[seen], part[1], (1 + COVERAGE) / 2).predict(numbers[held])
    return held_out


def combine(numbers, target, long_target, weight, held_out):
    """Forests of several seeds, those of long times brought to the scale of the others."""
    slope, shift = np.polyfit(held_out[:, 1], target, 1, w=np.sqrt(weight))
    trees = Trees(SHARE_OF_LONG * shift)
    for seed in range(1, SEEDS + 1):
        trees.parts.append((forest(numbers, target, weight, seed), (1 - SHARE_OF_LONG) / SEEDS))
        trees.parts.append((forest(numbers, long_target, weight, seed), SHARE_OF_LONG * slope / SEEDS))
    return trees


def widening(held_out, target, weight):
    """By how much the interval must be widened so that it covers what it should in repositories that were not seen (conformal)."""
    tail = (1 + COVERAGE) / 2
    return tuple(weighted_quantile(miss, weight, tail) for miss in (held_out[:, 2] - target, target - held_out[:, 3]))


def weighted_quantile(values, weight, level):
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][np.searchsorted(share, level)])
