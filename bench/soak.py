#!/usr/bin/env python3
"""Eight hours of editing in twenty minutes, and what they leave behind.

    bench/soak.py --nbhoist target/release/nbhoist --python PYTHON [--minutes 20] [--plot docs/soak.svg] [--json FILE]

A language server has 50 notebooks open. Random edits come all the time, a block of a notebook with a kernel is moved to a
worker (200 times in all), kernels are restarted, and some are killed from outside. Every block that was moved must have
changed the kernel's state as a local run would. What grows is measured: resident memory, open files, threads, processes
below the server and files in the temporary folder. The first quarter warms up; after it the medians of the second and the
last quarter are compared. PYTHON needs ipykernel. Only the standard library is used here.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import statistics
import tempfile
import threading
import time

from language_client import Client

NOTEBOOKS, CELLS, WITH_KERNEL, MIGRATIONS = 50, 40, 4, 200
SEED = 11
# Seconds between two looks at the server, and between two edits.
LOOK, PAUSE = 5.0, 0.02
WORDS = ["x = 1\n", "print(nowhere)\n", "for i in range(3):\n", "    pass\n", "def f(:\n", "import numpy as np\n", "'''\n", "y = [*x]\n"]
# What may grow between the second and the last quarter: a share, and an amount on top of it.
ALLOWED = {"memory_mb": (0.10, 5), "files": (0.0, 4), "threads": (0.0, 4), "processes": (0.0, 2), "temporary": (0.0, 2)}

BLOCK = ["state = {'count': 0, 'rows': list(range(1000))}\nalias = state['rows']", "state['count'] += 1\nstate['rows'].append(state['count'])"]
LOOK_AT = "print(state['count'], len(state['rows']), alias is state['rows'])"


class Notebook:
    """A notebook as the editor has it."""

    def __init__(self, folder, number, random_numbers):
        self.uri = (folder / f"n{number}.ipynb").as_uri()
        self.number, self.version = number, 1
        plain = [f"v{n} = {n}\nw{n} = [v{n // 2}, {n}]\nprint(w{n})\n" for n in range(CELLS)]
        random_numbers.shuffle(plain)
        self.cells = [*BLOCK, *plain] if number < WITH_KERNEL else plain
        self.lines = [text.count("\n") for text in self.cells]
        self.count = 0

    def cell(self, number):
        return f"vscode-notebook-cell:{self.uri.removeprefix('file:')}#c{number}"


class Soak:
    """The server, its notebooks and what was seen of them."""

    def __init__(self, nbhoist, python, folder):
        self.random, self.typist = random.Random(SEED), random.Random(SEED + 1)
        self.folder, self.finished, self.printed, self.seen = folder, {}, {}, []
        self.jobs = self.edits = self.migrations = self.restarts = self.kills = 0
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        home = folder / "home"
        home.mkdir()
        env = {**os.environ, "TMPDIR": str(self.temporary), "HOME": str(home), "XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        options = {"python": str(python)}
        self.client = Client("nbhoist", [str(nbhoist), "server"], folder, self._hear, options=options, env=env)
        self.notebooks = [Notebook(folder, number, self.random) for number in range(NOTEBOOKS)]
        for notebook in self.notebooks:
            self.client.open(notebook.uri, notebook.cells, notebook.cell)
        for notebook in self.notebooks[:WITH_KERNEL]:
            self.begin(notebook)

    def _hear(self, method, params, _):
        if method == "nbhoist/finished":
            self.finished[params["job"]] = params
        elif method == "nbhoist/output" and params.get("output", {}).get("output_type") == "stream":
            text = params["output"]["text"]
            self.printed[params["job"]] = self.printed.get(params["job"], "") + (text if isinstance(text, str) else "".join(text))

    def job(self, method, notebook, **more):
        """Runs a job to its end; how it ended, and what it printed."""
        self.jobs += 1
        name = f"soak-{self.jobs}"
        params = {"notebook": notebook.uri, "job": name, **more}
        if method.startswith("nbhoist."):
            method, params = "workspace/executeCommand", {"command": method, "arguments": [params]}
        self.client.request(method, params)
        ended = self.client.wait(lambda: self.finished.get(name), 120)
        with self.client.news:
            del self.finished[name]
            return ended, self.printed.pop(name, "")

    def execute(self, notebook, cell, source=None):
        ended, printed = self.job("nbhoist/execute", notebook, cell=cell, **({"source": source} if source else {}))
        if ended["outcome"] != "done":
            raise SystemExit(f"a cell did not run: {ended}")
        return printed

    def begin(self, notebook):
        self.client.request("nbhoist/startKernel", {"notebook": notebook.uri}, 120)
        notebook.count = 0
        self.execute(notebook, 1, BLOCK[0])

    def migrate(self):
        notebook = self.notebooks[self.random.randrange(WITH_KERNEL)]
        ended, _ = self.job("nbhoist.migrate", notebook, cells=[2], executor="local")
        if ended["outcome"] != "done":
            raise SystemExit(f"a block did not move: {ended}")
        self.migrations += 1
        notebook.count += 1
        printed = self.execute(notebook, 1, LOOK_AT).split()
        wanted = [str(notebook.count), str(1000 + notebook.count), "True"]
        if printed != wanted:
            raise SystemExit(f"after {self.migrations} moves the kernel has {printed}, not {wanted}")

    def restart(self):
        notebook = self.notebooks[self.random.randrange(WITH_KERNEL)]
        self.client.request("nbhoist/restart", {"notebook": notebook.uri}, 120)
        notebook.count = 0
        self.execute(notebook, 1, BLOCK[0])
        self.restarts += 1

    def kill(self):
        """Kills a kernel from outside and starts another one."""
        for process in below(self.client.process.pid):
            if "ipykernel" in command(process):
                os.kill(process, signal.SIGKILL)
                break
        else:
            raise SystemExit("no kernel is there to be killed")
        self.kills += 1
        # The next cell that a user runs finds the kernel dead; the server says so, and a restart helps.
        for notebook in self.notebooks[:WITH_KERNEL]:
            ended, _ = self.job("nbhoist/execute", notebook, cell=1, source="1")
            if ended["outcome"] != "done":
                if "kernel" not in ended["message"]:
                    raise SystemExit(f"a dead kernel is not told: {ended}")
                self.client.request("nbhoist/restart", {"notebook": notebook.uri}, 120)
                notebook.count = 0
                self.execute(notebook, 1, BLOCK[0])

    def edit(self):
        """Puts a line into a cell that no block uses, or takes one away."""
        notebook = self.typist.choice(self.notebooks)
        cell = self.typist.randrange(len(BLOCK) if notebook.number < WITH_KERNEL else 0, len(notebook.cells))
        notebook.version += 1
        line = self.typist.randrange(notebook.lines[cell])
        # A cell grows to ten lines at most, as otherwise the texts would grow and not the server.
        if notebook.lines[cell] < 10 and self.typist.random() < 0.5:
            self.client.change(notebook.uri, notebook.cell(cell), notebook.version, line, line, self.typist.choice(WORDS))
            notebook.lines[cell] += 1
        elif notebook.lines[cell] > 1:
            self.client.change(notebook.uri, notebook.cell(cell), notebook.version, line, line + 1, "")
            notebook.lines[cell] -= 1
        self.edits += 1

    def look(self, minutes):
        server = self.client.process.pid
        processes = below(server)
        row = {
            "minutes": minutes,
            "memory_mb": self.client.memory(),
            "files": len(os.listdir(f"/proc/{server}/fd")),
            "threads": len(os.listdir(f"/proc/{server}/task")),
            "processes": len(processes),
            "temporary": sum(len(files) for _, _, files in os.walk(self.temporary)),
        }
        self.seen.append(row)
        print("  ".join(f"{key} {value:7.1f}" for key, value in row.items()) + f"  edits {self.edits} moves {self.migrations}", flush=True)

    def run(self, minutes):
        began = time.monotonic()
        every = {self.look_now: LOOK, self.migrate: minutes * 60 / MIGRATIONS, self.restart: minutes, self.kill: minutes * 6}
        due = {work: began + period / 2 for work, period in every.items()}
        self.began, over = began, threading.Event()
        typing = threading.Thread(target=self.type_until, args=(over,))
        typing.start()
        while time.monotonic() < began + minutes * 60 or self.migrations < MIGRATIONS:
            for work, period in every.items():
                if time.monotonic() >= due[work]:
                    work()
                    due[work] += period
            time.sleep(PAUSE)
        over.set()
        typing.join()
        self.look_now()

    def type_until(self, over):
        while not over.wait(PAUSE):
            self.edit()

    def look_now(self):
        self.look((time.monotonic() - self.began) / 60)


def command(process):
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def below(process):
    """Every process that descends from one."""
    parents = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found, last = [], [process]
    while last:
        last = [child for child, parent in parents.items() if parent in last]
        found += last
    return found


def growth(seen):
    """Medians of the second and of the last quarter, and whether what grew is allowed."""
    quarter = len(seen) // 4
    rows = {}
    for key, (share, amount) in ALLOWED.items():
        early = statistics.median(row[key] for row in seen[quarter : 2 * quarter])
        late = statistics.median(row[key] for row in seen[-quarter:])
        rows[key] = {"second_quarter": early, "last_quarter": late, "flat": late <= early * (1 + share) + amount}
    return rows


def plot(seen, path):
    """An SVG with a curve for each thing that is measured, each on a scale of its own that begins at zero."""
    width, height, left = 720, 110, 150
    parts = []
    for index, key in enumerate(ALLOWED):
        top, most = index * height, max(row[key] for row in seen) or 1
        points = " ".join(
            f"{left + row['minutes'] / seen[-1]['minutes'] * (width - left - 10):.1f},{top + height - 15 - row[key] / most * (height - 35):.1f}"
            for row in seen
        )
        parts.append(f'<text x="5" y="{top + 55}">{key.replace("_", " ")}</text><text x="5" y="{top + 75}">at most {most:.0f}</text>')
        parts.append(f'<line x1="{left}" x2="{width - 10}" y1="{top + height - 15}" y2="{top + height - 15}" stroke="#999"/>')
        parts.append(f'<polyline fill="none" stroke="#2563eb" stroke-width="1.5" points="{points}"/>')
    whole = height * len(ALLOWED) + 20
    parts.append(f'<text x="{left}" y="{whole - 5}">0 to {seen[-1]["minutes"]:.0f} minutes</text>')
    style = "<style>text{font:13px sans-serif;fill:#444}</style><rect width='100%' height='100%' fill='white'/>"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {whole}">{style}{"".join(parts)}</svg>\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nbhoist", default="target/release/nbhoist", type=pathlib.Path)
    parser.add_argument("--python", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", default=20.0, type=float)
    parser.add_argument("--plot", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(chosen.nbhoist.resolve(), chosen.python.absolute(), pathlib.Path(folder))
        soak.run(chosen.minutes)
        processes = below(soak.client.process.pid)
        soak.client.request("shutdown", None)
        soak.client.notify("exit", None)
        soak.client.process.wait(60)
        # What was below the server must end with it.
        deadline = time.monotonic() + 20
        while any("nbhoist" in command(p) or "ipykernel" in command(p) for p in processes) and time.monotonic() < deadline:
            time.sleep(0.2)
        left = [command(p) for p in processes if "nbhoist" in command(p) or "ipykernel" in command(p)]
        files = [str(pathlib.Path(root, name)) for root, _, names in os.walk(soak.temporary) for name in names]
    rows = growth(soak.seen)
    counts = {"edits": soak.edits, "migrations": soak.migrations, "restarts": soak.restarts, "kills": soak.kills}
    print(json.dumps({"counts": counts, "growth": rows, "left_processes": left, "left_files": files}, indent=1))
    if chosen.json:
        chosen.json.write_text(json.dumps({"counts": counts, "growth": rows, "seen": soak.seen}, indent=1) + "\n")
    if chosen.plot:
        plot(soak.seen, chosen.plot)
    if left or files or not all(row["flat"] for row in rows.values()):
        raise SystemExit("something grew, or was left behind")


if __name__ == "__main__":
    main()
