"""The action and the snippets of docs/ci.md against the schemas of GitHub, GitLab and pre-commit; the steps are run, too."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import sample
import yaml

nbhoist, work = Path(sys.argv[1]), Path(sys.argv[2])
sample.write(work)
(work / "bin").mkdir()
(work / "bin" / "nbhoist").symlink_to(nbhoist)
environment = os.environ | {"PATH": f"{work / 'bin'}:{os.environ['PATH']}"}


def validate(schema, path):
    subprocess.run(["check-jsonschema", "--builtin-schema", schema, path], check=True, stdout=subprocess.DEVNULL)


def shell(script, **variables):
    return subprocess.run(["bash", "-e", "-c", script], cwd=work, env=environment | variables, capture_output=True, text=True)


validate("vendor.github-actions", "action.yml")
action = yaml.safe_load(Path("action.yml").read_text())
check = next(step for step in action["runs"]["steps"] if step["name"] == "Check notebooks")
run = shell(check["run"], PATHS=".", ARGS="--fail-on error", FORMAT="github", FILE="")
assert run.returncode == 1 and run.stdout.startswith("::"), run
run = shell(check["run"], PATHS="good.ipynb", ARGS="", FORMAT="sarif", FILE="out.sarif")
assert run.returncode == 0 and json.loads((work / "out.sarif").read_text())["version"] == "2.1.0", run

snippets = re.findall(r"```yaml\n# (\S+)\n(.*?)```", Path("docs/ci.md").read_text(), re.S)
kinds = {".gitlab-ci.yml": "vendor.gitlab-ci", ".github": "vendor.github-workflows"}
seen = set()
for name, text in snippets:
    path = work / name.replace("/", "_").lstrip(".")
    path.write_text(text)
    value = yaml.safe_load(text)
    kind = next((schema for start, schema in kinds.items() if name.startswith(start)), None)
    if kind:
        validate(kind, path)
    else:
        subprocess.run(["pre-commit", "validate-config", path], check=True)
        hooks = {hook["id"] for hook in yaml.safe_load(Path(".pre-commit-hooks.yaml").read_text())}
        assert {hook["id"] for repo in value["repos"] for hook in repo["hooks"]} <= hooks
    # What a workflow gives to the action are inputs that it has.
    for job in value.get("jobs", {}).values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("nbhoist/"):
                assert set(step["with"]) <= set(action["inputs"]), step
    seen.add(kind)
assert len(snippets) == 4 and len(seen) == 3, snippets

gitlab = yaml.safe_load(dict(snippets)[".gitlab-ci.yml"])["notebooks"]
command = next(line for line in gitlab["script"] if line.startswith("nbhoist"))
assert shell(command).returncode == 1
issues = json.loads((work / gitlab["artifacts"]["reports"]["codequality"]).read_text())
assert issues and all(issue["location"]["lines"]["begin"] > 1 for issue in issues)
print(f"CI files: the action and {len(snippets)} snippets fit their schemas; their commands were run")
