#!/usr/bin/env python3
"""Fetch the public notebooks that nbhoist is tried on.

They are other people's work and stay out of the repository: `public.csv` pins the
source distributions that ship them, this script downloads those with pip, checks
their sha256, and unpacks the notebooks into an ignored folder:

    .cache/nbhoist-corpus/sdists/NAME-VERSION.tar.gz
    .cache/nbhoist-corpus/notebooks/NAME-VERSION/...

What is already there is not fetched again, so an interrupted run is resumed by
starting it again. Only the standard library and pip are used.

    python3 corpus/fetch.py                          # everything in public.csv
    python3 corpus/fetch.py --package emcee          # some of them
    python3 corpus/fetch.py --runnable               # those that runnable.csv names
"""

import argparse
import csv
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_FOLDER = HERE.parent / ".cache" / "nbhoist-corpus"

# pip insists on preparing a source distribution's metadata before it hands the file over, and that
# takes the distribution's build tools. One environment with all of them saves an isolated
# environment for each package. Only metadata comes of it, so the newest versions will do.
BUILD_TOOLS = (
    "pip setuptools wheel flit_core hatchling poetry-core meson-python meson ninja setuptools_scm versioneer "
    "pdm-backend hatch-vcs scikit-build-core cython numpy pybind11"
).split()


class FetchError(Exception):
    """A package could not be fetched; the text says why and what to do."""


def read_pins(path):
    """Rows of public.csv: package, version, sha256, build, unpack."""
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def runnable_names(path):
    """`NAME-VERSION` of every source distribution that runnable.csv names."""
    with open(path, newline="", encoding="utf-8") as handle:
        return {row["sdist"] for row in csv.DictReader(handle)}


def title(pin):
    """`NAME-VERSION`, the name of the package's folder."""
    return "{package}-{version}".format(**pin)


def normalised(name):
    """The package name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def sha256(path):
    """Hexadecimal digest of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        for part in iter(lambda: handle.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def build_python(folder):
    """Interpreter of the environment that holds the build tools, made at first use."""
    home = folder / "build-env"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "ready"
    if not ready.exists():
        print("preparing the build tools ...", flush=True)
        venv.create(home, clear=True, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", *BUILD_TOOLS]
        if subprocess.run(command, check=False).returncode != 0:
            raise FetchError("the build tools could not be installed with pip: see its message above")
        ready.write_text("")
    return python


def download(pin, folder):
    """Path of the package's source distribution, downloaded unless it is there with the right digest."""
    sdists = folder / "sdists"
    sdists.mkdir(parents=True, exist_ok=True)
    target = sdists / (title(pin) + ".tar.gz")
    if target.exists() and sha256(target) == pin["sha256"]:
        return target
    python = build_python(folder)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # The digest stands in a requirements file, so that pip refuses a wrong file before it runs anything in it.
        wanted = pathlib.Path(scratch, "wanted.txt")
        wanted.write_text("{package}=={version} --hash=sha256:{sha256}\n".format(**pin), encoding="utf-8")
        arrived = pathlib.Path(scratch, "arrived")
        command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        command += ["--no-binary", pin["package"], "--dest", arrived, "--requirement", wanted]
        if pin["build"] == "shared":
            command.append("--no-build-isolation")
        # meson and ninja are programs, which pip looks for on the path.
        path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
        finished = subprocess.run(command, check=False, env={**os.environ, "PATH": path})
        files = list(arrived.glob("*")) if arrived.exists() else []
        if finished.returncode != 0 or len(files) != 1:
            raise FetchError("pip could not download it: see its message above, then run this again")
        if sha256(files[0]) != pin["sha256"]:
            raise FetchError("its sha256 is not the one in public.csv: " + files[0].name)
        os.replace(files[0], target)
    return target


def safe_parts(member):
    """Path of an archive member below the archive's own top folder; None for anything that is not a plain file inside it."""
    parts = pathlib.PurePosixPath(member.name).parts
    if not member.isfile() or len(parts) < 2 or parts[0] == "/" or ".." in parts:
        return None
    return parts[1:]


def wanted_members(archive, unpack):
    """Members to unpack: the notebooks, with `folders` also all that lies in or below their folders."""
    members = [(parts, member) for member in archive.getmembers() if (parts := safe_parts(member)) is not None]
    notebooks = [parts for parts, _ in members if parts[-1].endswith(".ipynb")]
    homes = {parts[:-1] for parts in notebooks} if unpack == "folders" else set()
    for parts, member in members:
        inside = any(parts[: len(home)] == home for home in homes)
        if inside or parts[-1].endswith(".ipynb"):
            yield parts, member


def unpack(pin, sdist, folder):
    """Folder with the package's notebooks, unpacked unless it is there already."""
    target = folder / "notebooks" / title(pin)
    # The stamp is written last and holds the digest and the manner: a folder without it is unfinished or outdated.
    stamp = target / ".unpacked"
    content = "{sha256} {unpack}\n".format(**pin)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == content:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(dir=folder))
    try:
        with tarfile.open(sdist) as archive:
            for parts, member in wanted_members(archive, pin["unpack"]):
                path = scratch.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.extractfile(member) as source, open(path, "wb") as sink:
                    shutil.copyfileobj(source, sink)
        (scratch / ".unpacked").write_text(content, encoding="utf-8")
        scratch.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        os.replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def select(pins, names, runnable):
    """The pins asked for; all of them when none is."""
    if runnable:
        asked = runnable_names(HERE / "runnable.csv")
        pins = [pin for pin in pins if title(pin) in asked]
    if names:
        known = {normalised(pin["package"]) for pin in pins}
        missing = [name for name in names if normalised(name) not in known]
        if missing:
            raise FetchError("not in public.csv: {}; it has: {}".format(", ".join(missing), ", ".join(sorted(known))))
        asked = {normalised(name) for name in names}
        pins = [pin for pin in pins if normalised(pin["package"]) in asked]
    return pins


def main():
    """Fetch what the command line asks for; 0 when all of it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", action="append", metavar="NAME", help="fetch this package only (may be repeated)")
    parser.add_argument("--runnable", action="store_true", help="fetch the packages whose notebooks run offline")
    parser.add_argument("--folder", type=pathlib.Path, default=DEFAULT_FOLDER, help="where to (default: %(default)s)")
    options = parser.parse_args()
    try:
        pins = select(read_pins(HERE / "public.csv"), options.package, options.runnable)
    except FetchError as error:
        print("fetch.py: {}".format(error), file=sys.stderr)
        return 2
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for number, pin in enumerate(pins, 1):
        print("[{}/{}] {} ...".format(number, len(pins), title(pin)), flush=True)
        try:
            home = unpack(pin, download(pin, folder), folder)
        except (FetchError, OSError, tarfile.TarError) as error:
            print("fetch.py: {}: {}".format(title(pin), error), file=sys.stderr)
            failed += 1
            continue
        print("    {} notebooks in {}".format(sum(1 for _ in home.rglob("*.ipynb")), home), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
