"""What the kernel's side and the worker's side have in common: the objects both have before anything is sent."""

import builtins
import sys
import types


def shell():
    """The IPython shell of this process, or None."""
    core = sys.modules.get("IPython.core.getipython") or sys.modules.get("IPython")
    try:
        return core.get_ipython() if core is not None else None
    except Exception:
        return None


def namespace():
    """The namespace that cells run in."""
    found = shell()
    return found.user_ns if found is not None else sys.modules["__main__"].__dict__


def seeds(space):
    """The objects that are never sent, in an order that both sides keep."""
    found = shell()
    module = sys.modules.get("__main__")
    if found is not None and getattr(found, "user_module", None) is not None:
        module = found.user_module
    things = [
        space,
        module if module is not None else object(),
        found if found is not None else object(),
        space.get("In") if isinstance(space.get("In"), list) else object(),
        space.get("Out") if isinstance(space.get("Out"), dict) else object(),
        builtins,
        space.get("__builtins__") if isinstance(space.get("__builtins__"), dict) else object(),
    ]
    seen = set()
    for index, thing in enumerate(things):
        if id(thing) in seen:
            things[index] = object()
        seen.add(id(things[index]))
    return things


# Names that IPython puts into the namespace.
SHELL_NAMES = {
    "In", "Out", "get_ipython", "exit", "quit", "open", "_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh", "_sh",
    "_exit_code",
}


def is_shell_name(name, value=None, space=None):
    """Whether a name of the namespace is the shell's doing and not the user's."""
    if name.startswith("__") and name.endswith("__"):
        return True
    if name in ("exit", "quit", "open", "get_ipython") and value is not None:
        module = str(getattr(type(value), "__module__", "")) + str(getattr(value, "__module__", ""))
        return name == "get_ipython" or module.startswith(("IPython", "ipykernel", "_sitebuiltins", "ioio", "io", "_io"))
    if name in SHELL_NAMES:
        return True
    return name.startswith("_") and (name[1:].isdigit() or (name[1:2] == "i" and name[2:].isdigit()))


def user_names(space):
    """The names the user bound, in order, with their values."""
    return {
        name: value
        for name, value in list(space.items())
        if isinstance(name, str) and not is_shell_name(name, value)
    }


def module_name(value):
    """The full name under which a module can be imported, or None when `value` is not an importable module."""
    if isinstance(value, types.ModuleType):
        name = getattr(value, "__name__", None)
        if isinstance(name, str) and name != "__main__" and sys.modules.get(name) is value:
            return name
    return None
