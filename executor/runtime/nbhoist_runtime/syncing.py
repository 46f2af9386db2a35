"""Builds the kernel's environment at an executor, once: exact versions, installed by uv, kept under the hash of their list.

Executed on its own, without the rest of the package; `sync` reads one request and answers with lines of JSON.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys


def sync():
    """Read a request from standard input and build what it asks for; does not return."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**fields):
        out.write(json.dumps(fields) + "\n")
        out.flush()

    source = os.fdopen(0, "rb", 0, closefd=False)
    line = b""
    while not line.endswith(b"\n"):
        part = source.read(1)
        if not part:
            os._exit(1)
        line += part
    request = json.loads(line.decode())
    try:
        say(done=ensure(request["lock"], request["python"], lambda text: say(text=text)))
    except Exception as error:
        say(failed=str(error) or type(error).__name__)
    os._exit(0)


def ensure(lock, version, say):
    """The interpreter of the environment with these requirements."""
    home = os.path.join(_cache(), "environments")
    os.makedirs(home, 0o700, exist_ok=True)
    key = hashlib.sha256((version + "\n" + lock).encode()).hexdigest()[:16]
    path = os.path.join(home, "sync-" + key)
    with open(path + ".lock", "a") as guard:
        _wait_for(guard, say)
        interpreter = os.path.join(path, "bin", "python")
        if not os.path.exists(os.path.join(path, "nbhoist-complete")):
            _build(path, lock, version, say)
            with open(os.path.join(path, "nbhoist-complete"), "w") as stamp:
                stamp.write(lock)
        return interpreter


def _cache():
    chosen = os.environ.get("NBHOIST_CACHE_DIR")
    return chosen or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nbhoist")


def _wait_for(guard, say):
    import fcntl

    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("another block builds the same environment; waiting for it")
        fcntl.flock(guard, fcntl.LOCK_EX)


def _build(path, lock, version, say):
    shutil.rmtree(path, ignore_errors=True)
    uv = _uv(say)
    say("creating an environment with %d packages" % len(lock.split()))
    own = "%d.%d" % sys.version_info[:2]
    _run([uv, "venv", "-q", "--python", sys.executable if own == version else version, path], say)
    listing = path + ".txt"
    with open(listing, "w") as file:
        file.write(lock)
    # The list is complete and exact, so there is nothing to resolve.
    _run([uv, "pip", "install", "--no-deps", "--python", os.path.join(path, "bin", "python"), "-r", listing], say)
    os.unlink(listing)


def _uv(say):
    found = shutil.which("uv")
    if found:
        return found
    tools = os.path.join(_cache(), "environments", "uv")
    uv = os.path.join(tools, "bin", "uv")
    if not os.path.exists(uv):
        say("uv is not here; installing it")
        _run([sys.executable, "-m", "venv", tools], say)
        _run([os.path.join(tools, "bin", "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "uv"], say)
    return uv


def _run(command, say):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    last = []
    for line in process.stdout:
        if line.strip():
            say(line.strip())
            last = (last + [line.strip()])[-5:]
    if process.wait():
        raise RuntimeError("%s failed: %s" % (os.path.basename(command[0]), " ".join(last)))
