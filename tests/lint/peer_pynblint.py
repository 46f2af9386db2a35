"""What pynblint finds in notebooks, one JSON object a line; runs in its own environment. Paths come on standard input, one a line."""

import json
import sys
from pathlib import Path

from pynblint import loader
from pynblint.core_models import Notebook
from pynblint.nb_linter import NotebookLinter

loader.load_core_modules()
for name in sys.stdin.read().splitlines():
    try:
        lints = NotebookLinter(Notebook(Path(name))).as_dict()["lints"]
    except Exception as error:  # Whatever ends it, a user of the command would see that notebook unchecked.
        print(json.dumps({"notebook": name, "failed": type(error).__name__}))
        continue
    for lint in lints:
        for cell in lint.get("cells") or [{"index": None}]:
            index = cell["index"]
            print(json.dumps({"notebook": name, "code": lint["slug"], "cell": None if index is None else index + 1, "line": 1}))
