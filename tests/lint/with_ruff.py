"""ruff and nbhoist on the same notebook: neither takes away what the other needs."""

import json
import subprocess
import sys
from pathlib import Path

import sample

nbhoist, work = Path(sys.argv[1]), Path(sys.argv[2])
work.mkdir(parents=True)
path = work / "a.ipynb"
source = "import os\nimport math\nvalue = missing+1 # nbhoist: ignore[NBH202]  # noqa: F821\nprint( math.pi,gone )  # noqa: NBH202, F821"
path.write_text(sample.notebook(sample.code("one", "# nbhoist: ignore[defined-only-later]\nprint(  later)"), sample.code("two", source), sample.code("three", "later=1")))


def found():
    run = subprocess.run([nbhoist, "check", "--output-format", "json", "a.ipynb"], cwd=work, capture_output=True, text=True)
    return sorted((finding["code"], finding["cell"]) for finding in json.loads(run.stdout)["findings"])


before = found()
assert before == [("NBH202", 2)], before
fix = ["ruff", "check", "--isolated", "--quiet", "--fix", "--select", "F,E,RUF100", "a.ipynb"]
assert subprocess.run(fix, cwd=work, stdout=subprocess.DEVNULL).returncode in (0, 1)
subprocess.run(["ruff", "format", "--isolated", "--quiet", "a.ipynb"], cwd=work, check=True)
text = path.read_text()
assert "import os" not in text and "missing + 1" in text, "ruff has done its work"
assert "NBH202, F821" not in text and "# noqa: F821" in text, "ruff takes codes that it does not know out of noqa"
assert "nbhoist: ignore[NBH202]" in text and "nbhoist: ignore[defined-only-later]" in text
assert found() == before, found()
print("ruff: its fixes and its format leave nbhoist's comments, and what nbhoist finds, as they were")
