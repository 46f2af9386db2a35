"""What goes wrong, as front ends show it: a sentence, or the traceback of the place where the code ran."""


class HoistError(Exception):
    """A cell could not run elsewhere. Nothing has changed here."""

    def __init__(self, text, help=""):
        Exception.__init__(self, text)
        self.help = help

    def _render_traceback_(self):
        # The stack is nbhoist's own and says nothing about the cell.
        lines = ["%s: %s" % (type(self).__name__, self)]
        return lines + (["help: " + self.help] if self.help else [])


class _Interrupted(KeyboardInterrupt):
    """The user stopped a cell that ran elsewhere."""

    def _render_traceback_(self):
        return ["KeyboardInterrupt: the cell was stopped, and everything is as it was before it"]


# Front ends and runners know it by this name.
_Interrupted.__name__ = "KeyboardInterrupt"


def interrupted():
    """What the cell that waits raises when the user stops it."""
    return _Interrupted()


class _Remote(Exception):
    """An exception that ended a cell elsewhere; what the cell changed until then is here, as if it had run here."""

    def _render_traceback_(self):
        return self.lines


def raised(error):
    """The exception that ended a cell elsewhere, under its own name."""
    kind = type(str(error.get("ename") or "Error"), (_Remote,), {"__module__": "builtins"})
    exception = kind(error.get("evalue") or "")
    exception.lines = [str(line) for line in error.get("traceback") or ["%s: %s" % (kind.__name__, exception)]]
    return exception
