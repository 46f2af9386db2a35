"""The magics `%hoist` and `%%hoist`, and the hooks of the automatic mode."""

import ast
import os
import time

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class

from nbhoist_runtime import away, kernel, session

from . import show
from .errors import HoistError, raised
from .partner import Partner, folder

MODES = ("off", "suggest", "auto")

# Names of a cell that ran shorter than this are not weighed, seconds; what made them is made again as fast.
WORTH_WEIGHING = 0.05

# Seconds that weighing may take after a cell.
WEIGHING = 0.1


@magics_class
class HoistMagics(Magics):
    """Kept for as long as the extension is loaded."""

    def __init__(self, shell):
        Magics.__init__(self, shell)
        self._mode = "off"
        self._partner = None
        self._told = 0
        # Cells that ran before the extension was loaded; the last one is loading it.
        earlier = shell.history_manager.input_hist_raw[1:-1]
        self._runs = [{"op": "ran", "source": _plain(source)} for source in earlier if source.strip()]
        self._running = None
        self._pending = None

    @line_cell_magic
    def hoist(self, line, cell=None):
        """Run a cell elsewhere, or choose how nbhoist does it by itself.

        %%hoist            run this cell elsewhere and put its results back
        %%hoist PLACE      at this place; `%hoist status` lists them
        %%hoist plan       explain where this cell would run, and do not run it
        %hoist auto        from now on, move cells that are faster elsewhere, all overheads counted
        %hoist suggest     say so instead of moving them
        %hoist off         neither
        %hoist plan        explain where the heavy cells and the last one would run, with numbers
        %hoist status      what is set, which places there are, what has moved
        """
        words = line.split()
        if len(words) > 1:
            raise UsageError("%hoist takes one word; `%hoist?` lists them")
        word = words[0] if words else ""
        if cell is None:
            return self._line(word)
        if word == "plan":
            return self._print(self._ask({"op": "plan", "source": cell}))
        if not cell.strip():
            return None
        return self._move(cell, None if word in ("", "auto") else word)

    def _line(self, word):
        if word in MODES:
            self._set(word)
        elif word == "plan":
            self._print(self._ask({"op": "plan"}))
        elif word == "status":
            print("mode: %s" % self._mode)
            self._print(self._ask({"op": "status"}))
        else:
            raise UsageError("%%hoist %s is not known; use auto, suggest, off, plan or status, or put %%%%hoist on top of a cell" % word)

    def _set(self, mode):
        if mode != "off":
            self._ready()
        self._mode = mode

    def _move(self, source, place):
        if self._running is not None:
            self._running["moved"] = True
        count = self._count()
        answer = self._ask({"op": "hoist", "source": source, "place": place, "cell": self._cell_id()}, count)
        if answer.get("error"):
            raise raised(answer["error"])

    # What happens around each cell.

    def before(self, info):
        """IPython is about to run a cell."""
        if not getattr(info, "store_history", False):
            return
        raw = info.raw_cell or ""
        self._running = {"source": _plain(raw), "cell": getattr(info, "cell_id", None), "started": time.monotonic(), "moved": False}
        if self._mode != "off":
            self._running["before"] = {name: id(value) for name, value in session.user_names(self.shell.user_ns).items()}
            if not raw.lstrip().startswith(("%", "!")) and not raw.rstrip().endswith("?"):
                self._pending = raw

    def after(self, result):
        """A cell has ended."""
        running, self._running, self._pending = self._running, None, None
        if running is None or running["moved"]:
            return
        seconds = time.monotonic() - running["started"]
        run = {"op": "ran", "source": running["source"], "cell": running["cell"], "seconds": seconds, "ok": bool(result.success)}
        run["came"] = [one["name"] for one in away.came()]
        if "before" in running and seconds >= WORTH_WEIGHING:
            run["sizes"] = self._weigh(running["before"])
        self._runs.append(run)
        if self._partner is not None and self._partner.alive():
            self._catch_up()

    def visit(self, node):
        """IPython has parsed what it is about to run; in its place comes a call that runs it elsewhere, where that is better."""
        source, self._pending = self._pending, None
        if source is None or not isinstance(node, ast.Module):
            return node
        try:
            answer = self._ask({"op": "decide", "source": source, "cell": self._cell_id()})
        except (HoistError, UsageError) as error:
            show.note("this cell stays here: %s" % error)
            return node
        if not answer.get("place"):
            return node
        if self._mode == "suggest":
            show.note("%s; `%%%%hoist %s` on top moves the cell" % (answer["text"], answer["place"]))
            return node
        show.note("on `%s`: %s" % (answer["place"], answer["text"]))
        self._choice = (source, answer["place"])
        return away.moves(ast.parse("get_ipython().magics_manager.registry['HoistMagics'].chosen()"))

    def chosen(self):
        """Run the cell that was chosen to run elsewhere; called in its place."""
        source, place = self._choice
        try:
            self._move(source, place)
        except HoistError as error:
            error.help = error.help or "`%hoist off` keeps cells here"
            raise

    # The partner.

    def _ready(self):
        if self._partner is None or not self._partner.alive():
            self._partner = Partner(folder(), _notebook(self.shell.user_ns))
            self._told = 0
        self._catch_up()
        return self._partner

    def _catch_up(self):
        for run in self._runs[self._told :]:
            self._partner.tell(run)
        self._told = len(self._runs)

    def _ask(self, header, count=None):
        try:
            return self._ready().ask(header, lambda frame: show.show(self.shell, frame), count)
        except HoistError as error:
            if getattr(error, "usage", False):
                raise UsageError("; ".join(part for part in (str(error), error.help) if part))
            raise

    def _count(self):
        """The number of the cell that is running."""
        result = getattr(self.shell.displayhook, "exec_result", None)
        count = getattr(result, "execution_count", None)
        return count if count is not None else self.shell.execution_count

    def _cell_id(self):
        return self._running["cell"] if self._running is not None else None

    def _weigh(self, before):
        import json

        names = [name for name, value in session.user_names(self.shell.user_ns).items() if before.get(name) != id(value)]
        found = json.loads(kernel.measure(json.dumps({"names": names, "seconds": WEIGHING})))
        return found.get("sizes") or {}

    @staticmethod
    def _print(answer):
        print(answer.get("text") or "")


def _plain(raw):
    """A cell without the line of this magic, which keeps its place."""
    return "\n" + raw.split("\n", 1)[1] if raw.startswith("%%hoist") and "\n" in raw else raw


def _notebook(space):
    """The notebook's file, where the front end tells it: Jupyter Server, VS Code."""
    path = space.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    return path if isinstance(path, str) and os.path.isfile(path) else None


def load(shell):
    """`%load_ext nbhoist`."""
    magics = HoistMagics(shell)
    shell.register_magics(magics)
    shell.events.register("pre_run_cell", magics.before)
    shell.events.register("post_run_cell", magics.after)
    shell.ast_transformers.append(magics)


def unload(shell):
    """`%unload_ext nbhoist`."""
    magics = shell.magics_manager.registry.pop("HoistMagics", None)
    if magics is None:
        return
    shell.events.unregister("pre_run_cell", magics.before)
    shell.events.unregister("post_run_cell", magics.after)
    shell.ast_transformers[:] = [one for one in shell.ast_transformers if one is not magics]
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("hoist", None)
    if magics._partner is not None:
        magics._partner.close()
