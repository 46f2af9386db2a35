"""A folder with notebooks in which something is found: by hand, without the tool that is tested."""

import json
import sys
from pathlib import Path


def code(identity, source, **more):
    cell = {"cell_type": "code", "execution_count": None, "id": identity, "metadata": {}, "outputs": [], "source": source.splitlines(True)}
    return cell | more


def notebook(*cells):
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    return json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False) + "\n"


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "<&>", "traceback": ["\u001b[31mValueError\u001b[0m: <&>"]}


def write(folder):
    """Writes the folder and returns the files with findings."""
    folder = Path(folder)
    (folder / "archive").mkdir(parents=True, exist_ok=True)
    cells = [
        code("first", "import math\nx = 1"),
        code("second", 'y = x\nprint("é <&>", missing, other)\nprint(missing)'),
        code("third", "print(later)  # nbhoist: ignore[NBH101]", outputs=[ERROR], execution_count=7),
        code("fourth", "later = math.pi"),
    ]
    (folder / "a, b.ipynb").write_text(notebook(*cells), encoding="utf-8")
    (folder / "good.ipynb").write_text(notebook(code("only", "x = 1")), encoding="utf-8")
    (folder / "archive" / "old.ipynb").write_text(notebook(code("only", "print(missing)")), encoding="utf-8")
    (folder / "nbhoist.toml").write_text('exclude = ["archive/"]\n', encoding="utf-8")
    return ["a, b.ipynb"]


if __name__ == "__main__":
    write(sys.argv[1])
