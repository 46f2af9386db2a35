"""Where the `nbhoist` command is."""

import os
import shutil
import sys
import sysconfig

from .errors import HoistError


def find():
    """The path of the command: `NBHOIST_BINARY`, else beside this interpreter, else on `PATH`."""
    given = os.environ.get("NBHOIST_BINARY")
    if given:
        if not os.access(given, os.X_OK):
            raise HoistError("NBHOIST_BINARY names %s, which is no program" % given, "correct it, or unset it")
        return given
    name = "nbhoist" + (sysconfig.get_config_var("EXE") or "")
    folders = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable), os.path.join(sys.prefix, "bin")]
    if hasattr(sysconfig, "get_preferred_scheme"):
        folders.append(sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user")))
    # `pip install --target` puts programs beside packages.
    folders.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin"))
    for folder in folders:
        path = os.path.join(folder, name) if folder else None
        if path and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    path = shutil.which("nbhoist")
    if path:
        return path
    raise HoistError(
        "the program `nbhoist` is not there: neither beside %s nor on PATH" % sys.executable,
        "`%pip install --force-reinstall nbhoist` in a cell brings it, or set NBHOIST_BINARY to its path",
    )
