"""A language client for measurements: it sends, it remembers what came and when. Only the standard library is used."""

import json
import subprocess
import threading
import time

# Seconds after which a server counts as stuck.
PATIENCE = 60.0


class Client:
    """A server that was started and initialized. `hear` gets each notification and the moment it came (seconds)."""

    def __init__(self, name, command, folder, hear, capabilities=None, options=None, env=None):
        self.name, self.hear, self.answers = name, hear, {}
        self.news = threading.Condition()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, env=env
        )
        threading.Thread(target=self._read, daemon=True).start()
        root = folder.as_uri()
        self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "w"}],
                "capabilities": capabilities or {"notebookDocument": {"synchronization": {}}},
                "initializationOptions": options,
            },
        )
        self.notify("initialized", {})

    def _write(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self.news:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self.process.stdin.flush()

    def notify(self, method, params):
        self._write({"method": method, "params": params})

    def ask(self, method, params):
        """Sends a request; its number."""
        with self.news:
            number = len(self.answers) + 1
            self.answers[number] = None
        self._write({"id": number, "method": method, "params": params})
        return number

    def request(self, method, params, patience=PATIENCE):
        """The answer's result; an error of the server is raised."""
        number = self.ask(method, params)
        answer = self.wait(lambda: self.answers[number], patience)
        self.answers[number] = {}
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer.get("result")

    def _read(self):
        out = self.process.stdout
        while header := out.readline():
            if not header.lower().startswith(b"content-length:"):
                continue
            while out.readline().strip():
                pass
            body = out.read(int(header.split(b":")[1]))
            # Reading JSON is the client's work and does not count.
            at = time.perf_counter()
            self._take(json.loads(body), at)

    def _take(self, message, at):
        with self.news:
            if "method" not in message:
                self.answers[message["id"]] = message
            elif "id" not in message:
                self.hear(message["method"], message["params"], at)
            self.news.notify_all()
        if "id" in message and "method" in message:
            self._write({"id": message["id"], "result": None})

    def wait(self, done, patience=PATIENCE):
        """What `done` gives when it gives something."""
        with self.news:
            if not self.news.wait_for(done, patience):
                raise SystemExit(f"{self.name} did not answer within {patience:.0f} s")
            return done()

    def open(self, notebook, sources, uri):
        """Opens a notebook of these cells; `uri` gives the URI of a cell's number."""
        documents = [{"uri": uri(n), "languageId": "python", "version": 1, "text": text} for n, text in enumerate(sources)]
        listed = [{"kind": 2, "document": document["uri"]} for document in documents]
        told = {"uri": notebook, "notebookType": "jupyter-notebook", "version": 1, "cells": listed}
        self.notify("notebookDocument/didOpen", {"notebookDocument": told, "cellTextDocuments": documents})

    def change(self, notebook, cell, version, start, end, text):
        """Replaces the lines from `start` to `end` of a cell, a URI."""
        places = {"start": {"line": start, "character": 0}, "end": {"line": end, "character": 0}}
        document = {"uri": cell, "version": version}
        changes = {"cells": {"textContent": [{"document": document, "changes": [{"range": places, "text": text}]}]}}
        self.notify("notebookDocument/didChange", {"notebookDocument": {"uri": notebook, "version": version}, "change": changes})

    def memory(self):
        """Resident memory of the server, MB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(status.read().split("VmRSS:")[1].split()[0]) / 1000

    def end(self):
        self.process.kill()
        self.process.wait()
