"""A snapshot of a session: names, shared memory, ambient state, history."""

import os
import pickle
import random
import sys
import traceback

from . import ambient
from .home import user_names
from .state import Walker


def snapshot(home, alone=False):
    """What the session looks like now, as texts; `alone`: also each value without regard to the others."""
    walker = Walker(home.space, home.opaque())
    names, parts, ids, solo = {}, {}, {}, {}
    for name, value in user_names(home.space).items():
        names[name], parts[name] = walker.root(name, value)
        ids[name] = id(value)
        if alone:
            solo[name] = Walker(home.space, home.opaque()).root(name, value)[0]
    outside = {}
    walker.root("(ambient)", None)
    outside.update(ambient.pieces(walker))
    for name in ("_", "__", "___"):
        outside["history " + name] = walker.root("(history)", home.space.get(name))[0]
    outside["history Out"] = walker.root("(history)", dict(home.space.get("Out") or {}))[0]
    outside["history In"] = walker.root("(history)", list(home.space.get("In") or []))[0]
    outside["history count"] = str(home.shell.execution_count)
    return {"names": names, "parts": parts, "ids": ids, "solo": solo, "shares": walker.memory.groups(), "ambient": outside}


def fork():
    """`os.fork`, but the child goes on with the random state of the parent."""
    state = random.getstate()
    pid = os.fork()
    if pid == 0:
        random.setstate(state)
    return pid


def apart(function, *arguments):
    """The result of a call in a forked process, so that the call leaves no trace in this one."""
    read, write = os.pipe()
    pid = fork()
    if pid == 0:
        os.close(read)
        try:
            data = pickle.dumps(("ok", function(*arguments)))
        except BaseException:
            data = pickle.dumps(("error", traceback.format_exc()))
        with os.fdopen(write, "wb") as file:
            file.write(data)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    status, value = pickle.loads(data) if data else ("error", "the process that looks at the session died")
    if status == "error":
        raise RuntimeError(value)
    return value


def prepare():
    """Deep values need deep recursion."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 20000))


def differences(expected, found):
    """Where two snapshots differ: `{"names": {name: what}, "ambient": [pieces]}`."""
    names = {}
    for name in sorted(set(expected["names"]) | set(found["names"])):
        before, after = expected["names"].get(name), found["names"].get(name)
        if before == after:
            continue
        if after is None:
            names[name] = "missing"
        elif before is None:
            names[name] = "should not be there"
        else:
            names[name] = _where(expected["parts"].get(name, {}), found["parts"].get(name, {}), before, after)
    for label in sorted(set(expected["shares"]) | set(found["shares"])):
        before, after = expected["shares"].get(label), found["shares"].get(label)
        if before != after:
            names.setdefault(label.split("#")[0], "%s: %s, should be: %s" % (label, after or "shares nothing", before or "shares nothing"))
    pieces = sorted(
        piece for piece in set(expected["ambient"]) | set(found["ambient"]) if expected["ambient"].get(piece) != found["ambient"].get(piece)
    )
    return {"names": names, "ambient": pieces}


def _where(before, after, whole_before, whole_after):
    paths = [path for path in sorted(set(before) | set(after), key=len) if before.get(path) != after.get(path)]
    if not paths:
        return "%s, should be %s" % (whole_after, whole_before)
    deepest = [path for path in paths if not any(other != path and other.startswith(path) for other in paths)]
    return "; ".join("%s is %s, should be %s" % (path, after.get(path), before.get(path)) for path in (deepest or paths)[:4])
