"""The measured cells, with the features that the analyzer gives them."""
import csv
import json
import sys
import zlib
from dataclasses import dataclass

import numpy as np

# Durations below a millisecond are noise.
FLOOR = 1e-3
# Cells of one notebook that all took exactly as long: the clock of the extension stood still, not the cells.
STUCK_SECONDS, STUCK_CELLS, STUCK_WITHIN = 5.0, 3, 0.1


@dataclass
class Cells:
    hash: int
    names: list
    numbers: np.ndarray
    words: list
    scale: np.ndarray
    seconds: np.ndarray
    repo: np.ndarray
    notebook: np.ndarray
    fold: np.ndarray
    weight: np.ndarray
    # Measured by somebody's choice (`%%time`): scored by nobody, but good enough to learn from.
    chosen: np.ndarray
    stuck: np.ndarray


def read(path, lines):
    """Joins timings with features; cells that the analyzer knows nothing about are left out."""
    head, known = json.loads(lines[0]), {}
    for line in lines[1:]:
        cell = json.loads(line)
        known[(cell["notebook"], cell["cell"])] = cell
    with open(path / "manifest.csv", newline="") as file:
        repos = {row["notebook"]: row["repo"] for row in csv.DictReader(file)}
    with open(path / "timings.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file)]
    pairs = [(row, known.get((row["notebook"], int(row["cell"])))) for row in rows]
    found = [(row, cell) for row, cell in pairs if cell]
    if not found:
        sys.exit(f"train.py: no cell of {path}/timings.csv is among the features")
    repo = np.array([repos[row["notebook"]] for row, _ in found])
    seconds = np.array([float(row["seconds"]) for row, _ in found])
    return Cells(
        hash=head["hash"],
        names=head["features"],
        numbers=np.array([cell["numbers"] for _, cell in found], dtype=np.float32),
        words=[cell["words"] for _, cell in found],
        scale=np.array([cell["scale"] for _, cell in found]),
        seconds=seconds,
        repo=repo,
        notebook=np.array([row["notebook"] for row, _ in found]),
        fold=np.array([zlib.crc32(name.encode()) % 5 for name in repo]),
        weight=weights(repo),
        chosen=np.array([row["kind"] in ("walltime", "bento") for row, _ in found]),
        stuck=stuck(np.array([row["notebook"] for row, _ in found]), seconds),
    )


def weights(repo):
    """One repository has a third of all cells: it counts more than a small one, but not as much more."""
    names, counts = np.unique(repo, return_counts=True)
    of = dict(zip(names, counts))
    weight = np.array([of[name] ** -0.5 for name in repo])
    return weight / weight.mean()


def stuck(notebook, seconds):
    marks = np.zeros(len(seconds), dtype=bool)
    for name in np.unique(notebook):
        at = np.where(notebook == name)[0]
        for cell in at[seconds[at] > STUCK_SECONDS]:
            marks[cell] = (abs(seconds[at] - seconds[cell]) < STUCK_WITHIN).sum() >= STUCK_CELLS
    return marks


def inner_groups(repo, count):
    """Groups of repositories for validation inside the training data, not those of the outer folds."""
    return np.array([zlib.crc32(("inner " + name).encode()) % count for name in repo])


def log_seconds(cells, floor=FLOOR):
    return np.log(cells.seconds + floor)
