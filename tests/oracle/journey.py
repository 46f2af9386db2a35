"""Moves one block out of a session and back, in one of two modes.

`full` is what the product does. `static` trusts the given sets alone: a name that was not sent is a NameError, and of all that the worker
finds changed only what the sets list is restored.
"""

import contextlib
import gc
import json
import os
import types

from nbhoist_runtime import ambient as runtime_ambient
from nbhoist_runtime import frames, kernel, restoring

from .worker_link import Failed, Link

# Which of the runtime's pieces of ambient state a plan means by a word.
_PIECES = {
    "random": ("random",),
    "numpy.random": ("numpy.random",),
    "torch": ("torch",),
    "numpy": ("numpy print options", "numpy error handling"),
    "pandas": ("pandas options",),
    "matplotlib": ("matplotlib settings", "matplotlib colormap", "matplotlib backend", "inline figures"),
    "figures": ("matplotlib backend", "inline figures", "figures"),
    "sklearn": ("scikit-learn settings",),
    "warnings": ("warnings filters",),
    "decimal": ("decimal context",),
    "logging": ("logging level",),
    "sys": ("recursion limit",),
    "locale": ("locale",),
}


class Sets:
    """What to send and what to bring back."""

    def __init__(self, plan):
        self.inputs = list(plan["inputs"])
        self.returns = list(plan["returns"])
        self.deletes = list(plan.get("deletes", ()))
        self.imports = list(plan.get("imports", ()))
        self.ambient = list(plan.get("ambient", ()))
        self.everything = bool(plan.get("everything"))

    def pieces(self):
        return {piece for word in self.ambient for piece in _PIECES.get(word, (word,))}


class Report:
    """How a journey went."""

    def __init__(self):
        self.cells, self.faults, self.error = [], [], None
        self.bytes = self.returned = self.namespace_bytes = None
        self.sizes, self.left, self.evidence, self.notes = {}, {}, [], []


def call(step, function, **arguments):
    """Call a function of the kernel's side as the product does."""
    answer = json.loads(function(json.dumps(arguments)))
    if answer.get("error"):
        raise Failed(step, answer["error"])
    return answer


