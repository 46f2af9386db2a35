"""The worker's namespace: a plain dict whose builtins ask for what is missing.

Python looks a name up in the function's globals and then in `__builtins__`; a subclass of dict there gets the chance to supply a value.
So every read of a name falls in, whoever reads it. But Python reads the builtins of code with such a subclass slowly, so code runs with
the real builtins as long as none of the code seen reads a name that only the kernel has.
"""

import builtins
import dis
import sys
import threading
import types

from . import session

# A function keeps the builtins it was made with; before 3.10 every call looks them up anew.
_KEPT = hasattr(types.FunctionType, "__builtins__")

# Instructions that take a name but do not read a variable of this name.
_OTHER = {
    "LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR", "LOAD_SUPER_ATTR", "IMPORT_NAME", "IMPORT_FROM", "STORE_NAME", "STORE_GLOBAL",
}


class Builtins(dict):
    """The builtins of the notebook's code; what is not in here is asked for."""

    def __init__(self, ask, space):
        dict.__init__(self, builtins.__dict__)
        self._ask = ask
        self._space = space
        self._lock = threading.RLock()
        self._absent = set()
        self._elsewhere = None
        self._reads = set()
        self._listening = False
        # Names that arrive together with what is being loaded.
        self.arriving = ()

    def refresh(self):
        """Follow changes of the real builtins, and ask anew for names that were absent."""
        for name in [name for name in self if name not in builtins.__dict__]:
            del self[name]
        self.update(builtins.__dict__)
        self._absent.clear()

    def __missing__(self, name):
        if name in builtins.__dict__:
            return builtins.__dict__[name]
        if not isinstance(name, str) or session.is_shell_name(name, None) or name in self._absent:
            raise KeyError(name)
        with self._lock:
            found = self._ask(name)
            if not found:
                self._absent.add(name)
                raise KeyError(name)
            return found[0]

    def expect(self, names):
        """Know the names that the kernel has; without them every name may be one of its."""
        self._elsewhere = None if names is None else set(names)

    def before(self, code):
        """Choose the builtins of a statement that is about to run, and of the functions it makes."""
        quick = _KEPT and self._elsewhere is not None and not self._missing(code, ())
        if quick and not self._listening:
            self._listening = True
            sys.addaudithook(self._hear)
        self._space["__builtins__"] = builtins if quick else self

    def after(self):
        """Back to asking, for what runs between cells."""
        self._space["__builtins__"] = self

    def of_function(self, code):
        """The builtins for a function that arrives from the kernel."""
        quick = _KEPT and self._elsewhere is not None and not self._missing(code, self.arriving)
        return builtins if quick else self

    def _missing(self, code, arriving):
        """Whether this code, or any seen before, reads a name that only the kernel has."""
        # A name that was here once and was removed since is not looked for in the kernel.
        self._elsewhere.difference_update(self._space)
        self._reads |= _reads(code, self._elsewhere)
        return not self._reads.isdisjoint(self._elsewhere.difference(arriving))

    def _hear(self, event, arguments):
        """Code made from text is met when it is executed: `exec`, `eval`, `%time`, whoever calls them."""
        if event != "exec" or self._space.get("__builtins__") is not builtins:
            return
        code = arguments[0] if arguments else None
        # The code of modules has namespaces of its own.
        if isinstance(code, types.CodeType) and sys._getframe(1).f_globals.get("__name__") != "importlib._bootstrap":
            if self._missing(code, ()):
                self._space["__builtins__"] = self


def _reads(code, names):
    """Those of some names that are read as global variables in some code and the code inside it."""
    found, stack = set(), [code]
    while stack:
        item = stack.pop()
        stack.extend(constant for constant in item.co_consts if isinstance(constant, types.CodeType))
        if not names.isdisjoint(item.co_names):
            found.update(
                instruction.argval
                for instruction in dis.get_instructions(item)
                if instruction.opcode in dis.hasname and instruction.argval in names and instruction.opname not in _OTHER
            )
    return found
