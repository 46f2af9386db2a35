//! Bad input: one clear message, a non-zero exit, and the notebook as it was, byte for byte.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder with one notebook in it.
struct Place {
    folder: tempfile::TempDir,
    notebook: PathBuf,
    bytes: Vec<u8>,
}

impl Place {
    fn with(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let notebook = folder.path().join(name);
        fs::write(&notebook, bytes.as_ref()).unwrap();
        Self { folder, notebook, bytes: bytes.as_ref().to_vec() }
    }

    fn path(&self) -> &str {
        self.notebook.to_str().unwrap()
    }

    fn nbhoist(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_nbhoist"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("NBHOIST_HISTORY", "off")
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env_remove("VIRTUAL_ENV")
            .env_remove("CONDA_PREFIX")
            .output()
            .unwrap()
    }

    /// Runs a command that must fail with this code and one message that holds these words.
    fn fails(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let output = self.nbhoist(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert_eq!(errors.matches("error: ").count(), 1, "one message for {arguments:?}: {errors}");
        for word in words {
            assert!(errors.contains(word), "{word:?} is missing: {errors}");
        }
        assert!(!errors.contains("panicked"), "{errors}");
        assert_eq!(fs::read(&self.notebook).unwrap(), self.bytes, "the notebook has changed");
    }

    /// Every command that reads a notebook refuses it in the same words.
    fn refused(&self, words: &[&str]) {
        for command in ["check", "analyze", "plan", "run"] {
            self.fails(&[command, self.path()], 2, words);
        }
        self.fails(&["run", self.path(), "-o", self.path()], 2, words);
    }
}

fn notebook(cells: &str) -> String {
    format!(r#"{{"cells": [{cells}], "metadata": {{"language_info": {{"name": "python"}}}}, "nbformat": 4, "nbformat_minor": 4}}"#)
}

fn code(source: &str) -> String {
    let source = serde_json::Value::from(source);
    format!(r#"{{"cell_type": "code", "execution_count": null, "metadata": {{}}, "outputs": [], "source": {source}}}"#)
}

/// An interpreter with ipykernel, when this machine has one.
fn python() -> Option<String> {
    let python = std::env::var("NBHOIST_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import ipykernel"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none(), "set NBHOIST_TEST_PYTHON to a Python with ipykernel");
    eprintln!("skipped: set NBHOIST_TEST_PYTHON to a Python with ipykernel");
    None
}

#[test]
fn broken_json() {
    let place = Place::with("a.ipynb", "{\"cells\": [\n  {\"cell_type\": \"code\",\n<<<<<<< HEAD\n");
    place.refused(&["the file is not valid JSON", "a.ipynb:3:1", "help: ", "merge conflict"]);
}

#[test]
fn not_a_notebook() {
    Place::with("a.ipynb", "{\"name\": \"x\"}").refused(&["JSON but not a Jupyter notebook", "a.ipynb", "help: "]);
    Place::with("a.ipynb", "[1, 2]").refused(&["it is a list"]);
}

#[test]
fn formats_that_are_too_old_or_too_new() {
    Place::with("a.ipynb", "{\"nbformat\": 2, \"worksheets\": []}").refused(&["format 2", "nbconvert"]);
    Place::with("a.ipynb", "{\"nbformat\": 5, \"cells\": []}").refused(&["format 5", "nbconvert"]);
}

#[test]
fn other_languages() {
    let text = notebook("").replace("python", "R");
    Place::with("a.ipynb", text).refused(&["language is r", "nbhoist understands Python"]);
}

#[test]
fn empty_file() {
    Place::with("a.ipynb", "").refused(&["the file is empty", "a.ipynb", "help: "]);
}

#[test]
fn nul_bytes() {
    Place::with("a.ipynb", [&b"{\"cells\": [\n"[..], &[0; 600]].concat()).refused(&["NUL bytes", "a.ipynb:2:1", "help: "]);
    Place::with("a.ipynb", [0; 600]).refused(&["NUL bytes"]);
}

#[test]
fn wrong_encodings() {
    let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    Place::with("a.ipynb", utf16).refused(&["encoded as UTF-16", "iconv"]);
    Place::with("a.ipynb", b"{\"a\": \"caf\xe9\"}").refused(&["not UTF-8", "a.ipynb:1:11", "iconv"]);
    Place::with("a.py", b"# %%\nx = 'caf\xe9'").refused(&["not UTF-8", "a.py", "iconv"]);
}

#[test]
fn no_such_file_and_a_folder() {
    let place = Place::with("a.ipynb", notebook(""));
    place.fails(&["plan", "b.ipynb"], 2, &["No such file", "b.ipynb", "help: "]);
    place.fails(&["plan", "."], 2, &["this is a folder"]);
}

#[test]
fn a_bad_file_does_not_hide_the_others() {
    let place = Place::with("a.ipynb", "{");
    fs::write(place.folder.path().join("b.ipynb"), notebook(&code("print(missing_name)"))).unwrap();
    let output = place.nbhoist(&["check"]);
    let (found, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(2));
    assert!(found.contains("missing_name") && found.contains("b.ipynb:cell 1:1:7"), "{found}");
    assert_eq!(errors.matches("error: ").count(), 1, "{errors}");
}

#[test]
fn outputs_of_a_hundred_megabytes_cost_one_scan() {
    let image = "iVBORw0KGgo".repeat(1_000_000);
    let output = format!(r#"{{"output_type": "display_data", "metadata": {{}}, "data": {{"image/png": "{image}"}}}}"#);
    let outputs = vec![output; 10].join(",");
    let cells = code("x = 1").replace("\"outputs\": []", &format!("\"outputs\": [{outputs}]"));
    let place = Place::with("a.ipynb", notebook(&cells));
    assert!(place.bytes.len() > 100_000_000);
    // An address space of four times the file would not hold the outputs as values beside the file and the binary.
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 1000000; exec \"$0\" check \"$1\"", env!("CARGO_BIN_EXE_nbhoist"), place.path()])
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(found.contains("NBH602") && found.contains("Found 1 warning"), "{found}");
}

#[test]
fn cells_that_cannot_be_parsed_are_findings() {
    let place = Place::with("a.ipynb", notebook(&format!("{}, {}", code("x = = 1"), code("%nosuchmagic 3\n!ls | head\ny = 2"))));
    let output = place.nbhoist(&["check", "a.ipynb", "--output-format", "concise"]);
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{found}");
    assert!(found.lines().next().is_some_and(|line| line.starts_with("a.ipynb:cell 1:1:")), "{found}");
    assert!(!found.contains("cell 2"), "an unknown magic is no mistake: {found}");
    assert_eq!(place.nbhoist(&["analyze", "a.ipynb"]).status.code(), Some(0));
}

#[test]
fn deep_nesting_does_not_overflow() {
    let deep = format!("x = {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    let lists = format!("y = {}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let place = Place::with("a.ipynb", notebook(&format!("{}, {}", code(&deep), code(&lists))));
    let code = place.nbhoist(&["check", "a.ipynb"]).status.code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
}

#[test]
fn cells_that_are_not_there() {
    let place = Place::with("a.ipynb", notebook(&code("x = 1")));
    place.fails(&["plan", "a.ipynb", "--cells", "4"], 2, &["no cell 4", "numbered from 1 to 1"]);
    place.fails(&["plan", "a.ipynb", "--cells", "id:zz"], 2, &["no cell with the id `zz`"]);
    place.fails(&["run", "a.ipynb", "--block", "fit"], 2, &["no marked block `fit`", "nbhoist:fit"]);
    place.fails(&["run", "a.ipynb", "--cells", "1", "--on", "moon"], 2, &["no executor `moon`", "`local`"]);
}

#[test]
fn targets_that_cannot_be_written_are_refused_before_the_run() {
    let place = Place::with("a.ipynb", notebook(&code("raise SystemError")));
    place.fails(&["run", "a.ipynb", "-o", "no/b.ipynb"], 2, &["no such folder"]);
    place.fails(&["run", "a.ipynb", "-o", "/dev/full"], 2, &["not a regular file"]);
}

#[test]
fn no_python() {
    let place = Place::with("a.ipynb", notebook(&code("x = 1")));
    let output = Command::new(env!("CARGO_BIN_EXE_nbhoist"))
        .args(["run", place.path()])
        .env("PATH", place.folder.path())
        .env_remove("VIRTUAL_ENV")
        .env_remove("CONDA_PREFIX")
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.starts_with("error: no Python found") && errors.contains("--python"), "{errors}");
    place.fails(&["run", place.path(), "--python", "/nonexistent/python"], 2, &["/nonexistent/python", "--python"]);
}

#[test]
fn no_ipykernel() {
    let place = Place::with("a.ipynb", notebook(&code("x = 1")));
    // An interpreter that sees the standard library only.
    let bare = place.folder.path().join("bare-python");
    // Another process writes it: what a test beside this starts has this one's files for a moment, and cannot be executed while open for writing.
    let script = "printf '#!/bin/sh\\nexec python3 -I -S \"$@\"\\n' > \"$0\" && chmod 755 \"$0\"";
    assert!(Command::new("sh").args(["-c", script]).arg(&bare).status().unwrap().success());
    place.fails(&["run", place.path(), "--python", bare.to_str().unwrap()], 2, &["cannot run a kernel", "pip install ipykernel"]);
}

/// Runs a notebook in a shell that limits what files it may write, to 4 KiB each, as a full disk would.
fn run_with_little_space(place: &Place, python: &str, output: &str) -> Output {
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" run \"$1\" --python \"$2\" -o \"$3\"";
    Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_nbhoist"), place.path(), python, output])
        .current_dir(place.folder.path())
        .output()
        .unwrap()
}

#[test]
fn no_space_for_the_output() {
    let Some(python) = python() else { return };
    let place = Place::with("a.ipynb", notebook(&code("print('x' * 100_000)")));
    for target in ["out.ipynb", "a.ipynb"] {
        let output = run_with_little_space(&place, &python, target);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert_eq!(errors.matches("error: ").count(), 1, "{errors}");
        assert!(
            errors.contains("cannot write the notebook: a file of this size is not allowed there")
                && errors.contains("nothing was changed"),
            "{errors}"
        );
        assert_eq!(fs::read(&place.notebook).unwrap(), place.bytes);
    }
    let left: Vec<_> = fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["a.ipynb"], "nothing half written stays behind");
}

#[test]
fn settings_that_cannot_be_used() {
    let place = Place::with("a.ipynb", notebook(&code("x = 1")));
    fs::write(place.folder.path().join("nbhoist.toml"), "heavy-seconds = \"ten\"\n").unwrap();
    place.fails(&["plan", "a.ipynb"], 2, &["`heavy-seconds` must be a number", "nbhoist.toml:1:17"]);
}

#[test]
fn one_json_object_for_several_notebooks_is_refused() {
    let place = Place::with("a.ipynb", notebook(&code("x = 1")));
    place.fails(&["analyze", "a.ipynb", "a.ipynb", "--output-format", "json"], 2, &["json-lines"]);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::with("a.ipynb", notebook(&code("x = 1")));
    let script = "\"$0\" analyze \"$1\" --output-format json | true";
    let output = Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_nbhoist"), place.path()]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
