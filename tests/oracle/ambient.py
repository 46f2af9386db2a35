"""State outside the names of a session, piece by piece, as digests."""

import decimal
import locale
import logging
import os
import random
import sys
import warnings

from . import figures
from .state import digest, scrub

_PROCESS = ("_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "KMP_INIT_AT_FORK", "KMP_DUPLICATE_LIB_OK")


def pieces(walker):
    """`{piece: digest}`."""
    found = {
        "random": digest(repr(random.getstate())),
        "directory": os.getcwd(),
        "environment": digest(*sorted("%s=%s" % item for item in os.environ.items() if item[0] not in _PROCESS)),
        "path": digest(*sys.path),
        "warnings": digest(*[scrub(repr(entry)) for entry in warnings.filters]),
        "decimal": repr(decimal.getcontext()).split(", flags=")[0],
        "logging": "%s %s" % (logging.getLogger().level, len(logging.getLogger().handlers)),
        "recursion limit": str(sys.getrecursionlimit()),
        "locale": locale.setlocale(locale.LC_ALL),
    }
    from nbhoist_runtime import library_state, session

    # Looking must not make libraries forget which warnings they have shown.
    with library_state.warnings_kept(session.namespace()):
        for module, function in _LIBRARIES.items():
            if module in sys.modules:
                found.update(function(sys.modules[module], walker))
    return found


def _numpy(numpy, walker):
    options = {key: value for key, value in numpy.get_printoptions().items() if key != "formatter"}
    return {
        "numpy.random": digest(repr([part.tolist() if hasattr(part, "tolist") else part for part in numpy.random.get_state()])),
        "numpy options": digest(repr(sorted(options.items(), key=str)), repr(sorted(numpy.geterr().items()))),
    }


def _pandas(pandas, walker):
    from pandas._config import config

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {key: config.get_option(key) for key in config._registered_options}
    return {"pandas options": digest(scrub(repr(sorted(options.items()))))}


def _pyplot(pyplot, walker):
    import matplotlib

    settings = {key: value for key, value in dict.items(matplotlib.rcParams) if key != "backend" and not key.startswith("_")}
    numbers = pyplot.get_fignums()
    drawn = {"figure %d" % number: _drawing(pyplot._pylab_helpers.Gcf.figs[number].canvas.figure, walker) for number in numbers}
    active = pyplot._pylab_helpers.Gcf.get_active()
    return {
        **drawn,
        "matplotlib options": digest(scrub(repr(sorted(settings.items(), key=lambda item: item[0])))),
        "matplotlib backend": str(dict.get(matplotlib.rcParams, "backend")),
        "figures": "%s, current %s" % (numbers, active.num if active else None),
    }


def _drawing(figure, walker):
    return digest(*figures.parts(figure, walker))


def _sklearn(config, walker):
    return {"sklearn options": repr(sorted(config.get_config().items()))}


_LIBRARIES = {"numpy": _numpy, "pandas": _pandas, "matplotlib.pyplot": _pyplot, "sklearn._config": _sklearn}
