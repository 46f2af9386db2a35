#!/usr/bin/env python3
"""Measures language servers side by side: from a one-line edit in a cell to the diagnostics of that cell.

    bench/server.py --nbhoist target/release/nbhoist --ruff PATH [--rounds 200] [--json FILE]
    bench/server.py --nbhoist target/release/nbhoist --memory 100000

The notebooks have cells of 12 lines each of which reads an earlier cell. The servers take turns, edit by edit, so what
else the machine does falls on both. An edit inserts the use of a name that is nowhere, and takes it away again; it has
ended when the server has published diagnostics of that cell with the name in them, or without it. `--memory` sends so
many edits and prints the resident memory (MB) twenty times on the way; every hundredth edit is waited for.
Only the standard library is used.
"""

import argparse
import json
import pathlib
import random
import tempfile
import time

from language_client import Client

LINES = 12
SEED = 7


class Server:
    """A language server with one notebook open."""

    def __init__(self, name, command, cells):
        self.name, self.version, self.heard = name, 1, {}
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        self.notebook = (folder / "n.ipynb").as_uri()
        capabilities = {
            "notebookDocument": {"synchronization": {}},
            "textDocument": {"publishDiagnostics": {"versionSupport": True}},
        }
        self.client = Client(name, command, folder, self._hear, capabilities)
        self.client.open(self.notebook, cells, self.uri)

    def uri(self, cell):
        return f"vscode-notebook-cell:{self.notebook.removeprefix('file:')}#c{cell}"

    def _hear(self, method, params, at):
        if method == "textDocument/publishDiagnostics":
            self.heard[params["uri"]] = (at, json.dumps(params["diagnostics"]))

    def change(self, cell, start, end, text):
        self.version += 1
        self.client.change(self.notebook, self.uri(cell), self.version, start, end, text)

    def edit(self, cell, name, insert):
        """Seconds until the diagnostics of the cell are told after `name` came into it or left it."""
        uri = self.uri(cell)
        with self.client.news:
            self.heard.pop(uri, None)
        began = time.perf_counter()
        if insert:
            self.change(cell, 3, 3, name + "\n")
        else:
            self.change(cell, 3, 4, "")

        def told():
            at, text = self.heard.get(uri, (None, ""))
            return at if at is not None and (name in text) == insert else None

        return self.client.wait(told) - began

    def memory(self):
        """Resident memory, MB."""
        return self.client.memory()

    def end(self):
        self.client.end()
        self.folder.cleanup()


def sources(count):
    """Cells of 12 lines, each of which reads an earlier one."""
    first = "".join(f"v0_{line} = 1\n" for line in range(LINES))
    later = ["".join(f"v{n}_{k} = v{n // 2}_{k} + {k}\n" for k in range(LINES)) for n in range(1, count)]
    return [first, *later]


def quantile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def compare(commands, cells, rounds):
    """p50 and p99 in milliseconds and memory in MB for each server, and the servers' ratios."""
    servers = [Server(name, command, sources(cells)) for name, command in commands.items()]
    times = {server.name: [] for server in servers}
    order = random.Random(SEED)
    for turn in range(-5, rounds):
        cell = order.randrange(cells)
        for insert in (True, False):
            for server in servers:
                took = server.edit(cell, f"nowhere{turn + 5}x", insert)
                if turn >= 0:
                    times[server.name].append(took)
    rows = {
        server.name: {
            "cells": cells,
            "edits": len(times[server.name]),
            "p50_ms": quantile(times[server.name], 0.5),
            "p99_ms": quantile(times[server.name], 0.99),
            "memory_mb": server.memory(),
        }
        for server in servers
    }
    for server in servers:
        server.end()
    return rows


def memory(command, edits):
    """Resident memory, MB, twenty times while so many edits come."""
    cells = 200
    server = Server("nbhoist", command, sources(cells))
    curve, order = [], random.Random(SEED)
    for edit in range(0, edits, 2):
        cell, name = order.randrange(cells), f"nowhere{edit}x"
        if edit % 100 == 0:
            server.edit(cell, name, True)
            server.edit(cell, name, False)
        else:
            server.change(cell, 3, 3, name + "\n")
            server.change(cell, 3, 4, "")
        if edit % (edits // 20) == 0:
            curve.append((edit, server.memory()))
            print(f"{edit:>8} edits {curve[-1][1]:7.1f} MB", flush=True)
    server.edit(0, "nowhere_last", True)
    curve.append((edits, server.memory()))
    print(f"{edits:>8} edits {curve[-1][1]:7.1f} MB", flush=True)
    server.end()
    return curve


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nbhoist", default="target/release/nbhoist", type=pathlib.Path)
    parser.add_argument("--ruff", default="ruff")
    parser.add_argument("--rounds", default=200, type=int, help="edits of each server, there and back")
    parser.add_argument("--large-rounds", default=20, type=int, help="the same in the notebook of 5,000 cells")
    parser.add_argument("--memory", type=int, metavar="EDITS")
    parser.add_argument("--json", type=pathlib.Path, help="where the numbers are written")
    chosen = parser.parse_args()
    ours = [str(chosen.nbhoist.resolve()), "server"]
    if chosen.memory:
        result = {"memory": memory(ours, chosen.memory)}
    else:
        result = {"200": compare({"nbhoist": ours, "ruff": [chosen.ruff, "server"]}, 200, chosen.rounds)}
        result["5000"] = compare({"nbhoist": ours}, 5000, chosen.large_rounds)
        for size, rows in result.items():
            for name, row in rows.items():
                print(
                    f"{size:>5} cells  {name:<8} p50 {row['p50_ms']:7.1f} ms  p99 {row['p99_ms']:7.1f} ms"
                    f"  {row['memory_mb']:6.1f} MB  ({row['edits']} edits)"
                )
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
