"""Values that stay at this place: one file each, of this user alone, under the hash of what is in it.

Every kernel has a folder of its own, so that what one lets go of another one keeps. What is in a file is verified whenever it is read.
Nothing goes to make room: what would not fit is not written. A folder that nobody has used for a month goes.
"""

import hashlib
import os
import re
import shutil
import tempfile
import time

from . import arrays, cache, frames
from .errors import Trouble

AGE = 30 * 86400  # Seconds without use after which the folder of a kernel goes.
SHARE = 2  # The part of the free space that one value may take is one of so many.

_SESSION = re.compile(r"[0-9a-f]{32}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def root():
    """The directory that holds the folders of all kernels."""
    return os.path.join(os.path.dirname(cache.directory()), "stay")


def digest(buffers):
    """The SHA-256 (hexadecimal digits) of a bundle: of the length of each buffer in eight bytes, and of its bytes."""
    found = hashlib.sha256()
    for data in buffers:
        view = line(data)
        found.update(view.nbytes.to_bytes(8, "big"))
        found.update(view)
    return found.hexdigest()


def write(session, buffers):
    """Write a bundle; gives its digest. Raises `OSError` when there is no room for it."""
    folder, name = _folder(session), digest(buffers)
    place = os.path.join(folder, name)
    for part in (os.path.dirname(root()), root(), folder):
        os.makedirs(part, 0o700, exist_ok=True)
    _clean()
    os.utime(folder)
    if os.path.exists(place):
        return name
    needed = sum(line(data).nbytes for data in buffers)
    if needed * SHARE > shutil.disk_usage(folder).free:
        raise OSError("there is no room for %d bytes in %s" % (needed, folder))
    # mkstemp makes files of mode 0600.
    handle, beside = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb", 1 << 20) as out:
            frames.write_buffers(out, [line(data) for data in buffers])
            frames.write(out, {"op": "bundle", "buffers": len(buffers)})
            out.flush()
            os.fsync(out.fileno())
        os.replace(beside, place)
        _sync(folder)
    except BaseException:
        _remove(beside)
        raise
    return name


def read(session, name):
    """The buffers of a bundle. Raises `Trouble` of the kind `missing` when it is not here, or not what was written."""
    if not _DIGEST.match(name):
        raise Trouble("internal", "%r is no digest" % (name,))
    place = os.path.join(_folder(session), name)
    try:
        with open(place, "rb", 1 << 20) as source:
            buffers = _read(source)
        os.utime(os.path.dirname(place))
    except FileNotFoundError:
        raise Trouble("missing", "there is no file %s any more" % place)
    except (OSError, EOFError, ValueError, Trouble) as error:
        raise Trouble("missing", "%s cannot be read: %s" % (place, error))
    if digest(buffers) != name:
        raise Trouble("missing", "%s does not hold what was written there" % place)
    return buffers


def drop(session, names):
    """Remove what nobody has a handle for any more; without names everything of this kernel."""
    if names is None:
        shutil.rmtree(_folder(session), ignore_errors=True)
        return
    for name in names:
        if _DIGEST.match(name):
            _remove(os.path.join(_folder(session), name))


def _folder(session):
    # It comes from the kernel, and must not lead anywhere else.
    if not _SESSION.match(session or ""):
        raise Trouble("internal", "%r names no kernel" % (session,))
    return os.path.join(root(), session)


def _read(source):
    assembly = frames.Assembly()
    while True:
        header = frames.read_header(source)
        if header is None:
            raise EOFError("it ends too early")
        if header["op"] == "bundle":
            return assembly.take(header["buffers"])
        assembly.read(source, header)


def line(data):
    """The bytes of a buffer, which may be an array, as one line."""
    if hasattr(data, "flags") and hasattr(data, "dtype"):
        return memoryview(arrays.flat_bytes(data) if data.size else b"")
    view = memoryview(data)
    return view.cast("B") if view.ndim != 1 or view.format != "B" else view


def _clean():
    for entry in os.listdir(root()):
        path = os.path.join(root(), entry)
        try:
            if time.time() - os.stat(path).st_mtime > AGE:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass


def _sync(folder):
    """Have the new name on the disk, too, where the system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass
