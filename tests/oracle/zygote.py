"""A process that has imported the heavy packages once and forks sessions and workers on request.

A request is one datagram of JSON on a connection to its socket; a worker's request carries the two ends of pipes that become its standard
input and output. The child keeps the connection open as long as it lives.
"""

import gc
import json
import os
import random
import signal
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = os.path.join(os.path.dirname(os.path.dirname(HERE)), "executor", "runtime")
OWN_PATH = (os.path.dirname(HERE), RUNTIME)

PACKAGES = (
    "numpy", "numpy.random", "pandas", "scipy.stats", "scipy.signal", "scipy.optimize", "scipy.integrate", "scipy.linalg", "scipy.special",
    "matplotlib.pyplot", "statsmodels.api", "statsmodels.formula.api", "statsmodels.tsa.api", "control", "emcee", "IPython", "IPython.core.interactiveshell",
    "IPython.core.completer", "IPython.core.magics", "IPython.core.pylabtools", "cloudpickle", "cloudpickle.cloudpickle", "asyncio", "patsy",
    "tempfile", "hashlib", "decimal", "fractions", "timeit", "linecache", "matplotlib.backends.backend_agg", "pandas.plotting",
)


def load(packages=PACKAGES):
    """Import what sessions and workers will want. A package that is not installed is left out."""
    import warnings

    filters = list(warnings.filters)
    for name in packages:
        try:
            __import__(name)
        except ImportError:
            continue
    warnings.filters[:] = filters
    warnings._filters_mutated()


def serve(path):
    """Answer requests until the process that started this one is gone."""
    parent = os.getppid()
    load()
    import nbhoist_runtime.kernel  # noqa: F401
    import nbhoist_runtime.shell  # noqa: F401
    import nbhoist_runtime.worker  # noqa: F401
    from . import template

    gc.collect()
    gc.freeze()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    listening.listen(64)
    listening.settimeout(1)
    print("ready", flush=True)
    while os.getppid() == parent:
        _reap()
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not data:
            connection.close()
            continue
        pid = os.fork()
        if pid == 0:
            listening.close()
            _child(json.loads(data), connection, descriptors, template.main)
            os._exit(0)
        connection.sendall(b"%d\n" % pid)
        connection.close()
        for descriptor in descriptors:
            os.close(descriptor)


def _reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _child(request, connection, descriptors, session):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[:] = [entry for entry in sys.path if entry not in OWN_PATH]
    if request["role"] == "worker":
        # A worker elsewhere knows nothing of the random state here.
        random.seed()
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()
        os.dup2(descriptors[0], 0)
        os.dup2(descriptors[1], 1)
        os.dup2(descriptors[2], 2)
        for descriptor in descriptors:
            os.close(descriptor)
        from nbhoist_runtime import worker

        worker.main()
    os.setsid()
    # Every session starts from the same random state, so that unseeded notebooks can be compared too.
    random.seed(1)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(1)
    session(request, connection)
