"""Runs what the library effects files say, and compares.

    python tests/conformance/conform.py [--library NAME ...] [--quick | --full] [--resume FOLDER] [--report FILE] [--mark]

Every entry is called for real on small values, in a process of its own. What changed, what the result keeps, which global
state moved and whether the result can be pickled is compared with the entry. An entry that did not run, or that says more
than the run showed, must be marked `unverified = true`; a run that did more than the entry says is a disagreement.
Members without an entry, of libraries where those count as pure, are called too.
"""

import argparse
import gc
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Threads do not survive a fork: with more than one, a library would wait for them for ever.
for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "POLARS_MAX", "RAYON"):
    os.environ[f"{name}_NUM_THREADS" if name != "POLARS_MAX" else "POLARS_MAX_THREADS"] = "1"

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import ambient
import automatic
import numpy  # noqa: F401  here, so that no forked process has to load it
import mark
import report
from ambient import Folder, Watch
from effects_table import Table
from example import Example
from fixture import FOLDER, Fixture
from observe import observe
from store import Store
from verdict import compare

QUICK = ["builtins", "stdlib", "stdlib_system", "stdlib_interpreter", "stdlib_network", "numpy", "numpy_array", "numpy_random",
         "pandas", "pandas_frame", "pandas_groups", "matplotlib", "matplotlib_axes", "sklearn"]
HEAVY = ["torch", "tensorflow", "keras", "pyspark", "dask", "ray", "transformers"]
# Libraries whose examples run on the values of one fixture.
SHARED = dict.fromkeys(["pillow", "opencv", "scikit_image", "imageio"], "images")
SECONDS_AN_ENTRY = 20
BATCH = 60
# So many calls that nobody wrote down are run to see all that an entry says.
MOST_RUNS = 12
# Processor time after which no further calls are made up for an entry that has run.
SECONDS_OF_TRIES = 4
# After such an effect the process is not as the next entry must find it; fixtures put the rest back themselves.
LASTING = ("options", "environment", "directory")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", action="append", help="only these files of the table (without .toml)")
    parser.add_argument("--quick", action="store_true", help="only core libraries, and of those what counts as verified")
    parser.add_argument("--full", action="store_true", help="heavy libraries as well")
    parser.add_argument("--report", type=pathlib.Path, help="write what was run, library by library, to this file")
    parser.add_argument("--mark", action="store_true", help="set and remove `unverified` in the files as the run says")
    parser.add_argument("--entry", help="only this path")
    parser.add_argument("--resume", type=pathlib.Path, metavar="FOLDER", help="keep results here, and do not run again what has not changed since")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    table = Table()
    names = options.library or (QUICK if options.quick else [name for name in table.libraries if options.full or name not in HEAVY])
    unknown = sorted(set(names) - set(table.libraries))
    if unknown:
        parser.error(f"no such file of the table: {', '.join(unknown)}; there are {', '.join(table.libraries)}")
    choice = Choice(options.entry, options.quick)
    if options.child:
        store = Store(options.resume)
        for name in names:
            keep(store, name, table, library(name, table, choice))
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = apart(names, table, choice, Store(options.resume or folder))
    if options.mark:
        mark.mark(results)
    failures = report.failures(results, table, marked=options.mark)
    report.show(results, table, failures, time.monotonic() - started)
    if options.report:
        report.write(results, table, options.report)
    return 1 if failures else 0


class Choice:
    """What of a file to run: everything, one path, or only what counts as verified."""

    def __init__(self, only=None, quick=False):
        self.only, self.quick = only, quick
        self.whole = not only and not quick

    def takes(self, path, entry):
        """Whether an entry is to be run."""
        if self.only:
            return path == self.only
        return not (self.quick and entry.get("unverified"))

    def arguments(self):
        """How to ask another process for the same choice."""
        return (["--entry", self.only] if self.only else []) + (["--quick"] if self.quick else [])


def apart(names, table, choice, store):
    """Runs each group of files with the same fixture in a process of its own: some libraries cannot be loaded side by side."""
    groups, results = {}, {}
    for name in names:
        kept = kept_results(store, name, table) if choice.whole else None
        if kept is None:
            groups.setdefault(stem_of(name), []).append(name)
        else:
            results[name] = kept
    for group in groups.values():
        command = [sys.executable, __file__, "--child", "--resume", str(store.folder), *choice.arguments(), *(f"--library={name}" for name in group)]
        ended = subprocess.run(command, capture_output=True, text=True)
        why = "the process ended: " + (ended.stderr.strip().splitlines() or ["no message"])[-1]
        for name in group:
            results[name] = kept_results(store, name, table) or {
                path: {"status": "not run", "why": why, "listed": True} for path, stem in table.file_of.items() if stem == name}
    return {name: results[name] for name in names}


def keep(store, name, table, results):
    """Puts the results of a file into the store."""
    store.put(name, fixture_file(name), table.libraries[name]["import"], results)


def kept_results(store, name, table):
    """The results of a file that are in the store and still hold, or None."""
    return store.get(name, fixture_file(name), table.libraries[name]["import"])


