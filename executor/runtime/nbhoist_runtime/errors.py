"""What can go wrong, in the words of the protocol."""

import errno
import traceback

try:
    from pickle import PicklingError
except ImportError:  # pragma: no cover
    PicklingError = Exception


class Trouble(Exception):
    """An error with a kind the client can act on, and the name and path it is about when they are known."""

    def __init__(self, kind, text, name=None, path=None, detail=None):
        Exception.__init__(self, text)
        self.kind = kind
        self.text = text
        self.name = name
        self.path = path
        self.detail = detail
        # A name that was read and is not bound on this side.
        self.missing = None

    def as_json(self):
        """The fields of the protocol's `error` object."""
        return {
            "kind": self.kind,
            "text": self.text,
            "name": self.name,
            "path": self.path,
            "detail": self.detail or "",
            "missing": self.missing,
        }


class Refused(PicklingError):
    """A value that pickles badly or not at all, so that it must stay where it is."""

    def __init__(self, value, why, remedy):
        PicklingError.__init__(self, why)
        self.value = value
        self.why = why
        self.remedy = remedy

    def sentence(self):
        """Why it cannot travel and what to do instead."""
        return self.why + ("; " + self.remedy if self.remedy else "")


def describe(error):
    """One line for an exception, also when its `__str__` raises."""
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be shown)"
    return type(error).__name__ + (": " + text if text else "")


def detail(error):
    """The traceback of an exception as text."""
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:
        return describe(error)


def missing_name(error):
    """The name that an exception, or one that led to it, says is not defined; None when it is about something else."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, NameError):
            found = getattr(error, "name", None)
            if found is None:
                parts = str(error).split("'")
                found = parts[1] if len(parts) == 3 else None
            return found
        error = error.__cause__ or error.__context__
    return None


def translate(error, kind="internal"):
    """The `Trouble` that says best what `error` is."""
    if isinstance(error, Trouble):
        return error
    if isinstance(error, Refused):
        return Trouble("pickle", error.sentence(), detail=detail(error))
    if isinstance(error, MemoryError):
        text = "not enough memory here to hold the bundle; free some variables or move a smaller block"
        return Trouble("memory", text, detail=detail(error))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = " (" + str(error.filename) + ")" if error.filename else ""
        return Trouble("disk", "no space left on the disk while writing the bundle" + where, detail=detail(error))
    if isinstance(error, RecursionError):
        text = "a value is nested too deeply to be packed (a very long chain of objects)"
        return Trouble("pickle", text, detail=detail(error))
    trouble = Trouble(kind, describe(error), detail=detail(error))
    trouble.missing = missing_name(error)
    return trouble
