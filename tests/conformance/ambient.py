"""Sees what a call does outside its arguments: random state, options, plots, files, processes, sockets."""

import contextlib
import decimal
import gc
import io
import locale
import logging
import os
import pickle
import random
import sys
import warnings

from fingerprint import fingerprint


def snapshot():
    """The state of the process that entries speak of, as comparable texts by name."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    state = {
        "draws:random": hash(random.getstate()),
        "directory": os.getcwd(),
        "environment": repr(sorted(os.environ.items())) + repr(sys.path),
        "options:warnings": repr(warnings.filters),
        "options:logging": _logging(),
        "options:locale": repr(locale.setlocale(locale.LC_ALL)),
        "options:decimal": repr(decimal.getcontext()),
        "options:sys": repr((sys.getrecursionlimit(), sys.getswitchinterval())),
        "options:gc": repr((gc.isenabled(), gc.get_threshold())),
    }
    if numpy:
        state["draws:numpy.random"] = fingerprint(numpy.random.get_state(legacy=False))
        state["options:numpy"] = repr((numpy.get_printoptions(), numpy.geterr()))
    if torch:
        state["draws:torch"] = fingerprint(torch.get_rng_state())
        state["options:torch"] = repr((torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()))
    state.update(_library_options())
    if "matplotlib.pyplot" in sys.modules:
        state["plot"] = _plot()
    return state


def _logging():
    root = logging.getLogger()
    return repr((root.level, root.handlers, root.filters, logging.root.manager.disable))


def _library_options():
    found = {}
    if "pandas" in sys.modules:
        from pandas._config import config

        found["options:pandas"] = repr(config._global_config) + repr(sys.modules["pandas"].io.formats.format.__dict__.get("_float_format"))
    if "matplotlib" in sys.modules:
        matplotlib = sys.modules["matplotlib"]
        found["options:matplotlib"] = repr(dict.items(matplotlib.rcParams)) + repr(matplotlib.is_interactive())
    if "sklearn" in sys.modules:
        found["options:sklearn"] = repr(sys.modules["sklearn"].get_config())
    if "xarray" in sys.modules:
        found["options:xarray"] = repr(sys.modules["xarray"].get_options())
    if "polars" in sys.modules:
        found["options:polars"] = sys.modules["polars"].Config.state().__repr__()
    if "dask" in sys.modules:
        found["options:dask"] = repr(sys.modules["dask"].config.config)
    return found


def _plot():
    from matplotlib import _pylab_helpers

    managers = _pylab_helpers.Gcf.figs
    figures = []
    for number, manager in managers.items():
        figure = manager.canvas.figure
        axes = [(len(ax.get_children()), ax.get_title(), ax.get_xlabel(), ax.get_ylabel(), ax.get_xlim(), ax.get_ylim(), ax.get_xscale(),
                 ax.get_yscale(), ax.axison, ax.xaxis._major_tick_kw, ax.get_xticks().tolist(), ax.get_position().bounds, ax.get_autoscale_on(),
                 [tuple(map(float, getattr(im, "get_clim", lambda: ())())) + (getattr(im, "get_cmap", str)(),) for im in ax.images])
                for ax in figure.axes]
        figures.append((number, len(figure.get_children()), axes, figure._suptitle and figure._suptitle.get_text(),
                        figure.axes.index(figure.gca()) if figure.axes else None, vars(figure.subplotpars)))
    return repr(figures)


class Watch:
    """Counts what the interpreter reports about files, processes and sockets while it is on."""

    def __init__(self):
        self.events = set()
        self.active = False
        self.folder = None
        sys.addaudithook(self._hear)

    def _hear(self, event, args):
        if not self.active:
            return
        if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
            path = os.path.abspath(os.fsdecode(args[0]))
            if path.startswith(self.folder):
                mode, flags = args[1] or "", args[2] or 0
                writes = any(letter in mode for letter in "wax+") or flags & (os.O_WRONLY | os.O_RDWR)
                self.events.add("writes" if writes else "reads")
        elif event in ("subprocess.Popen", "os.system", "os.posix_spawn"):
            self.events.add("subprocess")
        elif event == "socket.connect":
            self.events.add("network")


class Folder:
    """What lies in the working directory, to see what was written there."""

    def __init__(self, path):
        self.path = path

    def state(self):
        found = {}
        for place, folders, files in os.walk(self.path):
            for name in folders:
                found[os.path.join(place, name)] = "folder"
            for name in files:
                full = os.path.join(place, name)
                with contextlib.suppress(OSError):
                    info = os.lstat(full)
                    found[full] = (info.st_size, info.st_mtime_ns, info.st_mode)
        return found


def travels(value):
    """Whether a value can be pickled and moved."""
    import cloudpickle

    try:
        pickle.loads(cloudpickle.dumps(value, protocol=5))
    except Exception:
        return False
    return True


@contextlib.contextmanager
def captured():
    """Standard output as text."""
    text = io.StringIO()
    before = sys.stdout
    sys.stdout = text
    try:
        yield text
    finally:
        sys.stdout = before
