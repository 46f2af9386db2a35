//! The corpus notebooks, all here and with their heavy block on the local executor: every output is the same.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn run(notebook: &Path, python: &str, out: &Path, place: &[&str]) -> (Value, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
    command.arg("run").arg(notebook).args(place).args(["--python", python, "--output-format", "json", "-q", "-o"]).arg(out);
    // The notebooks ask for inline figures; a backend from outside would hide them.
    let output = command.env_remove("MPLBACKEND").env("NBHOIST_HISTORY", "off").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (report, serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap())
}

fn same_outputs(name: &str) {
    let Ok(python) = std::env::var("NBHOIST_TEST_PYTHON") else {
        assert!(std::env::var_os("CI").is_none(), "set NBHOIST_TEST_PYTHON to a Python with corpus/requirements.txt");
        eprintln!("skipped: set NBHOIST_TEST_PYTHON to a Python with corpus/requirements.txt");
        return;
    };
    let notebook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name);
    let before = std::fs::read(&notebook).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, here) = run(&notebook, &python, &folder.path().join("here.ipynb"), &["--on", "here"]);
    let (report, moved) = run(&notebook, &python, &folder.path().join("moved.ipynb"), &["--block", "heavy", "--on", "local"]);
    let (here, moved) = (here["cells"].as_array().unwrap(), moved["cells"].as_array().unwrap());
    assert_eq!(here.len(), moved.len());
    let mut compared = 0;
    for (number, (one, other)) in here.iter().zip(moved).enumerate() {
        assert_eq!(one["outputs"], other["outputs"], "cell {} of {name}", number + 1);
        compared += one["outputs"].as_array().map_or(0, Vec::len);
    }
    assert!(compared > 10, "{name} has only {compared} outputs to compare");
    let migration = &report["migrations"][0];
    let bytes = |key: &str| migration[key].as_u64().unwrap();
    eprintln!("{name}: namespace {} bytes, shipped {} bytes", bytes("namespace_bytes"), bytes("shipped_bytes"));
    assert!(bytes("namespace_bytes") > 20 * bytes("shipped_bytes"), "{name} ships too much: {migration}");
    assert_eq!(migration["faults"].as_array().map(Vec::len), Some(0), "the analysis missed names in {name}");
    assert_eq!(std::fs::read(&notebook).unwrap(), before, "the input has changed");
}

#[test]
fn remote_sensing() {
    same_outputs("remote_sensing.ipynb");
}

#[test]
fn image_recognition() {
    same_outputs("image_recognition.ipynb");
}

#[test]
fn digits() {
    same_outputs("digits.ipynb");
}
