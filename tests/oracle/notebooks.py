"""The notebooks that are tried: public ones, our own, generated programs and mutated notebooks."""

import csv
import hashlib
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Notebook:
    """Code cells with their numbers, and the folder that they run in."""

    def __init__(self, name, path, folder, kind):
        self.name, self.path, self.folder, self.kind = name, pathlib.Path(path), folder, kind
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        self.numbers, self.sources = [], []
        for number, cell in enumerate(cells, 1):
            source = "".join(cell["source"])
            tags = cell.get("metadata", {}).get("tags", ())
            if cell["cell_type"] == "code" and source.strip() and "skip-execution" not in tags:
                self.numbers.append(number)
                self.sources.append(source)

    def fingerprint(self):
        """Changes when the cells do."""
        return hashlib.sha256(json.dumps([self.name, self.sources]).encode()).hexdigest()[:16]


def public(corpus):
    """The runnable public notebooks that were fetched; copies of one another count once."""
    found, seen = [], set()
    with open(ROOT / "corpus" / "runnable.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        path = pathlib.Path(corpus) / row["sdist"] / row["notebook"]
        if not path.exists():
            continue
        notebook = Notebook("%s/%s" % (row["sdist"], row["notebook"]), path, path.parent, "public")
        text = json.dumps(notebook.sources)
        if text not in seen:
            seen.add(text)
            found.append(notebook)
    return found


def ours():
    """The notebooks of our corpus."""
    folder = ROOT / "corpus"
    return [Notebook("corpus/" + path.name, path, None, "ours") for path in sorted(folder.glob("*.ipynb"))]


def write(path, sources):
    """Write code cells as a notebook."""
    cells = [
        {"cell_type": "code", "id": "cell-%d" % number, "metadata": {}, "execution_count": None, "outputs": [], "source": source.splitlines(True)}
        for number, source in enumerate(sources, 1)
    ]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1), encoding="utf-8")
