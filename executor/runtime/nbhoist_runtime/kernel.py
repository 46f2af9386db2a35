"""Functions that are called in the user's kernel. Each takes one JSON text and gives one JSON text.

None of them binds a name in the user's namespace, and none of them raises: errors come back as `{"error": {...}}`.
"""

import contextlib
import functools
import gc
import json
import os
import platform
import shutil
import sys
import time

from . import (
    ambient, arriving, away, figures, frames, kinds, library_state, mentions, migration, policy, probing, restoring, session, sizes,
    surroundings, undoing
)
from .errors import Trouble, translate
from .versions import packages

_migrations = {}


def _call(function):
    @functools.wraps(function)
    def wrapper(text="{}"):
        try:
            with _without_cycles_sought(), library_state.warnings_kept(session.namespace()):
                return json.dumps(function(**json.loads(text)), default=str)
        except Exception as error:
            return json.dumps({"error": translate(error).as_json()}, default=str)
        finally:
            kinds.forget()
            policy.forget()

    return wrapper


@contextlib.contextmanager
def _without_cycles_sought():
    """Large state is read and made here, none of it in cycles that are garbage; passing over all of it again and again costs more than it finds."""
    sought = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if sought:
            gc.enable()


@_call
def probe(names=(), seconds=None, **_):
    """What the named values weigh and whether they can travel; what everything the user bound weighs."""
    space = session.namespace()
    found = probing.probe(space, list(names), seconds)
    shell = session.shell()
    found.update(
        python=platform.python_version(),
        packages=packages(),
        directory=surroundings.directory(),
        execution_count=getattr(shell, "execution_count", None),
    )
    return found


@_call
def survey(names=(), seconds=0.04, modules=False, **_):
    """What a migration needs to know before it begins, in a moment: rough sizes, versions, and what a worker should resemble.

    Nothing is packed, so whether the values can travel is not known yet; `seconds` are of the processor. `modules` asks for those
    that are loaded as well.
    """
    space = session.namespace()
    weighed, everything = sizes.survey(space, list(names), seconds)
    return {
        "names": weighed,
        "namespace_bytes": everything,
        "python": platform.python_version(),
        "packages": packages(),
        "execution_count": getattr(session.shell(), "execution_count", None),
        "surroundings": surroundings.capture(space if modules else None),
    }


@_call
def measure(names=(), seconds=0.1, **_):
    """What the named values weigh, roughly, as far as that can be told within `seconds`, and which of them are blocks of memory."""
    space = session.namespace()
    found = sizes.measure(space, list(names), seconds)
    return {"sizes": found, "blocks": [name for name in found if sizes.is_block(space[name])]}


@_call
def capture(migration, names=(), modules=(), file=None, spare=0, count=None, sources=None, key=None, place=None, stay=(), **_):
    """Pack the named values into `file`, which must not exist; its frames are sealed with `key` (hexadecimal digits).

    What stayed at `place` is only named. `stay` are names of results that might stay there.
    """
    started = time.monotonic()
    space = session.namespace()
    stayed = _stayed(space, names, place)
    # Packing may make libraries forget the warnings they have shown, so this comes first.
    libraries = library_state.capture(session.namespace())
    state = _begin(migration)
    state.remember_bindings()
    state.place = place
    # The order of `names` may differ from run to run at the caller; objects and arrays should not.
    wanted = [name for name in dict.fromkeys(list(names) + list(modules)) if name not in stayed]
    state.figures, notes = figures.to_send(state.namespace, sources)
    found = _send(state, wanted, (file, key), spare, {"op": "bundle"}, state.figures)
    found.update(
        ambient=dict(ambient.capture(state.sender.pickler.files), libraries=libraries, notes=notes, bound=list(state.bindings)),
        path=list(sys.path),
        directory=surroundings.directory(),
        stayed=stayed,
        stay=sorted(set(stay) - mentions.in_memory(space, stay)) if session.shell() is not None else [],
        folder=away.FOLDER,
        drop=away.orphans(place),
        seconds=time.monotonic() - started,
    )
    return found


@_call
def supply(migration, name, file, spare=0, key=None, **_):
    """Pack one more value that the block turned out to need, or say that it is there already."""
    state = _require(migration)
    stayed = _stayed(state.namespace, [name], state.place)
    if stayed:
        return {"names": [], "absent": [], "imports": [], "bytes": 0, "sizes": {}, "stayed": stayed, "folder": away.FOLDER}
    if name not in state.namespace:
        # No file is written, so that the next name may use the same one.
        return {"names": [], "absent": [name], "imports": [], "bytes": 0, "sizes": {}}
    return _send(state, [name], (file, key), spare, {"op": "bundle", "fault": True})


