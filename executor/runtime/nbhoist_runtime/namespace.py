"""The worker's namespace: a plain dict whose builtins ask for what is missing.

Python looks a name up in the function's globals and then in `__builtins__`; a subclass of dict there gets the chance to supply a value.
So every read of a name falls in, whoever reads it, without any price for names that are there.
"""

import builtins
import threading

from . import session


class Builtins(dict):
    """The builtins of the notebook's code; what is not in here is asked for."""

    def __init__(self, ask):
        dict.__init__(self, builtins.__dict__)
        self._ask = ask
        self._lock = threading.RLock()
        self._absent = set()

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
