"""A run of the oracle: survey the notebooks, choose blocks by stratum, run them in every mode, keep what came of each."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import pickle
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from . import dirty, judge, notebooks, programs

STRATA = ("ordinary", "hard", "ambient", "generated", "dirty")
LENGTHS = (1, 2, 3, 4)
# Where a stratum has too few blocks of these lengths.
LONGER = (5, 6, 7, 8)
_HERE = pathlib.Path(__file__).resolve().parent
_SURVEYORS = ("state.py", "memory.py", "figures.py", "ambient.py", "home.py", "look.py", "zygote.py")


class Zygote:
    """The process that forks sessions and workers."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "zygote.socket")
        own = [str(_HERE.parent), str(notebooks.ROOT / "executor" / "runtime")]
        # Where libraries count is looked for once, not in every fork: it takes as long as all the rest of a short block.
        ready = "zygote.load(); from nbhoist_runtime import library_state; library_state.counters()"
        code = "import sys; sys.path[1:1] = %r; from oracle import zygote; %s; zygote.serve(%r)" % (own, ready, self.path)
        threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")}
        environment = dict(os.environ, PYTHONHASHSEED="0", MPLBACKEND="agg", PYTHONDONTWRITEBYTECODE="1", **threads)
        for name in ("PYTHONPATH", "PYTHONSTARTUP"):
            environment.pop(name, None)
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, cwd=folder)
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the process that forks sessions did not start")

    def do(self, job, folder, each=None):
        """Have a session do a job; gives its answer. `each` gets every line of the job's results as soon as it is there."""
        path = os.path.join(folder, "job-%s" % hashlib.sha256(pickle.dumps([job.get("name"), time.monotonic_ns()])).hexdigest()[:12])
        with open(path, "wb") as file:
            pickle.dump(job, file)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self.path)
            connection.settimeout(job["timeout"])
            connection.sendall(json.dumps({"role": "session", "job": path}).encode())
            try:
                said = connection.makefile("rb")
                process = int(said.readline())
                while (line := said.readline()) != b"done\n":
                    if not line:
                        return {"error": "the session died"}
                    each(line)
            except TimeoutError:
                os.killpg(process, 9)
                return {"error": "took longer than %d s" % job["timeout"]}
        with open(path + ".answer", "rb") as file:
            answer = pickle.load(file)
        os.unlink(path)
        os.unlink(path + ".answer")
        return answer

    def close(self):
        self.process.terminate()
        self.process.wait()


