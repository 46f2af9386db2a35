"""Values that stay at another place, in the kernel: a handle stands for each and is replaced by the value when a cell names it.

The value lies in a file there (see `pins`), so it outlives the worker. Before a cell runs, whatever it may touch is fetched; when that fails
the cell does not run. Code that reaches a handle unseen gets an exception, never a wrong value.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

from . import arriving, mentions, pins, session
from .bundle import Receiver
from .errors import Trouble

FOLDER = uuid.uuid4().hex  # Names this kernel's files everywhere.

LARGE = 20e6  # Bytes; that something larger is fetched is told.

# Packages that look at every variable without using its value.
_ONLOOKERS = {"nbhoist_runtime", "nbhoist", "IPython", "ipykernel", "jedi", "debugpy", "_pydevd_bundle", "_pydevd_sys_monitoring"}

# How many handles there are for each file, by `(place, digest)`, and those files that have none any more.
_handles = {}
_orphans = {}

# What came home since somebody asked.
_came = []


class Untouchable(RuntimeError):
    """A handle was used where its value was meant."""


class Away:
    """Stands for a value that stays at another place."""

    __slots__ = ("_record", "__weakref__")

    def __init__(self, record):
        object.__setattr__(self, "_record", record)
        key = record["place"], record["sha256"]
        _handles[key] = _handles.get(key, 0) + 1
        _orphans.get(record["place"], set()).discard(record["sha256"])

    def __del__(self):
        try:
            record = record_of(self)
            key = record["place"], record["sha256"]
            _handles[key] -= 1
            if not _handles[key]:
                del _handles[key]
                _orphans.setdefault(key[0], set()).add(key[1])
        except Exception:
            pass  # The interpreter is ending.

    def __repr__(self):
        return "<%s>" % in_words(record_of(self))

    @property
    def __class__(self):
        if sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] in _ONLOOKERS:
            return Away
        return _touched(self)

    def __getattr__(self, name):
        # IPython asks every value how it wants to be shown.
        if name.startswith("_repr_") or name.startswith("_ipython_"):
            raise AttributeError(name)
        return _touched(self)

    def __setattr__(self, name, value):
        _touched(self)

    def __delattr__(self, name):
        _touched(self)

    def __dir__(self):
        return []


def _touched(handle, *_, **__):
    record = record_of(handle)
    name = record["name"]
    raise Untouchable("%s; this code reached it without naming it in a cell. Run a cell that says `%s` first, which fetches it" % (in_words(record), name))


_OPERATORS = (
    "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod "
    "rpow rlshift rrshift rand rxor ror iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ixor ior neg pos abs invert "
    "int float complex index round trunc floor ceil bool len length_hint iter next reversed contains getitem setitem delitem "
    "eq ne lt le gt ge hash str bytes format fspath copy deepcopy reduce reduce_ex getstate sizeof array array_ufunc array_function"
).split()

for _name in _OPERATORS:
    setattr(Away, "__%s__" % _name, _touched)


def record_of(handle):
    """What a handle knows: `name`, `kind`, `bytes`, `place`, `sha256`, `cells` that make it, `command` that fetches it, `aloud`."""
    return object.__getattribute__(handle, "_record")


def in_words(record):
    """One line on a value that stays away."""
    return "`%s` stays on `%s`: %s, %s, fetched when a cell names it%s" % (
        record["name"], record["place"], record["kind"], size(record["bytes"]), _made_by(record["cells"])
    )


def size(count):
    """Bytes in words."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return "%.3g %s" % (count, unit)
        count /= 1000


def _made_by(cells):
    return "; made by %s" % _cells(cells) if cells else ""


def _cells(cells):
    return ("cell %s" if len(cells) == 1 else "cells %s") % ", ".join(str(cell) for cell in cells)


def handles(space):
    """`{name: handle}` of everything that is away."""
    return {name: value for name, value in list(space.items()) if type(value) is Away}


def bind(space, entries, told, put):
    """Bind handles to names. `entries` is what the worker says of each, `told` what the client does; `put(name, value)` binds."""
    for name, entry in entries.items():
        cells = told.get("cells", {}).get(name, [])
        record = dict(entry, name=name, place=told["place"], cells=cells, command=told["command"], aloud=told.get("aloud", False))
        put(name, Away(record))
    if entries:
        watch()


def fetch(space, names):
    """Bring values home and bind them in place of their handles; raises `Trouble` when one cannot come, and then binds none."""
    found = {}
    for name in names:
        started, record = time.monotonic(), record_of(space[name])
        found[name] = _value(space, record)
        _came.append({"name": name, "place": record["place"], "bytes": record["bytes"], "seconds": time.monotonic() - started})
    space.update(found)