def fixture_file(name):
    """The file of the fixture of a library, or None."""
    stem = stem_of(name)
    return stem and FOLDER / f"{stem}.py"


def stem_of(name):
    """The fixture file of a library, or None."""
    return next((stem for stem in (name, SHARED.get(name), name.split("_")[0]) if stem and (FOLDER / f"{stem}.py").exists()), None)


def library(name, table, choice):
    """The results of one file of the table, by path."""
    paths = [path for path, stem in table.file_of.items() if stem == name and choice.takes(path, table.entries[path])]
    fixture = load(table, name)
    if isinstance(fixture, str):
        return {path: {"status": "not run", "why": fixture} for path in paths}
    jobs = [(path, fixture.owner(path, table), table.entries[path]) for path in paths]
    if choice.whole and (FOLDER / f"{name}.py").exists() and table.libraries[name].get("default") == "pure":
        jobs += [(path, owner, None) for path, owner in automatic.unlisted(fixture, table, table.libraries[name]["import"])]
    with tempfile.TemporaryDirectory() as folder:
        template = pathlib.Path(folder) / "template"
        template.mkdir()
        make_files(template, fixture)
        return run_all(jobs, table, fixture, pathlib.Path(folder))


def load(table, name):
    """The fixture of a file, or why there is none."""
    stem = stem_of(name)
    if stem is None:
        return "no fixture"
    try:
        fixture = Fixture(stem)
        fixture.names()
    except ImportError as missing:
        return f"not installed: {missing.name}"
    except Exception as problem:
        return f"not usable here: {type(problem).__name__}: {str(problem)[:160]}"
    return fixture


def make_files(template, fixture):
    """Small files that examples read."""
    here = os.getcwd()
    os.chdir(template)
    try:
        (template / "folder").mkdir()
        (template / "x.txt").write_text("1 2\n3 4\n")
        (template / "x.csv").write_text("n,m\n1,2\n3,4\n")
        (template / "x.json").write_text('[{"n": 1}]')
        (template / "folder" / "x.txt").write_text("1")
        if fixture.files:
            fixture.files()
    finally:
        os.chdir(here)


def run_all(jobs, table, fixture, folder):
    """Runs the jobs in forked processes, or in this one where the library cannot be forked."""
    if not fixture.forks:
        watch = Watch()
        place = Place(folder)
        try:
            return {job[0]: work(*job, table, fixture, place, watch) for job in jobs}
        finally:
            os.chdir("/")
    results, waiting, running = {}, list(jobs), []
    gc.freeze()
    while waiting or running:
        while waiting and len(running) < max(2, os.cpu_count() or 1):
            running.append(Worker(waiting[:BATCH], table, fixture, folder))
            del waiting[:BATCH]
        select.select([worker.reader for worker in running], [], [], 0.5)
        for worker in list(running):
            results.update(worker.collect())
            if worker.ended:
                running.remove(worker)
                waiting[:0] = worker.left
    return results


class Worker:
    """A forked process that runs jobs until one of them changes the state of the process."""

    def __init__(self, jobs, table, fixture, folder):
        self.left = list(jobs)
        self.text, self.ended, self.since, self.done = b"", False, time.monotonic(), 0
        self.reader, writer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                os.close(self.reader)
                self._work(jobs, table, fixture, Place(folder), writer)
            finally:
                os._exit(0)
        os.close(writer)
        os.set_blocking(self.reader, False)

    @staticmethod
    def _work(jobs, table, fixture, place, writer):
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        watch = Watch()
        for job in jobs:
            try:
                result = work(*job, table, fixture, place, watch)
            except Exception as problem:
                result = {"status": "not run", "why": f"{type(problem).__name__}: {problem}", "listed": True}
            os.write(writer, json.dumps(result).encode() + b"\n")
            if any(effect.startswith(LASTING) for effect in result.get("effects", ())):
                return

    def collect(self):
        """The results that have come since the last look."""
        found, closed = {}, False
        while True:
            try:
                chunk = os.read(self.reader, 65536)
            except BlockingIOError:
                break
            if not chunk:
                closed = True
                break
            self.text += chunk
        while b"\n" in self.text:
            line, self.text = self.text.split(b"\n", 1)
            found[self.left.pop(0)[0]] = json.loads(line)
            self.since = time.monotonic()
            self.done += 1
        if not closed and time.monotonic() - self.since > SECONDS_AN_ENTRY:
            os.kill(self.pid, signal.SIGKILL)
            closed = True
            found[self.left.pop(0)[0]] = {"status": "not run", "why": f"it took more than {SECONDS_AN_ENTRY} s", "listed": True}
        if closed:
            _, status = os.waitpid(self.pid, 0)
            os.close(self.reader)
            self.ended = True
            if self.left and not self.done and not found:
                # It is the first job that ended the process; without it the rest can go on.
                why = f"it ended the process with {os.waitstatus_to_exitcode(status)}"
                found[self.left.pop(0)[0]] = {"status": "not run", "why": why, "listed": True}
        return found


