"""A namespace that acts as the user's kernel, and a real worker process that speaks real frames."""

import json
import os
import subprocess
import sys
import types

import pytest

RUNTIME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, RUNTIME)

from nbhoist_runtime import frames, kernel, seal  # noqa: E402

BOOT = "import sys; sys.path.insert(0, %r); from nbhoist_runtime import worker; worker.main()" % RUNTIME


class Failure(Exception):
    """A `failed` frame, or an error of a kernel call."""

    def __init__(self, error):
        Exception.__init__(self, error.get("text") or error.get("error"))
        self.error = error


class Process:
    """A worker process."""

    def __init__(self, prelude="", env=None):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", prelude + BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        key, nonce = os.urandom(seal.KEY), os.urandom(seal.NONCE)
        self.process.stdin.write(key + nonce)
        self.way_in = frames.Sealed(self.process.stdin, seal.Seal(key, seal.TO_WORKER, nonce))
        self.way_out = frames.Sealed(self.process.stdout, seal.Seal(key, seal.FROM_WORKER, nonce))
        self._id = 0
        self.hello = self.ask({"op": "hello", "protocol": 3, "codecs": ["raw"]}, "hello")

    def send(self, header, payload=b""):
        frames.write(self.way_in, dict(header), payload)
        self.process.stdin.flush()

    def receive(self):
        header, payload = frames.read(self.way_out)
        if header is None:
            raise EOFError("the worker is gone")
        return header, payload

    def ask(self, header, answer="ok", other=None):
        """Send a request and wait for its answer; other frames go to `other`."""
        self._id += 1
        if answer != "hello":
            header = dict(header, id=self._id)
        self.send(header)
        return self.wait(answer, other)

    def wait(self, answer, other=None):
        while True:
            frame, payload = self.receive()
            if frame["op"] == answer:
                return frame
            if frame["op"] == "failed":
                raise Failure(frame)
            if other is not None:
                other(frame, payload)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(100)


def call(function, **arguments):
    """Call a function of the kernel's side as nbhoist does, and raise its error."""
    answer = json.loads(getattr(kernel, function)(json.dumps(arguments)))
    if answer.get("error"):
        raise Failure(answer["error"])
    return answer


