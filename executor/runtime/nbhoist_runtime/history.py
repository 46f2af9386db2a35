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
    for index, source in enumerate(sources):
        for listing in inputs:
            while len(listing) < first + index:
                listing.append("")
            listing.append(source)
        number = "_i%d" % (first + index)
        _remember(space, (number,), undo)
        space[number] = source
    recent = (list(reversed(sources)) + [space.get("_i", ""), space.get("_ii", "")])[:3]
    for name, text in zip(("_i", "_ii", "_iii"), recent):
        space[name] = text
    shell.execution_count = first + len(sources)
    shift = first - count if count is not None else 0
    for number in sorted(outputs):
        _output(shell, space, number + shift, outputs[number], undo)


def _output(shell, space, number, value, undo):
    out = shell.user_ns.get("_oh")
    if isinstance(out, dict):
        undo.add(out.pop, number, None)
        out[number] = value
    _remember(space, ("_%d" % number, "_", "__", "___"), undo)
    space["_%d" % number] = value
    hook = shell.displayhook
    # A user who binds `_` keeps it, as in a live shell.
    if all(space.get(name) is getattr(hook, name, None) for name in ("_", "__", "___")):
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
