"""The JSON schema of the settings: a schema, takes what nbhoist takes, refuses what it warns about or refuses."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema

nbhoist, work = Path(sys.argv[1]), Path(sys.argv[2])
work.mkdir(parents=True)
(work / "a.py").write_text("# %%\nx = 1\n")
(work / "nbhoist-baseline.json").write_text('{"schema": 1, "notebooks": {}}')
schema = json.loads(Path("docs/nbhoist.schema.json").read_text())
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)


def both(text):
    """Whether the schema takes a configuration, and whether nbhoist does so without a word."""
    by_schema = validator.is_valid(tomllib.loads(text))
    (work / "nbhoist.toml").write_text(text)
    run = subprocess.run([nbhoist, "check"], cwd=work, capture_output=True, text=True)
    quiet = run.returncode == 0 and not run.stderr
    # Some keys count in a user's own file only; there nbhoist warns for another reason.
    quiet = quiet or re.search("in a project's file do(es)? not count", run.stderr) is not None
    return by_schema, quiet


examples = re.findall(r"```toml\n(.*?)```", Path("docs/settings.md").read_text(), re.S)
assert len(examples) == len(schema["properties"]), len(examples)
for example in examples:
    assert both(example) == (True, True), example
wrong = [
    "selct = []",
    'select = "ALL"',
    'select = ["NBH9999"]',
    'ignore = ["defined-nowere"]',
    'severity = { NBH1 = "bad" }',
    'severity = { E501 = "info" }',
    "heavy-seconds = -1",
    "large-output-bytes = 1.5",
    'hints = "some"',
    'per-file-ignores = { "*.py" = "ALL" }',
    "exclude = [1]",
]
for text in wrong:
    assert both(text) == (False, False), (text, both(text))
print(f"settings: the schema and nbhoist agree about {len(examples)} right and {len(wrong)} wrong configurations")
