"""What a matplotlib drawing shows, without drawing it: the data and properties of its artists, in order."""

import sys


def describe(value, walker):
    """The digest of a figure, or of an artist by its place in its figure; None for everything else."""
    from matplotlib.artist import Artist
    from matplotlib.figure import FigureBase

    if not isinstance(value, Artist):
        return None
    from .state import digest

    if isinstance(value, FigureBase) and value.figure in (None, value):
        return digest("figure", *parts(value, walker))
    home = getattr(value, "figure", None)
    if home is None:
        return digest("artist", type(value).__name__, *_properties(value, walker))
    for index, artist in enumerate(_artists(home)):
        if artist is value:
            return digest("artist", type(value).__name__, str(index), walker.of(home))
    return digest("artist", type(value).__name__, "not drawn", *_properties(value, walker))


def parts(figure, walker):
    """What a figure shows, as texts."""
    found = [repr(figure.get_size_inches().tolist()), repr(figure.dpi), repr(figure.get_facecolor())]
    for artist in _artists(figure):
        found.append(type(artist).__name__)
        found += _properties(artist, walker)
    return found


def _artists(figure):
    """The artists of a figure in drawing order, ticks left out: they follow from the axes' limits."""
    from matplotlib.axis import Axis

    found, stack, seen = [], [figure], set()
    while stack:
        artist = stack.pop()
        if id(artist) in seen:
            continue
        seen.add(id(artist))
        found.append(artist)
        if isinstance(artist, Axis):
            stack.append(artist.label)
        else:
            stack.extend(reversed(artist.get_children()))
    return found


_GETTERS = (
    "get_visible", "get_alpha", "get_zorder", "get_label", "get_text", "get_position", "get_color", "get_fontsize", "get_linewidth",
    "get_linestyle", "get_marker", "get_markersize", "get_facecolor", "get_edgecolor", "get_xlim", "get_ylim", "get_xscale", "get_yscale",
    "get_aspect", "get_clim", "get_array", "get_offsets", "get_extent",
)


def _properties(artist, walker):
    numpy = sys.modules["numpy"]
    found = []
    for name in _GETTERS:
        getter = getattr(artist, name, None)
        if getter is None:
            continue
        try:
            found.append(name + _text(getter(), numpy))
        except Exception:
            continue
    if hasattr(artist, "get_xydata") and hasattr(artist, "get_xdata"):
        found.append(_text(artist.get_xydata(), numpy))
    elif hasattr(artist, "get_paths"):
        found += [_text(path.vertices, numpy) for path in artist.get_paths()[:200]]
    elif hasattr(artist, "get_path"):
        try:
            found.append(_text(artist.get_path().vertices, numpy))
        except Exception:
            pass
    cmap = getattr(artist, "cmap", None)
    if cmap is not None:
        found.append(str(getattr(cmap, "name", "")))
    return found


def _text(value, numpy):
    if isinstance(value, numpy.ndarray):
        from .state import digest

        return digest(numpy.ma.getdata(value).tobytes() if value.dtype != object else repr(value.tolist()))
    if isinstance(value, (str, int, float, bool, type(None), numpy.generic)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "(%s)" % ",".join(_text(item, numpy) for item in value)
    if type(value).__module__.startswith("matplotlib.transforms"):
        return repr(numpy.asarray(value).tolist())
    return type(value).__name__