class Planner:
    """Asks the analysis about blocks; one process for all of them."""

    def __init__(self, program):
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def plan(self, notebook, cells):
        self._process.stdin.write(json.dumps({"notebook": str(notebook.path.resolve()), "cells": cells}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the program that plans blocks died at %s, cells %s" % (notebook.path, cells))
        return json.loads(line)

    def close(self):
        self._process.stdin.close()
        self._process.wait()


class Peers:
    """Asks other tools' analyses about blocks, in the interpreter that has them."""

    def __init__(self, python):
        self._process = subprocess.Popen(
            [python, str(_HERE / "peer_sets.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def sets(self, book, blocks):
        """`{(start, length): {peer: sets}}`."""
        question = {"cells": book.sources, "blocks": [[start, start + length] for start, length in blocks]}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the program that asks the peers died at %s" % book.name)
        return dict(zip(blocks, json.loads(line)))


PEERS = ("marimo", "pyflakes", "ipyflow", "dill")


def run(options):
    """See `command`."""
    options.cache = options.cache.resolve()
    scratch = tempfile.mkdtemp(prefix="oracle-")
    zygote = Zygote(scratch)
    try:
        books = _books(options)
        surveys = _survey_all(books, options, zygote, scratch)
        if "dirty" in options.strata:
            surveys += _survey_all(_dirty(surveys, options), options, zygote, scratch)
        chosen = choose(surveys, options)
        print("blocks: %s" % {name: len(blocks) for name, blocks in chosen.items()}, flush=True)
        folder = options.cache / "runs" / options.run
        folder.mkdir(parents=True, exist_ok=True)
        _run_all(surveys, chosen, options, zygote, scratch, folder)
    finally:
        zygote.close()
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def _books(options):
    found = []
    if {"ordinary", "hard", "ambient", "dirty"} & set(options.strata):
        found += notebooks.public(options.corpus) + notebooks.ours()
    if "generated" in options.strata:
        found += programs.notebooks(options.cache / "generated", options.seed, max(8, options.blocks // 6))
    return [book for book in found if not options.only or any(text in book.name for text in options.only)]


def _dirty(surveys, options):
    """Mutated copies of the public notebooks that take no longer than ten seconds."""
    bases = [book for book, reference in surveys if book.kind == "public" and seconds(reference) <= 10]
    return dirty.notebooks(options.cache / "dirty", options.seed, max(8, options.blocks // 6), bases)


# The survey.


def _survey_all(books, options, zygote, scratch):
    """`[(notebook, reference)]` for the notebooks that run."""
    version = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _SURVEYORS)).hexdigest()[:12]
    folder = options.cache / "survey" / version
    folder.mkdir(parents=True, exist_ok=True)

    def one(book):
        path = folder / (book.fingerprint() + ".pickle")
        limit = 30 + 3 * options.max_seconds
        known = pickle.loads(path.read_bytes()) if path.exists() else {"limit": 0}
        if known.get("limit", limit) < limit:
            reference = survey(book, zygote, scratch, limit)
            if "took longer" in reference.get("error", ""):
                reference["limit"] = limit
            path.write_bytes(pickle.dumps(reference))
            print("surveyed %s: %s" % (book.name, reference.get("error", "%.1f s" % seconds(reference))[-300:]), flush=True)
        return book, pickle.loads(path.read_bytes())

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(one, books))
    return [(book, reference) for book, reference in found if _usable(book, reference) and seconds(reference) <= options.max_seconds]


def _usable(book, reference):
    """Whether the notebook ran; of mutated ones every cell must."""
    return "error" not in reference and not (book.kind == "dirty" and any(cell["failed"] for cell in reference["cells"]))


def seconds(reference):
    """What all cells take."""
    return sum(cell["seconds"] for cell in reference.get("cells", ()))


def workplace(book, scratch):
    """A copy of the folder that a notebook runs in."""
    parent = tempfile.mkdtemp(prefix="work-", dir=scratch)
    folder = os.path.join(parent, "notebook")
    if book.folder is None:
        os.mkdir(folder)
    else:
        shutil.copytree(book.folder, folder, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
    return parent, folder


def survey(book, zygote, scratch, limit=60, times=2):
    """Runs of the notebook, and what differs between the first two."""
    runs = []
    for _ in range(times):
        began = time.monotonic()
        parent, folder = workplace(book, scratch)
        found = zygote.do({"kind": "survey", "name": book.name, "folder": folder, "sources": book.sources, "timeout": limit}, scratch)
        shutil.rmtree(parent, ignore_errors=True)
        if "error" in found:
            return found
        runs.append(found)
        # Runs within one second print the same time of day, and it would seem to be a result.
        time.sleep(max(0.0, 1.5 - (time.monotonic() - began)))
    first, second = runs[0], runs[-1]
    first["unstable"] = [
        {"names": sorted(_unequal(one["names"], two["names"])), "ambient": sorted(_unequal(one["ambient"], two["ambient"]))}
        for one, two in zip(first["states"], second["states"])
    ]
    first["unstable_outputs"] = [sorted(_unequal(one["outputs"], two["outputs"])) for one, two in zip(first["cells"], second["cells"])]
    return first


def _unequal(one, two):
    return {key for key in set(one) | set(two) if one.get(key) != two.get(key)}


# Choosing blocks.


def candidates(book, reference, lengths=LENGTHS):
    """`[(start, length, strata)]` for every run of so many cells."""
    found, total = [], len(reference["cells"])
    for start in range(total):
        for length in lengths:
            end = start + length
            if end <= total and not any(cell["failed"] for cell in reference["cells"][start:end]):
                found.append((start, length, strata(book, reference, start, end)))
    return found


def strata(book, reference, start, end):
    """The strata that a block counts in."""
    if book.kind in ("generated", "dirty"):
        return {book.kind}
    found = set()
    if _changes_in_place(book, reference, start, end):
        found.add("hard")
    if _ambient(reference, start, end):
        found.add("ambient")
    return found or {"ordinary"}


def _changes_in_place(book, reference, start, end):
    before, after = reference["states"][start], reference["states"][end]
    later = book.sources[end:]
    words = judge.words(later)
    return any(
        name in words and before["ids"][name] == after["ids"].get(name) and before["solo"][name] != after["solo"][name]
        for name in before["names"]
        if name in after["names"]
    )


_WATCHED = (
    "random", "numpy.random", "directory", "environment", "warnings", "decimal", "logging", "locale", "recursion limit", "numpy options",
    "pandas options", "matplotlib options", "matplotlib backend", "sklearn options",
)


def _ambient(reference, start, end):
    states = reference["states"]
    first, before, after = states[0]["ambient"], states[start]["ambient"], states[end]["ambient"]
    if any(piece in before and before[piece] != after.get(piece) for piece in _WATCHED):
        return True
    drawings = {piece for piece in after if piece.startswith("figure ")}
    if any(piece in before and before[piece] != after[piece] for piece in drawings):
        return True
    if any(piece not in before and any(state["ambient"].get(piece, after[piece]) != after[piece] for state in states[end:]) for piece in drawings):
        return True
    outputs = [text for cell in reference["cells"][start:end] for text in cell["outputs"].values()]
    draws = any(piece not in before for piece in drawings) or any(text.startswith("image/") for text in outputs)
    shows = bool(outputs)
    set_before = {piece for piece in _WATCHED if piece in first and first[piece] != before.get(piece)}
    return bool(draws and set_before & {"matplotlib options", "matplotlib backend"} or shows and set_before & {"pandas options", "numpy options", "warnings"})


def choose(surveys, options):
    """`{stratum: [(book index, start, length, whether peers try it)]}`, the same for the same seed."""
    pools = {name: [] for name in options.strata}
    for lengths in (LENGTHS, LONGER):
        wanting = {name for name, pool in pools.items() if len(pool) < options.blocks}
        for index, (book, reference) in enumerate(surveys):
            for start, length, names in candidates(book, reference, lengths) if wanting else ():
                for name in names & wanting:
                    pools[name].append((index, start, length))
    chosen = {}
    for name, pool in pools.items():
        random.Random("%s %s" % (options.seed, name)).shuffle(pool)
        chosen[name] = sorted((*block, not options.peer_blocks or at < options.peer_blocks) for at, block in enumerate(pool[: options.blocks]))
    return chosen


# Running blocks.


def _run_all(surveys, chosen, options, zygote, scratch, folder):
    by_book = {}
    for name, blocks in chosen.items():
        for index, start, length, peers_too in blocks:
            about = by_book.setdefault(index, {}).setdefault((start, length), {"strata": [], "peers": False})
            about["strata"].append(name)
            about["peers"] |= peers_too
    planner = Planner(options.plans)
    peers = Peers(options.peers) if set(options.modes) & set(PEERS) - {"dill"} else None
    work = []
    for index, blocks in sorted(by_book.items()):
        book, reference = surveys[index]
        tests = _tests(book, reference, blocks, options, (planner, peers), folder)
        if tests:
            work.append((book, reference, tests))
    work.sort(key=lambda item: seconds(item[1]))
    started, done = time.monotonic(), [0]
    total = sum(len(tests) for _, _, found in work for tests in found.values())

    def one(item):
        book, reference, tests = item
        count = sum(len(found) for found in tests.values())
        with open(results_path(folder, book), "a", encoding="utf-8") as results:
            answer = run_book(book, reference, tests, zygote, scratch, lambda line: results.write(json.dumps(line) + "\n") and results.flush())
        done[0] += count
        print("%5d/%d %6.0f s  %s%s" % (done[0], total, time.monotonic() - started, book.name, "  " + answer["error"][-500:] if "error" in answer else ""), flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, work))


def results_path(folder, book):
    return folder / (re.sub(r"[^\w.-]+", "_", book.name) + ".jsonl")


def _known(path):
    if not path.exists():
        return set()
    keys = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            keys.add(json.loads(line)["key"])
        except (ValueError, KeyError):
            continue
    return keys


def _tests(book, reference, blocks, options, analyses, folder):
    """`{start: [test]}` for what has no result yet; refusals by plan are results at once."""
    path = results_path(folder, book)
    planner, peers = analyses
    known, tests = _known(path), {}
    others = peers.sets(book, sorted(blocks)) if peers else {}
    with open(path, "a", encoding="utf-8") as results:
        for (start, length), found in sorted(blocks.items()):
            cells = book.numbers[start : start + length]
            plan = planner.plan(book, cells)
            for mode in options.modes:
                key = "%s|%s|%s" % (book.name, "-".join(map(str, cells)), mode)
                if key in known or mode in PEERS and not found["peers"]:
                    continue
                sets = plan if mode in ("static", "full", "dill") else others[start, length][mode]
                about = {"key": key, "book": book.name, "cells": cells, "mode": mode, "strata": found["strata"], "sets": sets}
                if mode in PEERS:
                    pass
                elif plan.get("error") or plan.get("refusal"):
                    kind = "harness" if plan.get("error") else "refusal"
                    results.write(json.dumps(dict(about, **{"class": kind, "why": plan.get("error") or plan["refusal"], "by": "plan"})) + "\n")
                    continue
                luck = random.Random(key).random()
                rest = sum(cell["seconds"] for cell in reference["cells"][start:])
                tests.setdefault(start, []).append({
                    "key": about, "length": length, "mode": mode, "sets": sets, "library": options.dill, "fresh": luck < options.fresh, "rest": luck > 0.9,
                    "measure": mode == "full", "drop": options.drop and random.Random("drop" + key).random() < options.drop / max(1, options.blocks),
                    "timeout": 60 + 10 * rest,
                })
    return tests


def run_book(book, reference, tests, zygote, scratch, keep):
    """Run the tests of one notebook in a session; `keep` gets each result."""
    parent, place = workplace(book, scratch)
    spool = os.path.join(parent, "spool")
    os.mkdir(spool)
    slim = {key: reference[key] for key in ("cells", "states", "unstable", "unstable_outputs")}
    count = sum(len(found) for found in tests.values())
    job = {
        "kind": "blocks", "name": book.name, "folder": place, "sources": book.sources[: len(reference["cells"])], "numbers": book.numbers,
        "reference": slim, "tests": tests, "spool": spool, "zygote": zygote.path,
        "timeout": 600 + count * (30 + 5 * seconds(reference)),
    }
    answer = zygote.do(job, scratch, lambda line: keep(json.loads(line)))
    shutil.rmtree(parent, ignore_errors=True)
    return answer
