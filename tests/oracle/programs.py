"""Random programs, cut into cells, that mix everything that makes it hard to say what a block needs and what it changes.

A program is put together from the templates of `templates.py`. Every cell is run while it is generated: one that raises is thrown away,
so that only programs that run come out.
"""

import contextlib
import io
import os
import random
import re
import tempfile

from . import templates
from .notebooks import Notebook, write

_HOLE = re.compile(r"\{(\w+?)(\d?)\}")
_NAMES = tuple("abcdefghkmnpqrstuvwxyz") + ("data", "rows", "acc", "cfg", "item", "total", "cache", "left", "right", "view", "table", "node", "state")


def notebooks(folder, seed, count):
    """`count` programs as notebooks in `folder`; those that are there already are not written again."""
    found = []
    for number in range(count):
        path = folder / templates.VERSION / ("program-%d-%04d.ipynb" % (seed, number))
        if not path.exists():
            write(path, Program(random.Random("%s %s" % (seed, number))).cells)
        found.append(Notebook("generated/%s" % path.name, path, None, "generated"))
    return found


class Program:
    """One program; `cells` are its sources."""

    def __init__(self, luck):
        self._luck = luck
        self._kinds = {}
        self._serial = 0
        self.cells = [templates.START]
        self._space = self._replay()
        wanted = luck.randint(7, 13)
        self._grow(lambda: self._cell(templates.MAKE, 5))
        while len(self.cells) < wanted:
            self._grow(lambda: self._cell(None, luck.randint(1, 5)))
        self._grow(self._last)

    def _grow(self, make):
        """Add a cell that runs."""
        for _ in range(40):
            kinds = dict(self._kinds)
            source = make()
            if _runs(source, self._space):
                self.cells.append(source)
                return
            self._kinds = kinds
            self._space = self._replay()

    def _replay(self):
        space = {"__name__": "__main__"}
        for source in self.cells:
            _runs(source, space)
        return space

    def _cell(self, table, count):
        parts = []
        while len(parts) < count:
            part = self._statement(table or self._luck.choice(templates.TABLES))
            if part is not None:
                parts.append(part)
        if self._luck.random() < 0.5:
            parts.append(self._look())
        return "\n".join(parts)

    def _look(self):
        names = self._luck.sample(sorted(self._kinds), min(3, len(self._kinds)))
        shown = ", ".join(templates.SHOW.get(self._kinds[name], "{}").format(name) for name in names)
        return "print(%s)" % shown if self._luck.random() < 0.7 else "(%s,)" % shown

    def _last(self):
        lines = ["print(%r, %s)" % (name, templates.SHOW.get(kind, "{}").format(name)) for name, kind in sorted(self._kinds.items())]
        return "\n".join(lines)

    def _statement(self, table):
        """One template filled in, or None when there is nothing to fill its holes with."""
        text, gives = self._luck.choice(table)
        chosen, fresh, gone = {}, [], []
        for kind, number in _HOLE.findall(text):
            key = kind + number
            if key in chosen:
                continue
            if kind == "new":
                chosen[key] = self._new_name(fresh)
                fresh.append(chosen[key])
            elif kind == "i":
                chosen[key] = None
            elif kind == "cls":
                self._serial += 1
                chosen[key] = "Kind%d" % self._serial
            else:
                pool = sorted(name for name, known in self._kinds.items() if known == kind[0] and name not in chosen.values())
                if not pool:
                    return None
                chosen[key] = self._luck.choice(pool)
                if kind.endswith("gone"):
                    gone.append(chosen[key])
        filled = _HOLE.sub(lambda hole: chosen[hole[1] + hole[2]] or str(self._luck.randint(1, 9)), text)
        for name in gone:
            self._kinds.pop(name, None)
        for name, kind in zip(fresh, gives):
            self._kinds[name] = kind
        return filled

    def _new_name(self, taken):
        pool = [name for name in _NAMES if name not in taken]
        unused = [name for name in pool if name not in self._kinds]
        return self._luck.choice(unused if unused and self._luck.random() < 0.75 else pool)


def _runs(source, space):
    """Whether a cell runs; what it prints and where it goes is of no interest."""
    here = os.getcwd()
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        os.chdir(folder)
        try:
            exec(compile(source, "<cell>", "exec"), space)
            return True
        except Exception:
            return False
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(kept)
