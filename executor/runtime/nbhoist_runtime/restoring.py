"""Brings the worker's results into the live namespace: verify first, then everything in one step, or nothing."""

import contextlib
import importlib
import signal
import threading
import time

from . import ambient, apply, arriving, away, figures, fingerprint, history, kinds, session, undoing
from .bundle import LoadError
from .errors import Trouble, detail, translate
from .migration import put_name
from .relink import Relinker
from .undo import UndoLog


class Result:
    """What the worker sent back, unpacked."""

    def __init__(self, header, items):
        self.header = header
        self.bound = {}
        self.changes = []
        self.outputs = {}
        self.figures = []
        for label, value in items:
            section, name = label
            if section == "name":
                self.bound[name] = value
            elif section == "change":
                self.changes.append(value)
            elif section == "figure":
                self.figures.append((name, value))
            else:
                self.outputs[name] = value


def restore(state, place, count, sources, force, inside=False, undoable=False):
    """See `kernel.restore`; `place` is the file and its key."""
    started = time.monotonic()
    with _undisturbed():
        result = _read(state, *place)
    conflicts = [] if force else _conflicts(state, result)
    if conflicts:
        return {"conflict": conflicts, "seconds": time.monotonic() - started}
    undo = UndoLog()
    try:
        with _undisturbed():
            report = _apply(state, result, count, sources, undo, inside)
    except BaseException as error:
        failed = undo.roll_back()
        trouble = translate(error)
        trouble.text = "the results could not be put back, everything is as it was before: " + trouble.text
        if failed:
            trouble.text = "the results could not be put back, and undoing it failed: " + trouble.text
            trouble.detail = "\n".join([trouble.detail or ""] + [detail(one) for one in failed])
        raise trouble
    if undoable:
        undoing.keep(undo)
    report["seconds"] = time.monotonic() - started
    return report


@contextlib.contextmanager
def _undisturbed():
    """Interrupts wait until the namespace is whole again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old if old is not None else signal.default_int_handler)


def _read(state, file, key):
    came, state.arriving = state.arriving, None
    found = came.take() if came is not None and came.file == file else None
    if found is None:
        with open(file, "rb", 1 << 20) as source:
            found = arriving.read(source, file, key)
    header, buffers = found
    try:
        return Result(header, state.receive(buffers))
    except LoadError as failure:
        trouble = translate(failure.error, "unpickle")
        name = failure.label[1] if failure.label and failure.label[0] == "name" else None
        trouble.name = name
        trouble.text = "%s came back but could not be unpacked here: %s" % (name or "a changed object", trouble.text)
        raise trouble


def _conflicts(state, result):
    found = []
    space, before = state.namespace, state.bindings
    header = result.header
    touched = [*result.bound, *header.get("deleted", ()), *header.get("changed", ()), *(header.get("stayed") or ())]
    for name in touched:
        missing = object()
        now, then = space.get(name, missing), before.get(name, missing)
        if now is missing and then is missing:
            continue
        if now is not then and not (name in result.bound and now is result.bound[name]):
            why = "was deleted" if now is missing else "was bound to something else"
            found.append({"name": name, "why": "%s %s in the kernel while the block ran" % (name, why)})
    looker = state.tracker.looker()
    for change in result.changes:
        if _changed_here(state, change, looker):
            names = change["names"] or ["(an object inside another one)"]
            why = "%s was changed in the kernel while the block ran, and by the block too" % ", ".join(names)
            found.append({"name": names[0], "why": why})
    return found


def _changed_here(state, change, looker):
    target, content = state.sender.table[change["number"]], change["content"]
    if content["kind"] == kinds.ARRAY and "array" in content:
        before = content.get("before")
        return before is not None and fingerprint.array_digest(target, before[1])[0] != before[0]
    then = state.tracker.states.get(change["number"])
    return then is not None and not then.same(looker.state(target) or fingerprint.State([], object()))


def _apply(state, result, count, sources, undo, inside):
    space = state.namespace
    relinked, updated = [], set()
    for change in result.changes:
        target = state.sender.table[change["number"]]
        try:
            apply.update(target, change["content"], undo)
        except apply.CannotUpdate as stuck:
            relinked.append((target, stuck.replacement, change["names"]))
        updated.update(change["names"])
    bound = dict(result.bound)
    for name, value in bound.items():
        put_name(space, name, value, undo)
    away.bind(space, result.header.get("stayed") or {}, state.stay, lambda name, handle: put_name(space, name, handle, undo))
    for name in result.header.get("deleted", ()):
        if name in space:
            undo.add(space.__setitem__, name, space[name])
            del space[name]
    for name, module in (result.header.get("modules") or {}).items():
        put_name(space, name, _import(name, module), undo)
    relinker = Relinker([(old, new) for old, new, _ in relinked], undo)
    if relinked:
        extra = [value for value in result.outputs.values()]
        relinker.walk([space] + extra)
    notes = ambient.restore(result.header.get("ambient"), undo)
    if "figures" in result.header:
        notes += figures.synchronize(state.figures, result.header["figures"], result.figures, undo)
    enter = history.complete if inside else history.advance
    enter(session.shell(), space, count, sources, result.outputs, undo)
    return {
        "restored": sorted(bound) + sorted(result.header.get("modules") or {}),
        "updated": sorted(updated),
        "relinked": sorted({name for _, _, names in relinked for name in names}),
        "references": relinker.count,
        "deleted": list(result.header.get("deleted", ())),
        "stuck": relinker.stuck,
        "notes": notes,
    }


def _import(name, module):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Trouble("import", "the block imported %s, which cannot be imported here: %s" % (module, error), name=name)
