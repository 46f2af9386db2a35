"""Makes every fix that findings in the public notebooks offer, in copies, and checks again: nothing that can be fixed is left.

    python tests/lint/fixes.py NBHOIST NOTEBOOKS
"""

import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import public

nbhoist, folder = sys.argv[1], Path(sys.argv[2])
found = [finding for finding in public.check(nbhoist, folder, public.notebooks(folder)) if finding["fix"]]
names = sorted({finding["notebook"] for finding in found})
with tempfile.TemporaryDirectory() as target:
    for name in names:
        (Path(target) / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, Path(target) / name)
    left = [finding for finding in public.check(nbhoist, target, names, "--fix", "--unsafe-fixes") if finding["fix"]]
    assert not left, left
    for name in names:
        before, after = (json.loads((Path(where) / name).read_text(encoding="utf-8")) for where in (folder, target))
        assert len(before["cells"]) == len(after["cells"]), name
        changed = [n for n, (a, b) in enumerate(zip(before["cells"], after["cells"]), 1) if public.text_of(a) != public.text_of(b)]
        meant = {finding["cell"] for finding in found if finding["notebook"] == name and finding["code"] == "NBH202"}
        assert set(changed) <= meant, (name, changed)
print(f"fixes: {len(found)} in {len(names)} notebooks, nothing left:", dict(sorted(Counter(finding["code"] for finding in found).items())))
