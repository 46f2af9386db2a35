"""The figures that pyplot keeps open between cells: which of them travel with a block, and how they join pyplot's list again."""

import re
import sys
import types

from . import probing

# A figure that takes more than this, bytes, stays where it is.
LIMIT = 64 << 20

# Packages whose functions and objects draw only by methods with a telling name.
_NEVER_DRAW = {
    "builtins", "collections", "datetime", "decimal", "functools", "glob", "io", "itertools", "json", "math", "numpy", "operator", "os",
    "pandas", "pathlib", "random", "re", "scipy", "string", "sys", "time", "torch", "types", "typing",
}
_TELLING = re.compile(r"plot|hist|fig|show|draw|plt|pylab|seaborn|sns|import|exec|eval|run|globals|locals|vars|get_ipython", re.IGNORECASE)
_MAGIC = re.compile(r"^\s*[%!]", re.MULTILINE)


def opened():
    """pyplot's `(number, figure)` pairs, the current one last; empty when pyplot is not in use."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    managers = getattr(getattr(helpers, "Gcf", None), "figs", None) or {}
    return [(number, manager.canvas.figure) for number, manager in list(managers.items())]


def to_send(space, sources):
    """`(pairs, notes)`: the open figures to carry for a block with these sources (None when they are not known)."""
    pairs = opened()
    if not pairs or (sources is not None and not may_draw("\n".join(sources), space)):
        return [], []
    return _that_travel(pairs, space, "the open figure %s stays behind: %s")


def to_return(space, arrived):
    """`(pairs, notes)`: the open figures to carry home; those that `arrived` as such pairs need no room."""
    pairs, known = opened(), {id(figure) for _, figure in arrived}
    fresh = [pair for pair in pairs if id(pair[1]) not in known]
    found, notes = _that_travel(fresh, space, "figure %s, which the block left open, could not come back: %s") if fresh else ([], [])
    travel = known | {id(figure) for _, figure in found}
    return [pair for pair in pairs if id(pair[1]) in travel], notes


def _that_travel(pairs, space, sentence):
    found, notes = [], []
    weights = probing.weigh(space, [("figure %s" % number, figure) for number, figure in pairs])
    for (number, figure), (size, trouble) in zip(pairs, weights):
        if trouble is not None:
            notes.append(sentence % (number, trouble.text))
        elif size > LIMIT:
            notes.append(sentence % (number, "it takes %d MiB, more than the %d MiB allowed" % (size >> 20, LIMIT >> 20)))
        else:
            found.append((number, figure))
    return found, notes


def may_draw(source, space):
    """Whether code may come to use pyplot's figures; True unless every name in it is known not to."""
    if _MAGIC.search(source):
        return True
    for word in set(re.findall(r"[^\W\d]\w*", source)):
        if _TELLING.search(word) or (word in space and not _never_draws(space[word])):
            return True
    return False


def _never_draws(value):
    if isinstance(value, types.ModuleType):
        name = value.__name__
    elif isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        name = getattr(value, "__module__", None) or "builtins"
    else:
        name = type(value).__module__
    return str(name).split(".")[0] in _NEVER_DRAW


def adopt(pairs):
    """Make pyplot's list of open figures what `pairs` says, as far as these figures go; the last becomes the current one.

    Returns `{number: the number it got instead}` for numbers that other figures have.
    """
    from matplotlib import _pylab_helpers

    managers, given = _pylab_helpers.Gcf.figs, {}
    wanted = {id(figure) for _, figure in pairs}
    own = {id(manager.canvas.figure): manager for manager in managers.values() if id(manager.canvas.figure) in wanted}
    for manager in own.values():
        del managers[manager.num]
    reserved = {number for number, _ in pairs}
    for number, figure in pairs:
        place = number
        if number in managers:
            place = max([known for known in reserved | set(managers) if isinstance(known, int)], default=0) + 1
            given[number] = place
        manager = own.get(id(figure)) or _new_manager(place, figure)
        manager.num = place
        _pylab_helpers.Gcf._set_new_active_manager(manager)
    return given


def _new_manager(number, figure):
    import matplotlib.pyplot as plt

    backend = plt._get_backend_mod() if hasattr(plt, "_get_backend_mod") else plt._backend_mod
    show = getattr(backend, "show", None)
    waiting = getattr(show, "_to_draw", None)
    # The inline backend would show every figure it is given at the end of the cell.
    before = (list(waiting), show._draw_called) if isinstance(waiting, list) else None
    manager = backend.new_figure_manager_given_figure(number, figure)
    if before is not None:
        show._to_draw, show._draw_called = before
    return manager


def synchronize(sent, left, came, undo):
    """At home: close what the block closed, open what it opened, and make current what it left current; returns notes.

    `sent` and `came` are `(number, figure)` pairs, figures that were sent being the same objects in both; `left` are the numbers of
    all figures that the block left open, those that could not come back included.
    """
    if [(number, id(figure)) for number, figure in sent] == [(number, id(figure)) for number, figure in came]:
        return []
    from matplotlib import _pylab_helpers

    managers = _pylab_helpers.Gcf.figs
    undo.add(_put_back, managers, [(manager.num, manager) for manager in managers.values()])
    for _, figure in came:
        undo.add(_put_attributes, figure, figure.canvas, getattr(figure, "_number", None))
    old = {id(figure) for _, figure in sent}
    here = {id(manager.canvas.figure) for manager in managers.values()}
    for number, figure in sent:
        if number not in left:
            _pylab_helpers.Gcf.destroy_fig(figure)
    # A figure that was closed here meanwhile stays closed.
    given = adopt([(number, figure) for number, figure in came if id(figure) in here or id(figure) not in old])
    return ["figure %s of the block is number %s here, because another figure has its number" % pair for pair in given.items()]


def _put_back(managers, pairs):
    managers.clear()
    for number, manager in pairs:
        manager.num = number
        managers[number] = manager


def _put_attributes(figure, canvas, number):
    figure.canvas = canvas
    figure._number = number