class Lab:
    """A kernel (`space` is its namespace) and the means to move blocks out of it."""

    def __init__(self, module, directory):
        self.module = module
        self.space = module.__dict__
        self.directory = directory
        self.migrations = 0
        self.events = []
        self.worker = None

    def cell(self, source):
        exec(compile(source, "<cell>", "exec"), self.space)

    call = staticmethod(call)

    def names(self):
        from nbhoist_runtime import session

        return list(session.user_names(self.space))

    def start(self, names, count=1, stay=(), place=None, **options):
        """Capture `names` and bring them to a new worker; `stay` may stay at `place`."""
        self.migrations += 1
        self.events = []
        self.supplied = 0
        self.migration = "%s-%d" % (os.path.basename(str(self.directory)), self.migrations)
        file = os.path.join(str(self.directory), self.migration + ".inputs")
        self.captured = self.call("capture", migration=self.migration, names=names, file=file, place=place, stay=list(stay))
        self.worker = Process(**options)
        self.worker.ask({
            "op": "begin", "directory": self.captured["directory"], "path": self.captured["path"],
            "ambient": self.captured["ambient"], "count": count,
        })
        self.worker.ask({"op": "imports", "lines": self.captured["imports"]})
        self.ship(file)
        self.worker.ask({
            "op": "stayed", "folder": self.captured["folder"], "names": self.captured["stayed"], "drop": self.captured["drop"],
        })

    def ship(self, file):
        with open(file, "rb") as source:
            while True:
                header, payload = frames.read(source)
                if header["op"] == "bundle":
                    break
                self.worker.send(header, payload)
        return self.worker.ask(header)

    def run(self, source, count=1, cell="c1"):
        """Run a cell; events go to `events`, faults are answered."""
        return self.worker.ask({"op": "run", "cell": cell, "number": count, "source": source, "count": count}, "done", self._event)

    def _event(self, frame, payload):
        if frame["op"] != "fault":
            self.events.append(frame)
            return
        self.events.append(frame)
        file = os.path.join(str(self.directory), "%s.fault.%d" % (self.migration, self.supplied))
        try:
            answer = self.call("supply", migration=self.migration, name=frame["name"], file=file)
        except Failure as failure:
            self.worker.send({"op": "absent", "name": frame["name"], "error": str(failure)})
            return
        if answer.get("stayed"):
            entry = answer["stayed"][frame["name"]]
            self.worker.send({"op": "there", "name": frame["name"], "folder": answer["folder"], "sha256": entry["sha256"]})
            return
        if answer["absent"]:
            self.worker.send({"op": "absent", "name": frame["name"]})
            return
        self.supplied += 1
        self.ship(file)

    def collect(self, returns=(), everything=True):
        """Bring the results to a file; gives the `collected` frame."""
        self.results = os.path.join(str(self.directory), self.migration + ".returns")
        with open(self.results, "wb") as file:
            header = self.worker.ask(
                {
                    "op": "collect", "returns": list(returns), "everything": everything,
                    "stay": self.captured["stay"], "folder": self.captured["folder"],
                }, "collected",
                lambda frame, payload: frames.write(file, frame, payload) if frame["op"] == "buffer" else None,
            )
            frames.write(file, dict(header))
        self.collected = header
        return header

    def restore(self, **options):
        return self.call("restore", migration=self.migration, file=self.results, **options)

    def finish(self):
        if self.worker is not None:
            self.worker.close()
            self.worker = None
        self.call("release", migration=self.migration)

    def migrate(self, *cells, names=None, returns=(), everything=True, **options):
        """The whole way; returns what `restore` reports."""
        self.start(self.names() if names is None else names)
        try:
            for index, source in enumerate(cells):
                done = self.run(source, index + 1)
                if not done["ok"]:
                    break
            self.ok = done["ok"]
            self.collect(returns, everything)
            return self.restore(**options)
        finally:
            self.finish()

    def text(self, name="stdout"):
        return "".join(event["text"] for event in self.events if event["op"] == "stream" and event["name"] == name)

    def errors(self):
        return [event for event in self.events if event["op"] == "error"]


class KernelLab(Lab):
    """A real ipykernel to move blocks out of."""

    def __init__(self, client, directory):
        Lab.__init__(self, types.ModuleType("unused"), directory)
        self.client = client
        self.value("__import__('sys').path.insert(0, %r)" % RUNTIME)

    def value(self, expression):
        """The text of an expression, evaluated as nbhoist does."""
        reply = self.client.execute_interactive(
            "", silent=True, user_expressions={"x": expression}, allow_stdin=False, timeout=200
        )["content"]["user_expressions"]["x"]
        assert reply["status"] == "ok", reply
        return reply["data"]["text/plain"]

    def call(self, function, **arguments):
        import ast

        text = self.value("__import__('nbhoist_runtime.kernel', fromlist=['x']).%s(%r)" % (function, json.dumps(arguments)))
        answer = json.loads(ast.literal_eval(text))
        if answer.get("error"):
            raise Failure(answer["error"])
        return answer

    def cell(self, source):
        """Run a cell in the kernel; gives the messages it sends and the reply."""
        found = []

        def take(message):
            kind = message["header"]["msg_type"]
            if kind in ("stream", "display_data", "update_display_data", "execute_result", "clear_output", "error"):
                found.append(dict(message["content"], op=kind))

        reply = self.client.execute_interactive(source, output_hook=take, allow_stdin=False, timeout=200)
        return found, reply["content"]


def kernel_client():
    """A client of a kernel, which ends with the fixture."""
    manager, client = pytest.importorskip("jupyter_client").manager.start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture(scope="session")
def client():
    yield from kernel_client()


@pytest.fixture
def kernel_lab(client, tmp_path):
    made = KernelLab(client, tmp_path)
    made.cell("%reset -f")
    yield made
    if made.worker is not None:
        made.worker.process.kill()
        made.worker.close()
        made.call("release", migration=made.migration)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    made = Lab(module, tmp_path)
    yield made
    if made.worker is not None:
        made.worker.process.kill()
        made.worker.close()
        call("release", migration=made.migration)
