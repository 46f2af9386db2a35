"""Real kernels with the extension: `NBHOIST_BIN` is the command, the package is that of the source tree."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest
from jupyter_client.manager import KernelManager

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("NBHOIST_BIN") or str(ROOT / "target/debug/nbhoist")


class Notebook:
    """A kernel as a front end sees it."""

    def __init__(self, manager):
        self.manager = manager
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, source, look=None, cell=None):
        """Run a cell; gives its outputs and the reply. `look` sees each output as it comes."""
        message = self.client.session.msg(
            "execute_request",
            {"code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": False},
            metadata={"cellId": cell} if cell else {},
        )
        self.client.shell_channel.send(message)
        outputs = []
        while True:
            heard = self.client.get_iopub_msg(timeout=90)
            if heard["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, content = heard["msg_type"], heard["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind in ("stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"):
                outputs.append((kind, content))
                if look:
                    look(kind, content)
        while True:
            reply = self.client.get_shell_msg(timeout=30)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return outputs, reply["content"]

    def text(self, source, **more):
        """What a cell prints; it must not fail."""
        outputs, reply = self.run(source, **more)
        assert reply["status"] == "ok", (reply, outputs)
        return "".join(content["text"] for kind, content in outputs if kind == "stream" and content["name"] == "stdout")

    def notes(self, source, **more):
        """What it says on standard error."""
        outputs, _ = self.run(source, **more)
        return "".join(content["text"] for kind, content in outputs if kind == "stream" and content["name"] == "stderr")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts kernels with these settings; none of them, and nothing that they started, is left in the end."""
    monkeypatch.setenv("NBHOIST_BINARY", BINARY)
    monkeypatch.setenv("NBHOIST_HISTORY", "off")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "executor/runtime"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NBHOIST_TEST_MARK", str(tmp_path))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    started = []

    def start(settings="", load=True):
        folder = tmp_path / "config/nbhoist"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nbhoist.toml").write_text(settings)
        manager = KernelManager()
        manager.start_kernel(cwd=str(tmp_path))
        notebook = Notebook(manager)
        started.append(notebook)
        if load:
            notebook.text("%load_ext nbhoist")
        return notebook

    yield start
    for notebook in started:
        notebook.client.stop_channels()
        notebook.manager.shutdown_kernel(now=True)
    assert gone(str(tmp_path)), "left behind: %s" % alive(str(tmp_path))


def alive(mark):
    """Processes of a test, by a variable of their environment."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and ("NBHOIST_TEST_MARK=" + mark).encode() in (process / "environ").read_bytes().split(b"\0"):
                # The master connection of ssh stays for the next one.
                if b"ControlPath" in (process / "cmdline").read_bytes():
                    continue
                if (process / "stat").read_text().rsplit(") ", 1)[1][0] != "Z":
                    found.append((process / "cmdline").read_text().replace("\0", " ")[:120])
        except OSError:
            pass
    return found


def gone(mark):
    """Waits a while for the processes of a test to end."""
    until = time.monotonic() + 30
    while alive(mark) and time.monotonic() < until:
        time.sleep(0.2)
    return not alive(mark)


@pytest.fixture
def ssh():
    """Settings of a place `box` behind a real ssh server on this machine."""
    if os.geteuid() != 0 or not (shutil.which("sshd") or os.path.exists("/usr/sbin/sshd")):
        pytest.skip("needs root and an ssh server")
    script = ROOT / "tests/engines/ssh.sh"
    environment = dict(os.environ, NBHOIST_TEST_PYTHON=os.environ.get("NBHOIST_TEST_PYTHON", "python3"))
    # The server is no process of the kernel's.
    environment.pop("NBHOIST_TEST_MARK", None)
    server = subprocess.Popen(["bash", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    ready = json.loads(server.stdout.readline())
    yield "[executors.box]\n" + ready["place"]
    server.stdin.close()
    server.wait(30)