@_call
def expect(migration, file, key=None, **_):
    """Begin to read a result while it comes; `restore` of the same file goes on from there."""
    state = _require(migration)
    state.arriving = arriving.Arriving(file, key)
    return {}


@_call
def restore(migration, file, count=None, sources=(), force=False, inside=False, undoable=False, key=None, stay=None, prepares=False, **_):
    """Put what the worker sent back into the namespace, in one step, or not at all; the migration is forgotten when it is in.

    `inside` says that the cell which ran elsewhere is still running here, so that it is in the history already;
    `undoable`, that `undo` may be asked to take it out again; `stay` what the handles of values that stayed are to know: `place`,
    `cells` (`{name: numbers of the cells that make it}`), `command`, to which `fetch` and its options are added, and `aloud`, whether the
    cell that fetches something large says so. `prepares` asks for what the next worker should resemble, as `survey` tells it.
    """
    undoing.drop()
    state = _require(migration)
    state.stay = stay
    restored = restoring.restore(state, (file, key), count, list(sources), bool(force), bool(inside), bool(undoable))
    if "conflict" not in restored:
        del _migrations[migration]
        if prepares:
            # The result is in whatever becomes of this: a kernel that cannot tell has no worker started ahead.
            with contextlib.suppress(Exception):
                restored["surroundings"] = surroundings.capture(state.namespace)
    return restored


@_call
def stays(**_):
    """What is away: for each name the `place`, `bytes`, `kind`, the `cells` that make it and a `text`; this kernel's `folder`; what `came`
    home since this was asked last.
    """
    found = {name: away.record_of(handle) for name, handle in away.handles(session.namespace()).items()}
    keys = ("place", "bytes", "kind", "cells")
    return {
        "names": {name: dict({key: record[key] for key in keys}, text=away.in_words(record)) for name, record in found.items()},
        "folder": away.FOLDER,
        "came": away.came(),
    }


@_call
def undo(**_):
    """Take the last result out of the namespace again, as long as no cell has run since."""
    return undoing.take_back()


@_call
def release(migration, **_):
    """Forget a migration."""
    state = _migrations.pop(migration, None)
    if state is not None and state.arriving is not None:
        state.arriving.stop()
    return {"released": state is not None}


def _stayed(space, names, place):
    """What is at `place` already, of those of `names` that are away; what is elsewhere comes home first."""
    found = {name: handle for name, handle in away.handles(space).items() if name in names}
    there = {name: away.record_of(handle) for name, handle in found.items() if away.record_of(handle)["place"] == place}
    _come_home(space, [name for name in found if name not in there])
    keys = ("sha256", "bytes", "cells")
    return {name: {key: record[key] for key in keys} for name, record in there.items()}


def _come_home(space, names):
    for name in names:
        try:
            away.fetch(space, [name])
        except Trouble as trouble:
            raise Trouble("missing", away.regret(space, name, trouble.text), name=name)


def _begin(name):
    if name in _migrations:
        raise Trouble("internal", "migration %r has already begun" % (name,))
    _migrations[name] = migration.Migration(name)
    return _migrations[name]


def _require(name):
    return migration.require(_migrations, name)


def _send(state, wanted, place, spare, header, opened=()):
    values, imports, absent = migration.split(wanted, state.namespace)
    packed = state.pack(values, opened)
    lines = migration.import_lines(imports, state.namespace)
    header.update(buffers=len(packed.buffers), names=values)
    if header.get("fault"):
        header["imports"] = lines
    size = _write(*place, packed, header, spare)
    return {
        "names": values,
        "absent": absent,
        "imports": lines,
        "bytes": size,
        "sizes": {name: packed.sizes[name] for name in values},
    }


def _write(file, key, packed, header, spare):
    """Write a bundle to a new file that only the user can read; nothing is left behind on failure."""
    needed = sum(memoryview(data).nbytes for data in packed.buffers)
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(file))).free
    if free < needed + int(spare or 0):
        raise Trouble("disk", "the bundle takes %d MiB, but only %d MiB are free where %s is to be written" % (
            needed >> 20, free >> 20, file))
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        # What is small waits in the buffer for what is large, which is not to wait itself.
        with os.fdopen(handle, "wb", frames.MIN_PART // 2) as out:
            out = frames.in_file(out, file, key)
            size = frames.write_buffers(out, packed.buffers)
            frames.write(out, header)
    except BaseException:
        os.unlink(file)
        raise
    return size

