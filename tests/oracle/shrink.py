"""Makes a failing program small: takes statements away as long as the block still fails in the same way."""

import ast
import pathlib
import shutil
import tempfile

from . import campaign, notebooks


def shrink(sources, start, length, options, mode="static"):
    """The smallest `(before, block, after)` found, as texts, or None when the failure does not show again."""
    scratch = tempfile.mkdtemp(prefix="shrink-")
    lab = _Lab(scratch, options, mode)
    try:
        parts = ["\n".join(sources[:start]), "\n".join(sources[start : start + length]), "\n".join(sources[start + length :])]
        wanted = lab.outcome(parts)
        if wanted not in ("silent", "loud", "failure"):
            return None
        changed = True
        while changed:
            changed = False
            for index in (2, 0, 1):
                for smaller in _without_one(parts[index]):
                    trial = parts[:index] + [smaller] + parts[index + 1 :]
                    if lab.outcome(trial) == wanted:
                        parts, changed = trial, True
                        break
                if changed:
                    break
        return parts, wanted
    finally:
        lab.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _without_one(source):
    """The source without halves, then without single statements, the inner ones too."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    count = len(tree.body)
    if count > 3:
        for half in (tree.body[: count // 2], tree.body[count // 2 :]):
            yield ast.unparse(ast.Module(half, []))
    for index in reversed(range(count)):
        yield ast.unparse(ast.Module(tree.body[:index] + tree.body[index + 1 :], []))
    for index, statement in enumerate(tree.body):
        inner = getattr(statement, "body", None)
        if isinstance(inner, list) and inner:
            yield ast.unparse(ast.Module(tree.body[:index] + inner + tree.body[index + 1 :], []))
            for place in range(len(inner)) if len(inner) > 1 else ():
                statement.body = inner[:place] + inner[place + 1 :]
                yield ast.unparse(tree)
                statement.body = inner


class _Lab:
    def __init__(self, scratch, options, mode):
        self._scratch, self._mode = scratch, mode
        self._zygote = campaign.Zygote(scratch)
        self._options = options
        self._known, self._count = {}, 0

    def close(self):
        self._zygote.close()

    def outcome(self, parts):
        key = tuple(parts)
        if key not in self._known:
            self._known[key] = self._try(parts)
        return self._known[key]

    def _try(self, parts):
        cells = [part for part in parts if part.strip()]
        if not parts[1].strip():
            return None
        start = 1 if parts[0].strip() else 0
        self._count += 1
        path = pathlib.Path(self._scratch) / ("trial-%d.ipynb" % self._count)
        notebooks.write(path, cells)
        book = notebooks.Notebook(path.name, path, None, "generated")
        reference = campaign.survey(book, self._zygote, self._scratch, times=1)
        if "error" in reference or any(cell["failed"] for cell in reference["cells"]):
            return None
        planner = campaign.Planner(self._options.plans)
        plan = planner.plan(book, [start + 1])
        planner.close()
        if plan.get("refusal") or plan.get("error"):
            return "refusal"
        test = {
            "key": {}, "length": 1, "mode": self._mode, "sets": plan, "fresh": False, "rest": True, "measure": False, "drop": False, "timeout": 20,
        }
        results = []
        campaign.run_book(book, reference, {start: [test]}, self._zygote, self._scratch, results.append)
        return results[0]["class"] if results else None
