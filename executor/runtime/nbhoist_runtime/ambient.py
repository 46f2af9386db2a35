"""What code relies on outside its names: directory, environment, random generators, library options, the shell's settings.

Each piece is captured in the kernel if its library is in use there, applied in the worker when the library is imported, and brought back
when the block changed it.
"""

import base64
import decimal
import functools
import importlib
import linecache
import locale
import logging
import os
import pickle
import random
import sys
import warnings

from . import cellnames, library_state, session
from .errors import describe

# Variables that are about a process, not about the session.
_PROCESS_VARIABLES = ("JPY_", "PYDEVD", "IPYKERNEL_CELL_NAME", "_", "PWD", "OLDPWD", "SHLVL")


def capture(files=()):
    """The ambient state of this process as a JSON object; `files` are file names of code that travels."""
    state = {"environment": environment(), "shell": _shell(), "sources": _sources(files), "pieces": {}}
    for name, piece in PIECES.items():
        value = _get(piece)
        if value is not None:
            state["pieces"][name] = _encode(value)
    return state


_marks = {}


def apply(state):
    """Bring this process into a captured state; returns notes on what could not be done."""
    notes = list(state.get("notes") or ())
    apply_environment(state.get("environment") or {})
    texts = state.get("pieces") or {}
    # In the order of the table: a backend has settings of its own, for instance, which the user's own replace.
    for name, piece in PIECES.items():
        if name not in texts:
            continue
        try:
            value = _decode(texts[name])
        except Exception as error:
            notes.append("%s: %s" % (name, error))
            continue
        _when_loaded(piece, name, value, notes)
    return notes


def apply_environment(variables):
    """Set and unset environment variables as `environment` says."""
    os.environ.update(variables.get("set") or {})
    for name in variables.get("unset") or ():
        os.environ.pop(name, None)


def apply_libraries(state, space):
    """Bring what libraries keep of their own into a captured state; to be done last, because loading values may add to it."""
    library_state.apply(state.get("libraries"), space, _after_import)


def mark(space):
    """Remember the state before the first cell runs."""
    # Looking at options changes filters, and then no warning would seem to have been shown.
    with library_state.warnings_kept(space):
        _mark()
    library_state.mark(space)


def _mark():
    _marks.clear()
    _marks["environment"] = dict(os.environ)
    _marks["directory"] = _directory()
    _marks["path"] = list(sys.path)
    _marks["pieces"] = {}
    for name, piece in PIECES.items():
        _mark_piece(name, piece)
        if piece.module not in sys.modules:
            # What importing the library sets is not the block's doing, what the block sets after that is.
            _after_import(piece.module, functools.partial(_mark_piece, name, piece))


def _mark_piece(name, piece):
    _marks["pieces"][name] = _encode_or_none(_get(piece))


def changes(space):
    """What the cells changed, as a JSON object."""
    if not _marks:
        return {}
    with library_state.warnings_kept(space):
        plain = _changes()
    libraries = library_state.changes(space)
    if libraries:
        plain["libraries"] = libraries
    return plain


def _changes():
    before, now = _marks["environment"], dict(os.environ)
    plain = {}
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    gone = [name for name in before if name not in now]
    if changed or gone:
        plain["environment"] = {"set": changed, "unset": gone}
    if _directory() != _marks["directory"]:
        plain["directory"] = _directory()
    added = [entry for entry in sys.path if entry not in _marks["path"]]
    if added:
        plain["path"] = added
    pieces = {}
    for name, piece in PIECES.items():
        text = _encode_or_none(_get(piece))
        if text is not None and text != _marks["pieces"].get(name) and _touched(name, piece):
            pieces[name] = text
    if pieces:
        plain["pieces"] = pieces
    return plain


def restore(plain, undo):
    """Apply at home what the cells changed; returns notes on what could not be done, which is no reason to lose results."""
    plain = plain or {}
    notes = list(plain.get("notes") or ())
    variables = plain.get("environment") or {}
    for name in list(variables.get("set") or {}) + list(variables.get("unset") or ()):
        undo.add(_put_variable, name, os.environ.get(name))
    apply_environment(variables)
    if plain.get("directory"):
        _change_directory(plain["directory"], undo, notes)
    if plain.get("path"):
        undo.add(sys.path.__setitem__, slice(None), list(sys.path))
        sys.path.extend(entry for entry in plain["path"] if entry not in sys.path)
    texts = plain.get("pieces") or {}
    for name, piece in PIECES.items():
        if name not in texts:
            continue
        try:
            importlib.import_module(piece.module)
            undo.add(_put_piece, piece, _get(piece))
            piece.put(_decode(texts[name]))
        except Exception as error:
            notes.append("the %s that the block changed could not be taken over: %s" % (name, describe(error)))
    try:
        library_state.restore(plain.get("libraries"), session.namespace(), undo)
    except Exception as error:
        notes.append("what libraries counted in the block could not be taken over: %s" % describe(error))
    return notes


