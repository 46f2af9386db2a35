"""Takes the last result that was put into the namespace out again, as long as no cell has run since."""

from . import session
from .errors import Trouble

_kept = []


def keep(undo):
    """Remember how; what was replaced stays in memory until the next cell runs."""
    drop()
    shell = session.shell()
    if shell is not None:
        _kept.append(undo)
        shell.events.register("pre_run_cell", _next_cell)


def drop(*_):
    """Forget how."""
    if _kept:
        del _kept[:]
        try:
            session.shell().events.unregister("pre_run_cell", _next_cell)
        except ValueError:
            pass  # A cell that unregisters everything has done it already.


def _next_cell(info):
    # Silent ones are requests of front ends.
    if not getattr(info, "silent", False):
        drop()


def take_back():
    """Put everything back as it was before the result came."""
    if not _kept:
        raise Trouble("conflict", "nothing can be taken back: a cell has run since, or nothing was run elsewhere")
    undo = _kept[0]
    drop()
    failed = undo.roll_back()
    if failed:
        raise failed[0]
    return {}
