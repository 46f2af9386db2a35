"""Tells whether a value changed, and whether one value keeps another."""

import collections
import functools
import gc
import hashlib
import io
import pathlib
import sys
import types

import cloudpickle

# A walk over a value's references stops here, so that a value that reaches half of the process cannot take minutes.
MOST_NODES = 30000
ATOMS = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), type, types.ModuleType,
         types.BuiltinFunctionType, types.CodeType, types.FrameType, range, slice)


def fingerprint(value, ignored=frozenset()):
    """A text that is different when the value is; caches named in `ignored` do not count."""
    digest = hashlib.blake2b(digest_size=16)
    _feed(value, digest.update, {}, 0, ignored)
    return digest.hexdigest()


def _feed(value, put, seen, depth, ignored):
    put(type(value).__qualname__.encode())
    if type(value).__module__.startswith("tensorflow") and hasattr(value, "numpy"):
        put(_frozen(value))
        return
    if isinstance(value, ATOMS) or isinstance(value, (types.FunctionType, types.MethodType)) and depth:
        put((repr(value) if isinstance(value, ATOMS[:8]) else str(id(value))).encode())
        return
    if id(value) in seen or depth > 40:
        put(str(seen[id(value)][0] if id(value) in seen else None).encode())
        return
    # The value is kept as well, so that no other one can get its id meanwhile.
    seen[id(value)] = len(seen), value
    if isinstance(value, io.IOBase):
        put(_frozen(value))
        return
    if isinstance(value, pathlib.PurePath):
        put(str(value).encode())
        return
    for module, feed in (("numpy", _feed_array), ("pandas", _feed_pandas), ("torch", _feed_tensor), ("matplotlib.artist", _feed_artist)):
        if module in sys.modules and feed(value, put, seen, depth, ignored):
            return
    if isinstance(value, (list, tuple, collections.deque)):
        put(str(len(value)).encode())
        for item in value:
            _feed(item, put, seen, depth + 1, ignored)
    elif isinstance(value, (set, frozenset)):
        put(repr(sorted(map(repr, value))).encode())
    elif isinstance(value, dict):
        for key, item in list(value.items()):
            if key not in ignored if isinstance(key, str) else True:
                put(repr(key).encode())
                _feed(item, put, seen, depth + 1, ignored)
    if hasattr(value, "__dict__") or _slots(value):
        _feed(_state(value), put, seen, depth + 1, ignored)
    elif not isinstance(value, (list, tuple, dict, set, frozenset, collections.deque)):
        put(_frozen(value))


def _state(value):
    """The attributes of an instance, without what reading a cached property stores there; nothing and an empty dict are the same."""
    own = type(value)
    found = {**getattr(value, "__dict__", {}), **{name: getattr(value, name, None) for name in _slots(value)}}
    return {name: item for name, item in found.items() if item is not None and not (isinstance(item, dict) and not item) and not isinstance(getattr(own, name, None), functools.cached_property)}


def _slots(value):
    if isinstance(value, (list, tuple, dict, set, frozenset, collections.deque)):
        return []
    names = [name for one in type(value).__mro__ for name in ([one.__dict__["__slots__"]] if isinstance(one.__dict__.get("__slots__"), str) else one.__dict__.get("__slots__", ()))]
    return [name for name in names if isinstance(name, str) and not name.startswith("__")]


def _frozen(value):
    if type(value).__module__.startswith("tensorflow") and hasattr(value, "numpy"):
        return repr(value.numpy().tolist()).encode()
    if isinstance(value, types.GeneratorType):
        return repr((value.gi_frame is None, value.gi_frame and value.gi_frame.f_lasti)).encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, io.IOBase):
        return _file(value)
    try:
        return cloudpickle.dumps(value)
    except Exception:
        return str(id(value)).encode()


def _file(value):
    if value.closed:
        return b"closed"
    if hasattr(value, "getvalue"):
        return repr((value.tell(), value.getvalue())).encode()
    try:
        return repr((value.tell(), value.seekable())).encode()
    except OSError:
        return b"not seekable now"


def _feed_array(value, put, seen, depth, ignored):
    numpy = sys.modules["numpy"]
    if not isinstance(value, numpy.ndarray):
        return isinstance(value, numpy.generic) and (put(repr(value).encode()), True)[1]
    put(repr((value.dtype, value.shape, value.flags.writeable)).encode())
    if value.dtype.hasobject:
        for item in value.ravel().tolist():
            _feed(item, put, seen, depth + 1, ignored)
    else:
        put(numpy.ascontiguousarray(value).tobytes())
    if isinstance(value, numpy.ma.MaskedArray):
        _feed(numpy.asarray(numpy.ma.getmaskarray(value)), put, seen, depth + 1, ignored)
    return True


def _feed_pandas(value, put, seen, depth, ignored):
    pandas = sys.modules["pandas"]
    if isinstance(value, pandas.DataFrame):
        parts = [value.columns, value.index, value.attrs] + [value.iloc[:, place].array for place in range(value.shape[1])]
    elif isinstance(value, pandas.Series):
        parts = [value.index, value.name, value.array, value.attrs]
    elif isinstance(value, pandas.Index):
        parts = [list(value.names), list(value)]
    elif isinstance(value, pandas.api.extensions.ExtensionArray):
        parts = [str(value.dtype), list(value)]
    else:
        return False
    put(str(getattr(value, "dtype", "")).encode())
    for part in parts:
        _feed(part, put, seen, depth + 1, ignored)
    return True


