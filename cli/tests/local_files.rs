//! Modules and scripts next to the notebook are read, and what they do counts.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The facts of a cell of `own/a.py` in this folder: name, role and certainty.
fn facts(folder: &Path, cell: usize) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
    let command = command.args(["analyze", "own/a.py", "--output-format", "json"]).current_dir(folder);
    let output = command.env("NBHOIST_HISTORY", "off").env("XDG_CONFIG_HOME", folder.join("config")).output().unwrap();
    let analysis: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let facts = analysis["cells"][cell]["facts"].as_array().unwrap().iter();
    let words = facts.map(|fact| ["name", "role", "certainty"].map(|key| fact[key].as_str().unwrap_or_default().to_owned()).join(" "));
    words.collect()
}

/// A folder `own` with a notebook, and files beside it and around it.
fn project(cells: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("own")).unwrap();
    fs::write(folder.path().join("own/a.py"), cells).unwrap();
    for (path, text) in files {
        fs::write(folder.path().join(path), text).unwrap();
    }
    folder
}

#[test]
fn functions_of_a_module_beside_the_notebook_are_followed() {
    let cells = "# %%\nfrom helpers import *\nrows = []\n# %%\nadd(rows)\n# %%\nprint(rows)\n";
    let without = project(cells, &[]);
    assert!(facts(without.path(), 1).contains(&"rows mutates assumed".to_owned()), "{:?}", facts(without.path(), 1));
    let with = project(cells, &[("own/helpers.py", "def add(values):\n    values.append(1)\n")]);
    assert!(facts(with.path(), 1).contains(&"rows mutates proved".to_owned()), "{:?}", facts(with.path(), 1));
}

#[test]
fn names_of_a_script_that_is_run_are_bound() {
    let folder = project("", &[("own/setup.py", "limit = 3\n")]);
    fs::write(folder.path().join("own/a.ipynb"), notebook(&["%run -i ./setup", "print(limit)"])).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nbhoist")).args(["check", "own/a.ipynb"]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = Command::new(env!("CARGO_BIN_EXE_nbhoist"))
        .args(["analyze", "own/a.ipynb", "--output-format", "json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let analysis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(analysis["cells"][0]["defines"].as_array().unwrap().contains(&"limit".into()), "{analysis}");
}

#[test]
fn files_outside_the_folder_are_not_read() {
    let folder = project("", &[("outside.py", "limit = 3\n")]);
    fs::write(folder.path().join("own/a.ipynb"), notebook(&["%run ../outside.py", "print(limit)"])).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nbhoist"))
        .args(["analyze", "own/a.ipynb", "--output-format", "json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let analysis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!analysis["cells"][0]["defines"].as_array().unwrap().contains(&"limit".into()), "{analysis}");
}

/// Opens whatever file it is told about, and says so in a mark beside the notebook.
const HOSTILE: &str = "import os\nopen(os.path.join(os.path.dirname(__file__), 'executed'), 'w')\n";

#[test]
fn nothing_of_a_hostile_notebook_is_executed_or_imported() {
    let folder = project("", &[("own/helpers.py", HOSTILE), ("own/sitecustomize.py", HOSTILE), ("own/numpy.py", HOSTILE)]);
    let cells = ["import helpers, numpy", "%run helpers.py", "!touch executed", "open('executed', 'w')", "%load_ext helpers"];
    fs::write(folder.path().join("own/a.ipynb"), notebook(&cells)).unwrap();
    for arguments in [&["check", "a.ipynb"][..], &["analyze", "a.ipynb"], &["plan", "a.ipynb", "--cells", "1-5"], &["graph", "a.ipynb"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_nbhoist")).args(arguments).current_dir(folder.path().join("own")).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 2), "{arguments:?}: {output:?}");
        assert!(!folder.path().join("own/executed").exists(), "{arguments:?} has executed something");
    }
}

#[test]
fn text_of_a_notebook_does_not_steer_the_terminal() {
    let folder = project("", &[]);
    let cell = "import os, sys  # \u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\nprint(unbound_name)";
    fs::write(folder.path().join("own/a.ipynb"), notebook(&[cell])).unwrap();
    for arguments in [&["check", "--color", "always", "a.ipynb"][..], &["analyze", "--color", "always", "a.ipynb"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_nbhoist")).args(arguments).current_dir(folder.path().join("own")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!text.is_empty());
        for steering in ["\u{1b}]0;", "\u{1b}[2J", "\u{9b}", "\u{7}"] {
            assert!(!text.contains(steering), "{arguments:?} shows {steering:?}: {text:?}");
        }
    }
}

fn notebook(cells: &[&str]) -> String {
    let cell =
        |source: &&str| serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": source});
    let cells: Vec<Value> = cells.iter().map(cell).collect();
    serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}).to_string()
}
