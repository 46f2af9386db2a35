"""A session that runs a notebook from top to bottom and, at the boundaries between cells, forks itself for each block under test.

The fork is the kernel that the block moves out of. It runs the block elsewhere, restores, and compares what it then has with what the
session that ran everything in one place had there.
"""

import json
import os
import pickle
import select
import shutil
import signal
import time
import traceback

from . import judge, look
from .dill_session import DillJourney
from .folder import Folder
from .home import Home
from .journey import Journey, Sets
from .worker_link import Failed, Gone


def main(request, connection):
    """Do a job in a process of its own; the answer is a pickle beside the job."""
    with open(request["job"], "rb") as file:
        job = pickle.load(file)
    try:
        answer = _survey(job) if job["kind"] == "survey" else _blocks(job, connection)
    except BaseException:
        answer = {"error": traceback.format_exc()}
    with open(request["job"] + ".answer", "wb") as file:
        pickle.dump(answer, file)
    connection.sendall(b"done\n")


def _open(job):
    os.chdir(job["folder"])
    os.environ["MPLBACKEND"] = "agg"
    look.prepare()
    home = Home()
    for source in job.get("startup", ()):
        home.run(source)
    return home


def _survey(job):
    """Outputs of every cell, and what the session looks like before, between and after the cells."""
    home = _open(job)
    folder = Folder(job["folder"])
    states, cells = [look.apart(look.snapshot, home, True)], []
    for source in job["sources"]:
        started = time.monotonic()
        outputs = home.run(source)
        cells.append({"seconds": time.monotonic() - started, "outputs": outputs, "failed": home.failed, "files": folder.changed()})
        states.append(look.apart(look.snapshot, home, True))
        if home.failed and job.get("stop", True):
            break
    return {"cells": cells, "states": states}


def _blocks(job, connection):
    home = _open(job)
    folder = Folder(job["folder"])
    folder.keep()
    for index, source in enumerate(job["sources"]):
        for test in job["tests"].get(index, ()):
            connection.sendall(json.dumps(_test(home, job, index, test)).encode() + b"\n")
            folder.put_back()
        if index >= max(job["tests"]):
            break
        home.run(source)
        folder.keep()
    return {}


def _test(home, job, index, test):
    """All runs of one block; each in a fork."""
    first = _forked(home, job, index, test, test["sets"])
    found = dict(test["key"], **first)
    if test.get("drop") and first["class"] == "ok" and test["mode"] == "static":
        dropped = {}
        for name in test["sets"]["inputs"]:
            fewer = dict(test["sets"], inputs=[other for other in test["sets"]["inputs"] if other != name])
            again = _forked(home, job, index, test, fewer)
            dropped[name] = {"class": again["class"], "bytes": first["sizes"].get(name, 0)}
        found["dropped"] = dropped
    return found


def _forked(home, job, index, test, sets):
    read, write = os.pipe()
    pid = look.fork()
    if pid == 0:
        os.close(read)
        os.setpgid(0, 0)
        try:
            result = _run_block(home, job, index, test, sets)
        except BaseException:
            result = {"class": "harness", "why": traceback.format_exc()}
        with os.fdopen(write, "wb") as file:
            file.write(json.dumps(result).encode())
        os._exit(0)
    os.close(write)
    data = _read(read, test["timeout"])
    if data is None:
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if data is None:
        return {"class": "harness", "why": "took longer than %d s" % test["timeout"]}
    return json.loads(data) if data else {"class": "harness", "why": "the process died"}


def _read(descriptor, timeout):
    """Everything from a pipe, or None when it does not end in time."""
    end, data = time.monotonic() + timeout, b""
    try:
        while True:
            ready, _, _ = select.select([descriptor], [], [], max(0, end - time.monotonic()))
            if not ready:
                return None
            part = os.read(descriptor, 1 << 20)
            if not part:
                return data
            data += part
    finally:
        os.close(descriptor)


def _run_block(home, job, index, test, sets):
    home.own_files()
    sources = job["sources"]
    block = sources[index : index + test["length"]]
    spool = os.path.join(job["spool"], "%d" % os.getpid())
    os.mkdir(spool)
    started = time.monotonic()
    zygote = None if test["fresh"] else job["zygote"]
    if test["mode"] == "dill":
        journey = DillJourney(home, spool, zygote, test["library"])
    else:
        journey = Journey(home, Sets(sets), "full" if test["mode"] == "full" else "static", spool, zygote, test.get("measure"))
    report = journey.report
    result = {"class": "ok", "why": "", "mode": test["mode"]}
    try:
        journey.travel(block)
    except Failed as failure:
        # Before any cell has run: what cannot be packed, or not be unpacked over there, stays here, and a message says why.
        early = failure.step in ("probe", "capture", "begin", "bundle")
        result.update({"class": "refusal" if early else "failure", "why": str(failure), "detail": (failure.detail or "")[-1500:]})
    except Gone as gone:
        result.update({"class": "failure", "why": str(gone)})
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    if result["class"] == "ok":
        result.update(judge.verdict(home, job, index, test, report))
    result.update(
        seconds=round(time.monotonic() - started, 3), bytes=report.bytes, returned=report.returned, sizes=report.sizes,
        namespace=report.namespace_bytes, faults=report.faults, evidence=report.evidence, left=report.left, notes=report.notes,
    )
    return result
