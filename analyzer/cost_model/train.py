#!/usr/bin/env python3
"""Train the cost model from measured cell durations.

usage:
  train.py --corpus PATH                         write cost.model beside this script, trained on everything
  train.py --corpus PATH --fold K --output FILE  leave out the repositories of fold K (crc32(repository) % 5)
  train.py --corpus PATH --folds DIR             the five models that each leave out one fold: DIR/fold-K.model
  train.py --corpus PATH --learning-curve        out-of-fold scores by number of repositories
  train.py --corpus PATH --ablations             out-of-fold scores of quick forests with parts of the features left out
  train.py --corpus PATH --bounds                how sure the scores are, and what more knowledge would give

PATH holds notebooks/*.ipynb, timings.csv (notebook, cell, seconds, kind) and manifest.csv (notebook, repo, ...). Features come from the analyzer
itself (`cargo run --example cost_features`); `--features FILE` takes lines it printed before. The same corpus, features and versions (requirements.txt)
give the same file, bit by bit: one thread, fixed seeds, and cells in the order of timings.csv.
"""
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import subprocess
import sys
from pathlib import Path

import corpus
import curve
import learn
import model_file

HERE = Path(__file__).resolve().parent


def features(path, notebooks):
    """Lines of `cost_features`, from a file or from the analyzer."""
    if path:
        return Path(path).read_text().splitlines()
    command = ["cargo", "run", "--quiet", "--release", "-p", "nbhoist-analyzer", "--example", "cost_features", "--"]
    done = subprocess.run(command + [str(file) for file in notebooks], cwd=HERE, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("train.py: the features could not be made; see the message of cargo above")
    return done.stdout.splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, type=Path)
    parser.add_argument("--features", help="lines printed by the example cost_features")
    parser.add_argument("--fold", type=int, choices=range(5), help="leave this fold out")
    parser.add_argument("--folds", type=Path, metavar="DIR", help="write the models of all five folds")
    parser.add_argument("--learning-curve", action="store_true")
    parser.add_argument("--ablations", action="store_true")
    parser.add_argument("--bounds", action="store_true")
    parser.add_argument("--output", type=Path, default=HERE / "cost.model")
    arguments = parser.parse_args()
    notebooks = sorted((arguments.corpus / "notebooks").glob("*.ipynb"))
    if not notebooks:
        sys.exit(f"train.py: {arguments.corpus}/notebooks holds no notebooks")
    cells = corpus.read(arguments.corpus, features(arguments.features, notebooks))
    if arguments.learning_curve:
        return curve.show(cells)
    if arguments.ablations:
        return curve.ablations(cells)
    if arguments.bounds:
        return curve.bounds(cells)
    if arguments.folds:
        arguments.folds.mkdir(parents=True, exist_ok=True)
        for fold in range(5):
            write(cells, cells.fold != fold, arguments.folds / f"fold-{fold}.model")
        return None
    rows = cells.fold != arguments.fold if arguments.fold is not None else cells.fold >= 0
    return write(cells, rows, arguments.output)


def write(cells, rows, path):
    model = learn.train(cells, rows)
    data = model_file.pack(model, cells.hash)
    path.write_bytes(data)
    print(f"{path}: {len(data)} bytes, {int(rows.sum())} cells, {len(set(cells.repo[rows]))} repositories")


if __name__ == "__main__":
    main()
