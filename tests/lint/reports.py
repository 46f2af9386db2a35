"""Reports against the schemas of those who read them, and against each other: every format says the same places."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jsonschema
import sample
import xmlschema

nbhoist, cache, work = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
sample.write(work)


def report(name):
    run = subprocess.run([nbhoist, "check", "--output-format", name], cwd=work, capture_output=True, text=True)
    assert run.returncode in (1, 2), (name, run.returncode, run.stderr)
    return run.stdout


def places():
    """File, line in the file and code of each finding, from the JSON contract."""
    return sorted((found["notebook"], found["file_line"], found["code"]) for found in json.loads(report("json"))["findings"])


def check(with_broken_file):
    wanted = places()
    assert len(wanted) >= 4, wanted
    for name, line, code in wanted:
        assert line > 1, (name, line, code)
    sarif = json.loads(report("sarif"))
    jsonschema.Draft7Validator(json.loads((cache / "sarif.json").read_text())).validate(sarif)
    run = sarif["runs"][0]
    found = []
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        found.append((place["artifactLocation"]["uri"].replace("%20", " "), place["region"]["startLine"], result["ruleId"]))
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert sorted(found) == wanted
    assert run["invocations"][0]["executionSuccessful"] is not with_broken_file

    junit = report("junit")
    xmlschema.XMLSchema(str(cache / "junit.xsd")).validate(junit)
    root = ElementTree.fromstring(junit)
    cases = [case for case in root.iter("testcase") if case.find("failure") is not None]
    found = []
    for case in cases:
        failure = case.find("failure")
        line = int(re.search(r"^line of the file: (\d+)$", failure.text, re.M)[1])
        assert failure.get("message").startswith(f"{case.get('classname')}:{line}: ")
        found.append((case.get("classname"), line, case.get("name").split()[0]))
    assert sorted(found) == wanted
    assert int(root.get("failures")) == len(wanted) and int(root.get("errors")) == with_broken_file
    assert int(root.get("tests")) == len(list(root.iter("testcase")))

    issues = json.loads(report("gitlab"))
    for issue in issues:
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker"), issue
        assert all(isinstance(issue[key], str) and issue[key] for key in ("description", "check_name", "fingerprint")), issue
        assert not issue["location"]["path"].startswith("./") and issue["location"]["lines"]["begin"] >= 1, issue
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    found = [(issue["location"]["path"], issue["location"]["lines"]["begin"], issue["check_name"]) for issue in issues]
    assert sorted(place for place in found if place[2] != "unreadable") == wanted

    found = []
    for line in report("github").splitlines():
        properties = dict(entry.split("=", 1) for entry in line.split("::")[1].split(" ", 1)[1].split(","))
        if "line" in properties:
            name = properties["file"].replace("%2C", ",").replace("%3A", ":").replace("%25", "%")
            found.append((name, int(properties["line"]), properties["title"].split()[1]))
    assert sorted(found) == wanted

    diagnostics = json.loads(report("rdjson"))["diagnostics"]
    assert all(entry["severity"] in ("ERROR", "WARNING", "INFO") and entry["message"] for entry in diagnostics)
    found = [(entry["location"]["path"], entry["location"]["range"]["start"]["line"], entry["code"]["value"]) for entry in diagnostics if "code" in entry]
    assert sorted(found) == wanted
    return len(wanted)


number = check(with_broken_file=False)
(work / "broken.ipynb").write_text('{"cells": [\n<&"\x01')
check(with_broken_file=True)
# The lines of the file are the ones where the text stands.
lines = (work / "a, b.ipynb").read_text(encoding="utf-8").splitlines()
for name, line, code in places():
    if code == "NBH202":
        assert "missing" in lines[line - 1] or "other" in lines[line - 1], (line, lines[line - 1])
print(f"reports: {number} findings at the same places in sarif, junit, gitlab, github, rdjson; SARIF and JUnit fit their schemas")
