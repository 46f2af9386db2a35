"""Values that must stay where they are, each with the reason and what to do instead.

Some of them cannot be pickled; others can, but what arrives is something else: cloudpickle turns an open file into a detached copy
without a word.
"""

import asyncio
import concurrent.futures
import io
import mmap
import multiprocessing.process
import socket
import subprocess
import sys
import threading
import types
import weakref

from .errors import Refused

_OPEN_INSIDE = "open it inside the block, or leave it out of the block"
_MAKE_INSIDE = "make it inside the block"

_RULES = [
    (io.IOBase, "an open file cannot travel", _OPEN_INSIDE),
    (socket.socket, "an open socket cannot travel", _OPEN_INSIDE),
    (types.GeneratorType, "a generator cannot travel", "turn it into a list first, or make it inside the block"),
    (types.CoroutineType, "a coroutine cannot travel", "await it first, or make it inside the block"),
    (types.AsyncGeneratorType, "an asynchronous generator cannot travel", _MAKE_INSIDE),
    (type(threading.Lock()), "a thread lock cannot travel", _MAKE_INSIDE),
    (type(threading.RLock()), "a thread lock cannot travel", _MAKE_INSIDE),
    (threading.Thread, "a thread cannot travel", "join it and carry its result"),
    (threading.Event, "a thread event cannot travel", _MAKE_INSIDE),
    (threading.Condition, "a thread condition cannot travel", _MAKE_INSIDE),
    (threading.Semaphore, "a thread semaphore cannot travel", _MAKE_INSIDE),
    (threading.local, "thread-local data cannot travel", _MAKE_INSIDE),
    (concurrent.futures.Executor, "a pool of workers cannot travel", _MAKE_INSIDE),
    (concurrent.futures.Future, "a future cannot travel", "take its result first"),
    (multiprocessing.process.BaseProcess, "a process cannot travel", "join it and carry its result"),
    (subprocess.Popen, "a running program cannot travel", "wait for it and carry its output"),
    (weakref.ReferenceType, "a weak reference cannot travel", "hold the object itself"),
    (weakref.ProxyType, "a weak proxy cannot travel", "hold the object itself"),
    (memoryview, "a memoryview cannot travel", "carry the object it is a view of"),
    (mmap.mmap, "a memory map cannot travel", _OPEN_INSIDE),
    (asyncio.AbstractEventLoop, "an event loop cannot travel", _MAKE_INSIDE),
    (asyncio.Future, "a task or future cannot travel", "await it first"),
    (types.FrameType, "a stack frame cannot travel", "leave it out of the block"),
    (types.TracebackType, "a traceback cannot travel", "carry its text (traceback.format_exc())"),
]

# Types of packages, which are not imported to be known: module prefix, class names (empty for all), reason, remedy.
_NAMED = [
    ("sqlite3", ("Connection", "Cursor"), "an open database connection cannot travel", _OPEN_INSIDE),
    ("psycopg", (), "an open database connection cannot travel", _OPEN_INSIDE),
    ("sqlalchemy.engine", ("Engine", "Connection"), "an open database connection cannot travel", _OPEN_INSIDE),
    ("duckdb", ("DuckDBPyConnection",), "an open database connection cannot travel", _OPEN_INSIDE),
    ("_duckdb", ("DuckDBPyConnection",), "an open database connection cannot travel", _OPEN_INSIDE),
    ("h5py._hl", (), "an open HDF5 file cannot travel", _OPEN_INSIDE),
    ("tempfile", ("_TemporaryFileWrapper", "SpooledTemporaryFile"), "an open file cannot travel", _OPEN_INSIDE),
    ("multiprocessing.pool", ("Pool", "ThreadPool"), "a pool of workers cannot travel", _MAKE_INSIDE),
    ("pyspark.sql.session", ("SparkSession",), "a Spark session cannot travel", _MAKE_INSIDE),
    ("pyspark.core.context", ("SparkContext",), "a Spark context cannot travel", _MAKE_INSIDE),
    ("tensorflow.python.client.session", (), "a TensorFlow session cannot travel", _MAKE_INSIDE),
    ("distributed.client", ("Client", "Future"), "a connection to a cluster cannot travel", _MAKE_INSIDE),
    ("ipywidgets.widgets", (), "a widget lives in this browser page and cannot travel", "show it outside the block"),
]

_FINE = (io.StringIO, io.BytesIO)

_verdicts = {}


def verdict(cls):
    """None when instances of `cls` may travel, else `(why, remedy)`."""
    if cls not in _verdicts:
        _verdicts[cls] = _judge(cls)
    return _verdicts[cls]


def forget():
    """Forget the verdicts, so that classes of the notebook are not kept alive."""
    _verdicts.clear()


def check(value):
    """Raise `Refused` when `value` itself must stay here."""
    found = verdict(type(value))
    if found is not None:
        raise Refused(value, *found)


def standard_stream(value):
    """The name of the standard stream that `value` is, or None."""
    for name in ("stdout", "stderr", "stdin", "__stdout__", "__stderr__", "__stdin__"):
        if value is not None and getattr(sys, name, None) is value:
            return name
    return None


def _judge(cls):
    if issubclass(cls, _FINE):
        return None
    for base, why, remedy in _RULES:
        if issubclass(cls, base):
            return why, remedy
    for base in cls.__mro__:
        module = str(getattr(base, "__module__", ""))
        for prefix, names, why, remedy in _NAMED:
            if (module == prefix or module.startswith(prefix + ".")) and (not names or base.__name__ in names):
                return why, remedy
    return None