def _change_directory(directory, undo, notes):
    here = _directory()
    try:
        os.chdir(directory)
    except OSError as error:
        notes.append("the block went to a directory that is not here: %s" % error)
        return
    if here is not None:
        undo.add(os.chdir, here)


def _put_variable(name, value):
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _put_piece(piece, value):
    if value is not None:
        piece.put(value)


def _directory():
    try:
        return os.getcwd()
    except OSError:
        return None


def environment():
    """The variables that this process changed since it was started; where that cannot be known, none."""
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [entry.partition(b"=") for entry in file.read().split(b"\0") if entry]
    except OSError:
        return {}
    first = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    # It decides how figures are shown, and the other side would choose one of its own.
    first.pop("MPLBACKEND", None)
    return {
        "set": {name: value for name, value in os.environ.items() if first.get(name) != value and not _of_process(name)},
        "unset": [name for name in first if name not in os.environ and not _of_process(name)],
    }


def _of_process(name):
    return name.startswith(_PROCESS_VARIABLES[:3]) or name in _PROCESS_VARIABLES


def _shell():
    """How the kernel's shell shows things, and its extensions."""
    shell = session.shell()
    if shell is None:
        return {}
    traits = {}
    for name in ("colors", "ast_node_interactivity", "show_rewritten_input", "separate_in"):
        value = getattr(shell, name, None)
        if isinstance(value, (str, bool)):
            traits[name] = value
    return {
        "traits": traits,
        "mode": str(getattr(getattr(shell, "InteractiveTB", None), "mode", "") or ""),
        "cell_names": cellnames.scheme(shell),
        "extensions": sorted(getattr(getattr(shell, "extension_manager", None), "loaded", ()) or ()),
    }


def _sources(files):
    """The sources of cells that code from `files` came from, for tracebacks."""
    names = getattr(getattr(session.shell(), "compile", None), "_filename_map", None) or {}
    found = {}
    for file in files:
        entry = linecache.cache.get(file)
        if file in names and entry is not None and len(entry) == 4:
            found[file] = {"count": names[file], "text": "".join(entry[2]).rstrip("\n")}
    return found


def _encode(value):
    return base64.b64encode(pickle.dumps(value, 4)).decode("ascii")


def _decode(text):
    return pickle.loads(base64.b64decode(text))


def _encode_or_none(value):
    try:
        return None if value is None else _encode(value)
    except Exception:
        return None


def _get(piece):
    if piece.module not in sys.modules:
        return None
    try:
        value = piece.get()
        pickle.dumps(value, 4)
        return value
    except Exception:
        return None


class Piece:
    """One piece of ambient state, of one module."""

    def __init__(self, module, get, put):
        self.module = module
        self.get = get
        self.put = put


def _module(name):
    return sys.modules[name]


def _pandas_options():
    config = _module("pandas._config.config")
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Reading an option that will be removed warns.
        for key in config._registered_options:
            value = config.get_option(key)
            if isinstance(value, (str, int, float, bool, type(None))):
                found[key] = value
    return found


def _put_pandas_options(value):
    config = _module("pandas._config.config")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, option in value.items():
            if key in config._registered_options and config.get_option(key) != option:
                config.set_option(key, option)


def _numpy_print():
    options = dict(_module("numpy").get_printoptions())
    options.pop("formatter", None)
    return options


def _rc():
    import matplotlib

    return {key: value for key, value in dict.items(matplotlib.rcParams) if key != "backend" and not key.startswith("_")}


def _put_rc(value):
    import matplotlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, setting in value.items():
            if dict.get(matplotlib.rcParams, key) != setting:
                matplotlib.rcParams[key] = setting


def _colormap():
    """The default colormap, where a library registered it: the setting is only its name."""
    import matplotlib

    known = getattr(matplotlib, "colormaps", None)
    name = dict.get(matplotlib.rcParams, "image.cmap")
    if known is None or not isinstance(name, str) or name in getattr(known, "_builtin_cmaps", (name,)) or name not in known:
        return None
    return name, known[name]


def _put_colormap(value):
    import matplotlib

    if value is not None and value[0] not in matplotlib.colormaps:
        matplotlib.colormaps.register(value[1], name=value[0])


def _backend():
    import matplotlib

    value = dict.get(matplotlib.rcParams, "backend")
    return value if isinstance(value, str) else None


def _put_backend(value):
    import matplotlib

    if _backend() != value:
        matplotlib.use(value)
    _show_inline(value)