class Journey:
    def __init__(self, home, sets, mode, folder, zygote, measure=False):
        self.home, self.sets, self.mode, self.folder, self.zygote = home, sets, mode, folder, zygote
        self.report, self._measure, self._faults = Report(), measure, 0

    def travel(self, sources):
        """Run `sources` elsewhere; `Failed` says that a step was refused."""
        count = self.home.shell.execution_count
        probed = call("probe", kernel.probe, names=self.sets.inputs) if self._measure else None
        if probed:
            self.report.namespace_bytes = probed["namespace_bytes"]
        link, names = None, list(self.sets.inputs)
        try:
            while link is None:
                captured = call("capture", kernel.capture, migration="m", names=names, file=self._file("inputs"))
                self.report.bytes, self.report.sizes = captured["bytes"], captured["sizes"]
                link = Link(self.zygote)
                try:
                    self._prepare(link, captured, count)
                except Failed as failure:
                    if self.mode == "static" or failure.missing is None or failure.missing in names:
                        raise
                    names.append(failure.missing)
                    call("release", kernel.release, migration="m")
                    link.close()
                    link = None
            for index, source in enumerate(sources):
                if not self._run(link, source, count + index):
                    break
            self._bring_home(link, count, sources[: len(self.report.cells)])
        finally:
            if link is not None:
                link.close()

    def _bring_home(self, link, count, sources):
        """Take the result over; what a value of it reads by name when it is unpacked is asked for as well."""
        returns = list(self.sets.returns)
        while True:
            header = self._collect(link, returns)
            try:
                return self._restore(header, count, sources)
            except Failed as failure:
                if self.mode == "static" or failure.missing is None or failure.missing in returns:
                    raise
                returns.append(failure.missing)

    def _prepare(self, link, captured, count):
        state = captured["ambient"]
        if self.mode == "static":
            wanted = self.sets.pieces()
            state["pieces"] = {name: text for name, text in state["pieces"].items() if name in wanted}
            if "environment" not in self.sets.ambient:
                state["environment"] = {}
            if "libraries" not in self.sets.ambient:
                state.pop("libraries", None)
        begun = link.ask("begin", {
            "op": "begin", "directory": captured["directory"], "path": captured["path"], "ambient": state, "count": count,
        })
        self.report.notes += begun.get("notes") or []
        lines = captured["imports"] + self.sets.imports
        failed = link.ask("imports", {"op": "imports", "lines": lines})["failed"]
        self.report.notes += ["%(line)s: %(error)s" % one for one in failed]
        link.ship("bundle", self._file("inputs"))

    def _run(self, link, source, count):
        events = []

        def take(frame, payload):
            if frame["op"] == "fault":
                self._answer(link, frame["name"])
            else:
                events.append(frame)

        done = link.ask("run", {"op": "run", "cell": "cell", "number": count, "source": source, "count": count}, "done", take)
        self.report.cells.append(events)
        if not done["ok"]:
            errors = [event for event in events if event["op"] == "error"]
            last = errors[-1] if errors else {"ename": "unknown", "evalue": ""}
            self.report.error = (last["ename"], last["evalue"], "\n".join(last.get("traceback", ())[-3:]))
        return done["ok"]

    def _answer(self, link, name):
        present = name in self.home.space
        if present and name not in self.report.faults:
            self.report.faults.append(name)
        if self.mode == "static" or not present:
            link.send({"op": "absent", "name": name})
            return
        self._faults += 1
        file = self._file("fault%d" % self._faults)
        try:
            call("supply", kernel.supply, migration="m", name=name, file=file)
        except Failed as failure:
            link.send({"op": "absent", "name": name, "error": str(failure)})
            return
        self.report.bytes += os.path.getsize(file)
        link.ship("supply", file)

    def _collect(self, link, returns):
        with open(self._file("returns"), "wb") as file:
            header = link.ask(
                "collect", {"op": "collect", "returns": returns, "everything": self.sets.everything}, "collected",
                lambda frame, payload: frames.write(file, frame, payload) if frame["op"] == "buffer" else None,
            )
            if self.mode == "static":
                self._filter(header)
            frames.write(file, dict(header))
        self.report.returned, self.report.left = header["bytes"], header["left"]
        self.report.evidence = [name for name in header["changed"] if name not in self.sets.returns]
        return header

    def _filter(self, header):
        """Leave in the answer only what the sets list."""
        returns, wanted = set(self.sets.returns), self.sets.pieces()
        header["deleted"] = [name for name in header["deleted"] if name in self.sets.deletes]
        header["modules"] = {name: module for name, module in header["modules"].items() if name in returns}
        header["changed"] = [name for name in header["changed"] if name in returns]
        plain = header.get("ambient") or {}
        plain["pieces"] = {name: text for name, text in plain.get("pieces", {}).items() if name in wanted}
        for word, keys in (("environment", ("environment", "path")), ("directory", ("directory",)), ("libraries", ("libraries",))):
            if word not in self.sets.ambient:
                for key in keys:
                    plain.pop(key, None)
        header["ambient"] = plain

    def _restore(self, header, count, sources):
        with self._only_listed() if self.mode == "static" else contextlib.nullcontext():
            try:
                found = call("restore", kernel.restore, migration="m", file=self._file("returns"), count=count, sources=sources)
            finally:
                os.unlink(self._file("returns"))
        call("release", kernel.release, migration="m")
        if found.get("conflict"):
            raise Failed("restore", {"kind": "conflict", "text": "; ".join(one["why"] for one in found["conflict"])})

    @contextlib.contextmanager
    def _only_listed(self):
        """Within, changed objects are restored only as far as a listed name reaches them."""
        original, returns = restoring._read, set(self.sets.returns)

        def read(state, *place):
            result = original(state, *place)
            roots = [result.bound[name] for name in returns if name in result.bound]
            if "figures" in self.sets.ambient:
                roots += [figure for _, figure in state.figures]
            table, kept, waiting = state.sender.table, [], list(result.changes)
            while True:
                # What a change that is kept puts in place belongs to it: the columns of a frame, the elements of a list.
                reached = _reached(roots + [change["content"] for change in kept], state.namespace)
                found = [change for change in waiting if returns.intersection(change["names"]) or id(table[change["number"]]) in reached]
                if not found:
                    break
                kept += found
                waiting = [change for change in waiting if not any(change is one for one in found)]
            result.changes = kept
            return result

        restoring._read = read
        try:
            yield
        finally:
            restoring._read = original

    def _file(self, name):
        return os.path.join(self.folder, name)


def _reached(values, namespace, limit=200_000):
    """Identities of what these values hold: a value that comes home brings the content of what is inside it.

    A function's globals are the session's namespace, which is not inside it.
    """
    found, waiting = {id(namespace)}, list(values)
    while waiting and len(found) < limit:
        value = waiting.pop()
        if id(value) in found or isinstance(value, (type, types.ModuleType)):
            continue
        found.add(id(value))
        waiting.extend(gc.get_referents(value))
        # Neither the blocks of a frame nor views of arrays tell the collector what they hold.
        waiting.extend([value.base] if type(value).__module__ == "numpy" and getattr(value, "base", None) is not None else ())
        if type(value).__module__ == "pandas.core.internals.managers":
            waiting.extend(value.arrays)
    return found


assert runtime_ambient.PIECES  # The table above names pieces of the runtime.
