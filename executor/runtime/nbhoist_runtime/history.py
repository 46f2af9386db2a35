"""IPython's memory of what ran: `In`, `Out`, `_`, the execution count."""

import linecache


def advance(shell, space, count, sources, outputs, undo):
    """Enter the cells that ran elsewhere as if they had run here."""
    if shell is None or not sources:
        return
    undo.add(setattr, shell, "execution_count", shell.execution_count)
    first = shell.execution_count if count is None else max(count, shell.execution_count)
    manager = shell.history_manager
    inputs = [listing for listing in (manager.input_hist_parsed, manager.input_hist_raw) if isinstance(listing, list)]
    for listing in inputs:
        undo.add(_truncate, listing, len(listing))
    _remember(space, ("_i", "_ii", "_iii"), undo)
    for name in ("_i00", "_i", "_ii", "_iii"):
        undo.add(setattr, manager, name, getattr(manager, name, ""))
    for index, source in enumerate(sources):
        for listing in inputs:
            while len(listing) < first + index:
                listing.append("")
            listing.append(source)
        number = "_i%d" % (first + index)
        _remember(space, (number,), undo)
        space[number] = source
        manager._iii, manager._ii, manager._i, manager._i00 = manager._ii, manager._i, manager._i00, source
    space.update({"_i": manager._i, "_ii": manager._ii, "_iii": manager._iii})
    shell.execution_count = first + len(sources)
    _cache_sources(shell, first, sources)
    shift = first - count if count is not None else 0
    for number in sorted(outputs):
        _output(shell, space, number + shift, outputs[number], undo)


def complete(shell, space, count, sources, outputs, undo):
    """Give the cell that is running here the results of its run elsewhere; the shell entered it when it began."""
    if shell is None or count is None:
        return
    _cache_sources(shell, count, sources)
    for number in sorted(outputs):
        _output(shell, space, number, outputs[number], undo)


def _cache_sources(shell, first, sources):
    """Functions that the cells defined came back with the file names of their cells: let tracebacks find them."""
    for number, source in enumerate(sources, first):
        try:
            shell.compile.cache(shell.transform_cell(source), number, raw_code=source)
        except Exception:
            continue  # A cell that cannot be transformed defined nothing.


def _output(shell, space, number, value, undo):
    out = shell.user_ns.get("_oh")
    if isinstance(out, dict):
        undo.add(out.pop, number, None)
        out[number] = value
    _remember(space, ("_%d" % number, "_", "__", "___"), undo)
    space["_%d" % number] = value
    hook = shell.displayhook
    # A user who binds `_` keeps it, as in a live shell.
    if all(name not in space or space[name] is getattr(hook, name, None) for name in ("_", "__", "___")):
        for name in ("_", "__", "___"):
            undo.add(setattr, hook, name, getattr(hook, name))
        hook.___, hook.__, hook._ = hook.__, hook._, value
        space.update({"_": hook._, "__": hook.__, "___": hook.___})


def _remember(space, names, undo):
    for name in names:
        if name in space:
            undo.add(space.__setitem__, name, space[name])
        else:
            undo.add(space.pop, name, None)


def _truncate(listing, length):
    del listing[length:]


def add_sources(shell, sources):
    """Make the sources of cells known by the file names of their code, so that tracebacks can show them."""
    for name, entry in sources.items():
        if name not in linecache.cache:
            text = entry["text"]
            linecache.cache[name] = (len(text), None, [line + "\n" for line in text.split("\n")], name)
            names = getattr(getattr(shell, "compile", None), "_filename_map", None)
            if names is not None and entry.get("count") is not None:
                names[name] = entry["count"]
