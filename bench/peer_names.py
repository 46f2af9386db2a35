#!/usr/bin/env python3
"""Asks marimo or ipyflow which names each cell of notebooks defines and needs: `peer_names.py PEER NOTEBOOK...`.

It asks them as the oracle does (tests/oracle/peer_sets.py), and prints how many cells they could read.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "oracle"))
import peer_sets


def main():
    ask, read, failed = peer_sets.PEERS[sys.argv[1]], 0, 0
    for path in sys.argv[2:]:
        for cell in json.loads(pathlib.Path(path).read_bytes())["cells"]:
            if cell["cell_type"] != "code":
                continue
            try:
                ask("".join(cell["source"]))
                read += 1
            # Magics and half-written cells are no Python to them.
            except Exception:
                failed += 1
    print(f"{read} cells read, {failed} not")


if __name__ == "__main__":
    main()