def _feed_tensor(value, put, seen, depth, ignored):
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor) or value.is_sparse or value.device.type == "meta":
        return False
    put(repr((value.dtype, tuple(value.shape), value.requires_grad)).encode())
    put(value.detach().cpu().contiguous().numpy().tobytes())
    if value.is_leaf and value.grad is not None:
        _feed(value.grad, put, seen, depth + 1, ignored)
    return True


def _feed_artist(value, put, seen, depth, ignored):
    """A figure is what it looks like: its objects are full of caches that reading them fills."""
    if not isinstance(value, sys.modules["matplotlib.artist"].Artist):
        return False
    figure = value.get_figure(root=True)
    if figure is None:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = figure.canvas
    picture = FigureCanvasAgg(figure)
    picture.draw()
    put(bytes(picture.buffer_rgba()))
    figure.set_canvas(canvas)
    return True


def memory(value):
    """The first and last byte of the memory that an array or tensor uses, or None."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor):
        try:
            return value.untyped_storage().data_ptr(), value.untyped_storage().data_ptr() + value.untyped_storage().nbytes()
        except Exception:
            return None
    if numpy and isinstance(value, numpy.ndarray) and value.nbytes and value.dtype.kind != "O":
        return numpy.lib.array_utils.byte_bounds(value)
    return None


class Parts:
    """The changeable objects and the memory that a value is made of."""

    def __init__(self, value):
        self.root = value
        self.ids, self.ranges = set(), []
        self.kept = list(walk(value, 3000))
        for part in self.kept:
            if part is value or is_changeable(part):
                self.ids.add(id(part))
            span = memory(part)
            if span and span[0]:
                self.ranges.append(span)
        if isinstance(value, ATOMS) or not is_changeable(value) and not self.ranges and len(self.ids) <= 1 and not callable(value):
            self.ids.clear()

    def __bool__(self):
        return bool(self.ids or self.ranges)

    def reached_from(self, value):
        """Whether the value keeps one of these objects or shares memory with them."""
        for part in walk(value, MOST_NODES):
            if id(part) in self.ids:
                return True
            span = memory(part)
            if span and any(span[0] < end and start < span[1] for start, end in self.ranges):
                return True
        return False


def is_changeable(value):
    """Whether a value can change in place at all, as far as a walk needs to know."""
    if isinstance(value, ATOMS + (types.FunctionType, types.BuiltinMethodType, tuple, frozenset, property)):
        return False
    if _is_constant(value):
        return False
    return not ("pandas" in sys.modules and isinstance(value, sys.modules["pandas"].Index))


# Objects of these never change once they are made, whatever they are built of.
CONSTANT = ("re.", "numpy.dtype", "pandas._libs.tslibs", "weakref", "logging", "pyproj", "tensorflow.python.framework", "_abc", "datetime", "decimal", "pathlib",
            "pandas._libs.internals.BlockPlacement")


def _is_constant(value):
    return _is_constant_type(type(value))


@functools.cache
def _is_constant_type(one):
    return f"{one.__module__}.{one.__qualname__}".startswith(CONSTANT)


def walk(value, most):
    """The objects that a value reaches, without going through modules, classes and the globals of functions."""
    # Objects made on the way are kept until the end, so that no other one can get their id.
    seen, queue = {}, collections.deque([value])
    while queue and len(seen) < most:
        item = queue.popleft()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        yield item
        queue.extend(_references(item, item is value))


def _references(item, is_root):
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if isinstance(item, ATOMS) or _is_constant(item) and not is_root:
        return []
    if isinstance(item, types.FunctionType):
        return [cell.cell_contents for cell in item.__closure__ or () if _full(cell)] + list(item.__defaults__ or ())
    if pandas and isinstance(item, pandas.Index) and not is_root:
        return []
    if numpy and isinstance(item, numpy.ndarray):
        inside = item.ravel().tolist() if item.dtype.kind == "O" else []
        return inside + ([item.base] if item.base is not None else [])
    if isinstance(item, types.GeneratorType):
        return list(item.gi_frame.f_locals.values()) if item.gi_frame else []
    found = [part for part in gc.get_referents(item) if not isinstance(part, (type, types.ModuleType))]
    return found + _hidden(item)


def _full(cell):
    try:
        cell.cell_contents
    except ValueError:
        return False
    return True


@functools.cache
def _hides(one):
    return one.__module__.startswith(("pandas.", "numpy", "sklearn.", "scipy.", "statsmodels."))


def _hidden(item):
    """References that the garbage collector does not know, of types written in C."""
    found = []
    if isinstance(item, memoryview):
        found.append(item.obj)
    if _hides(type(item)):
        for name in ("_values", "_ndarray", "obj", "_obj", "values", "data"):
            found.append(getattr(item, "__dict__", {}).get(name))
        if type(item).__module__.startswith("pandas._libs.internals"):
            found += list(getattr(item, "blocks", ())) + [getattr(item, "values", None)]
        bits = getattr(item, "bit_generator", None)
        found += [bits, getattr(bits, "seed_seq", None)]
        if type(item).__module__.startswith(("scipy.spatial", "sklearn.neighbors")):
            found.append(getattr(item, "data", None))
    return [part for part in found if part is not None]
