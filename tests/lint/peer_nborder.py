"""What nborder finds in notebooks, one JSON object a line; runs in its own environment. Paths come on standard input, one a line.

One process for all of them: as a command it stops at the first notebook that it cannot read.
"""

import json
import sys
from pathlib import Path

from nborder.check import check_notebook
from nborder.config import load_config
from nborder.parser.reader import read_notebook

for name in sys.stdin.read().splitlines():
    path = Path(name)
    try:
        found = check_notebook(read_notebook(path), load_config(path), include_levels=frozenset({"error", "warning"}))
    except Exception as error:  # Whatever ends it, a user of the command would see that notebook unchecked.
        print(json.dumps({"notebook": name, "failed": type(error).__name__}))
        continue
    for one in found:
        if one.severity != "info":
            print(json.dumps({"notebook": name, "code": one.code, "cell": one.cell_index + 1, "line": one.line, "column": one.column, "end": one.end_column}))
