#!/usr/bin/env python3
"""Writes what the product is made of as CycloneDX 1.5: the crates in the binary, and the packages of the extension.

    tests/sbom.py FOLDER        writes FOLDER/nbhoist.cdx.json and FOLDER/vscode.cdx.json

Crates are those that Cargo.lock gives for this machine, without what only tests and build scripts need; their hashes are those of
the lock file. The extension's are what `npm sbom` finds in its lock file. Needs cargo, npm 9.5 or later and Python 3.11.
"""

import json
import pathlib
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def output(*command, folder=ROOT):
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def in_binary(metadata):
    """The packages that the binary contains, by id, each with the ids that it uses."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next(package["id"] for package in metadata["packages"] if package["name"] == "nbhoist" and package["source"] is None)
    found, left = {}, [root]
    while left:
        package = left.pop()
        if package not in found:
            used = [dep["pkg"] for dep in nodes[package]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
            found[package] = used
            left += used
    return root, found


def crates():
    host = next(line.split()[1] for line in output("rustc", "-vV").splitlines() if line.startswith("host:"))
    metadata = json.loads(output("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host))
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in locked}
    packages = {package["id"]: package for package in metadata["packages"]}
    root, found = in_binary(metadata)

    def purl(package):
        return f"pkg:cargo/{packages[package]['name']}@{packages[package]['version']}"

    def component(package):
        about = packages[package]
        made = {"type": "library", "bom-ref": purl(package), "name": about["name"], "version": about["version"], "purl": purl(package)}
        if about["license"]:
            made["licenses"] = [{"expression": about["license"].replace("/", " OR ")}]
        if about["source"] == REGISTRY:
            made["hashes"] = [{"alg": "SHA-256", "content": checksums[about["name"], about["version"]]}]
        return made

    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**component(root), "type": "application"}},
        "components": sorted((component(package) for package in found if package != root), key=lambda made: made["purl"]),
        "dependencies": sorted(
            ({"ref": purl(package), "dependsOn": sorted(map(purl, used))} for package, used in found.items()), key=lambda made: made["ref"]
        ),
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    packages = json.loads(output("npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only", folder=ROOT / "vscode-client"))
    for name, bill in [("nbhoist", crates()), ("vscode", packages)]:
        (folder / f"{name}.cdx.json").write_text(json.dumps(bill, indent=1) + "\n")
        print(f"{folder / name}.cdx.json: {len(bill['components'])} components")


if __name__ == "__main__":
    main()
