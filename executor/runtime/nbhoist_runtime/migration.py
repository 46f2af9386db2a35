"""The kernel's side of one migration: what was sent, how it looked, what names were bound to."""

import re
import sys
import types

from . import apply, culprit, session
from .bundle import PackError, Receiver, Sender
from .errors import Trouble
from .tracking import Tracker
from .undo import UndoLog


class Migration:
    """Lives from the first capture to `release`."""

    def __init__(self, name):
        self.name = name
        self.namespace = session.namespace()
        self._seeds = session.seeds(self.namespace)
        self.sender = Sender(self._seeds)
        self.tracker = Tracker(self._seeds, with_arrays=False)
        self.bindings = {}
        self.captured = {}
        self.figures = []
        self.arriving = None
        self.stay = None
        self.place = None

    def pack(self, names, opened=()):
        """Pack the values of `names`, which are all bound, and open figures; raises `Trouble` that names the culprit."""
        values = {name: self.namespace[name] for name in names}
        first = len(self.sender.table)
        try:
            packed = self.sender.pack(list(values.items()) + [(("figure", number), figure) for number, figure in opened])
        except PackError as failure:
            if isinstance(failure.label, tuple):
                raise culprit.explain("figure %s" % failure.label[1], dict(opened)[failure.label[1]], failure)
            raise culprit.explain(failure.label, values[failure.label], failure)
        self.tracker.add(first, self.sender.table, self.sender.shared)
        self.captured.update(values)
        self.bindings.update(values)
        return packed

    def remember_bindings(self):
        """What every name of the user is bound to now, to see later which ones somebody else rebound."""
        self.bindings = session.user_names(self.namespace)

    def receive(self, buffers):
        """Unpack what the worker sent back."""
        receiver = Receiver(self._seeds, self.sender.pickler.arrays.sent)
        receiver.continue_from(self.sender.table)
        lent = UndoLog()

        def lend(label, value):
            """What rebuilds a value may use what the block made or changed; until the result is taken over it is only lent."""
            section, name = label
            if section == "name" and isinstance(value, (types.FunctionType, type)):
                put_name(self.namespace, name, value, lent)
            elif section == "change":
                apply.lend(self.sender.table[value["number"]], value["content"], lent)

        try:
            return receiver.load(buffers, lend)
        finally:
            failed = lent.roll_back()
            if failed:
                raise failed[0]


def put_name(space, name, value, undo):
    """Bind a name, so that it can be undone."""
    if name in space:
        undo.add(space.__setitem__, name, space[name])
    else:
        undo.add(space.pop, name, None)
    space[name] = value


def split(names, space):
    """`names` as `(values to pack, imports {name: module}, absent)`."""
    values, imports, absent = [], {}, []
    for name in names:
        if name not in space:
            absent.append(name)
        elif session.module_name(space[name]) is not None:
            imports[name] = session.module_name(space[name])
        else:
            values.append(name)
    # What rebuilds a value may be a function or class of the notebook, which then has to be there already.
    values.sort(key=lambda name: not isinstance(space[name], (types.FunctionType, type)))
    return values, imports, absent


def import_lines(imports, space):
    """Import statements that bind the modules of `imports` to their names, submodules that cells named included."""
    lines = []
    for name, module in imports.items():
        lines.append("import %s" % module if name == module else "import %s as %s" % (module, name))
        if name == module:
            lines.extend("import " + dotted for dotted in _dotted(name, space))
    return lines


def _dotted(name, space):
    """Submodules of package `name` that cells imported by their full name."""
    history = space.get("_ih") if isinstance(space.get("_ih"), list) else []
    pattern = re.compile(r"^\s*import\s+([\w., \t]+)$", re.MULTILINE)
    found = []
    for source in history:
        for line in pattern.findall(source if isinstance(source, str) else ""):
            for part in line.split(","):
                dotted = part.strip()
                if dotted.startswith(name + ".") and " " not in dotted and dotted in sys.modules and dotted not in found:
                    found.append(dotted)
    return found


def require(migrations, name):
    """The migration of this name; raises `Trouble` when there is none."""
    if name not in migrations:
        raise Trouble("internal", "the kernel knows no migration %r; capture comes first" % (name,))
    return migrations[name]