def _show_inline(backend):
    """Have the shell show figures when a cell ends, or no longer; the inline backend sees to it only when it is first imported."""
    shell, inline = session.shell(), backend in ("inline", "module://matplotlib_inline.backend_inline")
    loaded = "matplotlib_inline.backend_inline" in sys.modules
    if shell is None or not (loaded or (inline and "matplotlib.pyplot" in sys.modules)):
        return
    from matplotlib_inline import backend_inline

    if inline != (backend_inline.flush_figures in shell.events.callbacks["post_execute"]):
        backend_inline.configure_inline_support(shell, backend)


_INLINE_TRAITS = ("figure_formats", "print_figure_kwargs", "close_figures", "rc")


def _inline_settings():
    config = _module("matplotlib_inline.config").InlineBackend.instance(parent=session.shell())
    return {name: getattr(config, name) for name in _INLINE_TRAITS}


def _put_inline_settings(value):
    config = _module("matplotlib_inline.config").InlineBackend.instance(parent=session.shell())
    for name, setting in value.items():
        if getattr(config, name) != setting:
            setattr(config, name, setting)


def _torch_seed():
    return bytes(_module("torch").get_rng_state().numpy().tobytes())


def _put_torch_seed(value):
    torch = _module("torch")
    torch.set_rng_state(torch.ByteTensor(list(value)))


def _put_filters(value):
    warnings.filters[:] = value
    warnings._filters_mutated() if hasattr(warnings, "_filters_mutated") else None


def _context():
    context = decimal.getcontext()
    return {name: getattr(context, name) for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")}


def _put_context(value):
    context = decimal.getcontext()
    for name, setting in value.items():
        setattr(context, name, setting)


PIECES = {
    "random": Piece("random", random.getstate, random.setstate),
    "numpy.random": Piece(
        "numpy.random",
        lambda: _module("numpy.random").get_state(legacy=True),
        lambda value: _module("numpy.random").set_state(value),
    ),
    "numpy print options": Piece(
        "numpy", _numpy_print, lambda value: _module("numpy").set_printoptions(**value)
    ),
    "numpy error handling": Piece(
        "numpy", lambda: _module("numpy").geterr(), lambda value: _module("numpy").seterr(**value)
    ),
    "pandas options": Piece("pandas", _pandas_options, _put_pandas_options),
    "inline figures": Piece("matplotlib_inline.config", _inline_settings, _put_inline_settings),
    "matplotlib backend": Piece("matplotlib", _backend, _put_backend),
    # Importing `matplotlib` alone knows no colormaps; `cm` is where they are registered.
    "matplotlib colormap": Piece("matplotlib.cm", _colormap, _put_colormap),
    "matplotlib settings": Piece("matplotlib", _rc, _put_rc),
    "torch": Piece("torch", _torch_seed, _put_torch_seed),
    "scikit-learn settings": Piece(
        "sklearn._config",
        lambda: _module("sklearn._config").get_config(),
        lambda value: _module("sklearn._config").set_config(**value),
    ),
    "warnings filters": Piece("warnings", lambda: list(warnings.filters), _put_filters),
    "decimal context": Piece("decimal", _context, _put_context),
    "logging level": Piece(
        "logging", lambda: logging.getLogger().level, lambda value: logging.getLogger().setLevel(value)
    ),
    "recursion limit": Piece("sys", sys.getrecursionlimit, sys.setrecursionlimit),
    "locale": Piece("locale", lambda: locale.setlocale(locale.LC_ALL), lambda value: locale.setlocale(locale.LC_ALL, value)),
}


class _AfterImport:
    """Puts pieces in place right after the module they are of has been imported."""

    def __init__(self):
        self.waiting = {}

    def find_spec(self, name, path=None, target=None):
        if name not in self.waiting:
            return None
        import importlib.util

        puts = self.waiting.pop(name)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return spec
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            for put in puts:
                put()

        try:
            spec.loader.exec_module = exec_module
        except AttributeError:
            return spec
        return spec


_hook = _AfterImport()
_applied = set()


def _when_loaded(piece, name, value, notes):
    def put():
        try:
            piece.put(value)
            # What importing the module made of it is not the block's doing.
            if _marks:
                _mark_piece(name, piece)
        except Exception as error:
            notes.append("%s: %s" % (name, error))

    _applied.add(name)
    if piece.module in sys.modules:
        put()
        return
    _after_import(piece.module, put)


def _after_import(module, step):
    if _hook not in sys.meta_path:
        sys.meta_path.insert(0, _hook)
    _hook.waiting.setdefault(module, []).append(step)


def _touched(name, piece):
    """Whether a difference can be the block's doing: a library that only the block imported has its defaults at home too."""
    return _marks["pieces"].get(name) is not None or name in _applied or piece.module in ("random", "numpy.random", "torch")