def _value(space, record):
    with tempfile.TemporaryDirectory(prefix="nbhoist-") as folder:
        file = os.path.join(folder, "value")
        _run(record, file)
        # The seal adds nothing to the digest, which this process has known since the value was made.
        with open(file, "rb", 1 << 20) as source:
            _, buffers = arriving.read(source, file, record["sha256"])
        if pins.digest(buffers) != record["sha256"]:
            raise Trouble("missing", "what came is not what was left there")
        (_, value), = Receiver(session.seeds(space)).load(buffers)
        return value


def came():
    """What came home since this was asked last: `name`, `place`, `bytes`, and the `seconds` it took."""
    found = list(_came)
    del _came[:]
    return found


def _run(record, file):
    aloud = record["aloud"] and record["bytes"] >= LARGE
    if aloud:
        print("nbhoist: fetching `%s` (%s) from `%s`" % (record["name"], size(record["bytes"]), record["place"]), file=sys.stderr)
    options = ["fetch", record["sha256"], "--folder", FOLDER, "--on", record["place"], "--python", sys.executable, "--into", file]
    started = time.monotonic()
    command = list(record["command"])
    if not os.path.exists(command[0]):
        # It was replaced by another version since.
        command[0] = shutil.which("nbhoist") or command[0]
    try:
        # In a session of its own, so that an interrupt of the kernel's process group reaches it by way of us alone.
        process = subprocess.Popen(
            command + options, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise Trouble("missing", "%s cannot be started: %s" % (command[0], error))
    try:
        _, complaint = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        raise Trouble("missing", complaint.decode("utf-8", "replace").strip() or "exit code %d" % process.returncode)
    seconds = time.monotonic() - started
    if aloud:
        print("nbhoist: `%s` came home in %.1f s" % (record["name"], seconds), file=sys.stderr)


def regret(space, name, why):
    """What to tell when a value cannot be had."""
    record = record_of(space[name])
    text = "`%s` stayed on `%s` and cannot be fetched: %s" % (name, record["place"], why)
    if record["cells"]:
        text += "\nRun %s again to make it anew" % _cells(record["cells"])
    return text + "\nNothing has changed, and this cell was not run; it can be tried again. `del %s` gives it up" % name


def orphans(place):
    """Digests of the files at a place that nobody has a handle for any more; they are told once."""
    return sorted(_orphans.pop(place, ()))


def moves(tree):
    """Mark what runs a cell elsewhere in its place: what that needs is found by those who move it."""
    tree.nbhoist_moves = True
    return tree


def _moves(tree):
    """Whether a cell runs elsewhere as a whole: marked, or with `%%hoist` on top."""
    if getattr(tree, "nbhoist_moves", False):
        return True
    call = getattr(tree.body[0], "value", None) if len(tree.body) == 1 else None
    if not isinstance(call, ast.Call) or getattr(call.func, "attr", None) != "run_cell_magic":
        return False
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == "hoist"


def watch():
    """Look at every cell before it runs."""
    shell = session.shell()
    if shell is not None and not any(isinstance(one, _Watch) for one in shell.ast_transformers):
        watch = _Watch(shell)
        # The last one sees what will really run.
        shell.ast_transformers.append(watch)
        shell.events.register("pre_run_cell", watch.before)
        shell.events.register("post_run_cell", watch.after)


class _Watch:
    """Fetches what a cell may touch, before it runs."""

    def __init__(self, shell):
        self._shell = shell
        self._is_cell = False

    def before(self, info):
        """A cell begins. Front ends that look at variables run code silently, for which this is not called."""
        self._is_cell = True

    def after(self, result):
        """It has ended."""
        self._is_cell = False

    def visit(self, tree):
        """IPython has parsed what it is about to run."""
        space = self._shell.user_ns
        away = handles(space) if self._is_cell and not _moves(tree) else {}
        if away:
            named = mentions.of_cell(tree)
            # A function that came meanwhile may read one of them.
            names = set(away) if named is mentions.ALL else named.intersection(away) | mentions.in_memory(space, away)
            for name in sorted(names):
                self._fetch(space, name)
        return tree

    def _fetch(self, space, name):
        from IPython.core.error import InputRejected

        class StaysAway(InputRejected):
            """Ends the cell before it begins."""

            def _render_traceback_(self):
                return str(self).split("\n")

        try:
            fetch(space, [name])
        except KeyboardInterrupt:
            raise StaysAway("interrupted while `%s` was being fetched; the cell was not run" % name) from None
        except Exception as error:
            raise StaysAway(regret(space, name, getattr(error, "text", None) or error)) from None