class Place:
    """A working directory that every run finds as the first one did."""

    def __init__(self, folder):
        self.template = Folder(folder / "template")
        self.path = pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.clean = None

    def enter(self):
        """Makes the directory as it was, and goes there."""
        if self.clean is None or Folder(self.path).state() != self.clean:
            os.chdir("/")
            shutil.rmtree(self.path, ignore_errors=True)
            shutil.copytree(self.template.path, self.path)
            self.clean = Folder(self.path).state()
        os.chdir(self.path)


def work(path, owner, entry, table, fixture, place, watch):
    """The result of one entry: runs its examples, or tries plausible calls until they have shown all it says."""
    if path in fixture.skipped:
        return {"status": "not run", "why": fixture.skipped[path]}
    listed, entry = entry is not None, entry or {}
    if automatic.is_kind(path, entry, fixture, table):
        return {"listed": listed, **kind(path, entry, table, fixture, place)}
    seen, failed, began = [], None, time.process_time()
    for call in automatic.calls(path, entry, fixture, owner, table):
        if call.made_up and seen and time.process_time() - began > SECONDS_OF_TRIES:
            break
        try:
            found = attempt(call, entry, table, fixture, place, watch)
        except BaseException as problem:
            failed = failed or f"{call.text}: {type(problem).__name__}: {str(problem)[:160]}"
            continue
        if found["wrong"] and seen and call.made_up:
            # Nobody meant the entry for such arguments.
            continue
        seen.append(found)
        if found["status"] in ("verified", "disagrees") or not joined(seen)["unseen"] or len(seen) >= MOST_RUNS:
            break
    if not seen:
        return {"listed": listed, "status": "not run", "why": failed or "no example"}
    return {"listed": listed, **joined(seen)}


def joined(seen):
    """Several runs as one: what any of them did too much, what none of them showed."""
    last = next((one for one in seen if one["wrong"]), seen[-1])
    unseen = [text for text in last["unseen"] if all(text in one["unseen"] for one in seen)]
    status = "disagrees" if last["wrong"] else "overstates" if unseen else "verified"
    effects = sorted({effect for one in seen for effect in one["effects"]})
    return {"status": status, "wrong": last["wrong"], "unseen": unseen, "text": last["text"], "effects": effects}


def kind(path, entry, table, fixture, place):
    """The result of an entry that says what values of a kind are, not what making one does."""
    place.enter()
    failed = "no value"
    for source in fixture.sources(path, table):
        try:
            value = fixture.make(source)
        except Exception as problem:
            failed = f"{source}: {type(problem).__name__}: {str(problem)[:160]}"
            continue
        said = next((one["travels"] for one in table.kind(path) if "travels" in one), True)
        does = ambient.travels(value)
        real = fixture.real(path)
        wrong = [] if real is None or isinstance(value, real) else [f"is a {type(value).__module__}.{type(value).__qualname__}"]
        wrong += ["cannot be pickled"] if said and not does else []
        unseen = ["it can be pickled"] if does and entry.get("travels") is False else []
        status = "disagrees" if wrong else "overstates" if unseen else "verified"
        return {"status": status, "wrong": wrong, "unseen": unseen, "text": source, "effects": []}
    return {"status": "not run", "why": failed}


def attempt(call, entry, table, fixture, place, watch):
    """Runs one call, and once more for every keyword that changes what the entry says."""
    example = Example(call.text, call.path.rpartition(".")[2])
    wrong, unseen, effects = [], [], set()
    for keyword, given, tried in variants(call, entry, example, fixture):
        place.enter()
        fixture.keeps_warnings = entry.get("options_write") == "warnings"
        try:
            seen = observe(example, lambda: fixture.make_names(call.source, call.path), fixture, given, watch)
        except Exception:
            if not tried:
                raise
            continue
        effects |= seen.effects
        more = compare(entry, seen, table, fixture, keyword)
        note = f" (with {keyword})" if keyword else ""
        wrong += [problem + note for problem in more[0]]
        # What does not depend on the keyword was there to be seen without it.
        if keyword:
            # What a run with the keyword shows need not be shown without it.
            unseen = [problem for problem in unseen if problem in more[1]]
        if not tried:
            unseen += [problem + note for problem in more[1] if not keyword or problem.startswith("no change of")]
    status = "disagrees" if wrong else "overstates" if unseen else "verified"
    return {"status": status, "wrong": wrong, "unseen": unseen, "text": call.text, "effects": sorted(effects)}


def variants(call, entry, example, fixture):
    """The keywords to give in further runs, how to make their values, and whether they are tried without a word in the entry."""
    yield None, None, False
    if example.target is None:
        return
    said = entry.get("mutates_if", {})
    for spelled in said:
        keyword, _, value = spelled.partition("=")
        yield spelled, {keyword: lambda run, value=value: value != "False"}, False
    if entry.get("draws_unless") and entry["draws"] == "numpy.random":
        yield entry["draws_unless"], {entry["draws_unless"]: lambda run: 0}, False
    for keyword, value in (("inplace", True), ("copy", False)):
        if not any(spelled.startswith(keyword) for spelled in said) and automatic.takes(call, keyword, fixture):
            yield keyword, {keyword: lambda run, value=value: value}, True


if __name__ == "__main__":
    sys.exit(main())
