//! What a run took is what the next analysis says, and nothing is remembered where that is not wanted.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn nbhoist(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
    command.args(arguments).current_dir(folder).env("XDG_CONFIG_HOME", folder.join("config"));
    command.env("NBHOIST_STATE_DIR", folder.join("state")).env_remove("NBHOIST_HISTORY");
    command.output().unwrap()
}

fn costs(folder: &Path) -> Vec<Value> {
    let output = nbhoist(folder, &["analyze", "n.py", "--output-format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    said["cells"].as_array().unwrap().iter().map(|cell| cell["cost"].clone()).collect()
}

/// Runs the script with a real kernel; false where there is none.
fn run(folder: &Path, script: &str) -> bool {
    let python = std::env::var("NBHOIST_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python).args(["-c", "import ipykernel"]).output().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "set NBHOIST_TEST_PYTHON to a Python with ipykernel");
        eprintln!("skipped: set NBHOIST_TEST_PYTHON to a Python with ipykernel");
        return false;
    }
    fs::write(folder.join("n.py"), script).unwrap();
    let output = nbhoist(folder, &["run", "n.py", "--on", "here", "--python", &python]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

const SCRIPT: &str = "# %%\nimport time\nrows = list(range(1000))\ntime.sleep(0.2)\n# %%\ntime.sleep(0.4)\nprint(len(rows))\n";

#[test]
fn a_run_is_what_the_next_analysis_says() {
    let folder = tempfile::tempdir().unwrap();
    if !run(folder.path(), SCRIPT) {
        return;
    }
    let known = costs(folder.path());
    for (cost, slept) in known.iter().zip([0.2, 0.4]) {
        assert_eq!(cost["basis"], "history", "{cost}");
        assert!(cost["seconds"].as_f64().unwrap() >= slept, "{cost}");
        assert!(cost["because"][0]["text"].as_str().unwrap().contains("when it last ran"), "{cost}");
    }
    // What is edited is still known, what is new is not.
    fs::write(folder.path().join("n.py"), SCRIPT.replace("print(len(rows))", "print(len(rows))  # all")).unwrap();
    assert_eq!(costs(folder.path())[1], known[1]);
    fs::write(folder.path().join("n.py"), SCRIPT.to_owned() + "# %%\nsomething_else_entirely()\n").unwrap();
    assert_ne!(costs(folder.path())[2]["basis"], "history");
}

#[test]
fn nothing_is_remembered_where_that_is_not_wanted() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("config/nbhoist")).unwrap();
    fs::write(folder.path().join("config/nbhoist/nbhoist.toml"), "history = false\n").unwrap();
    if run(folder.path(), SCRIPT) {
        assert!(!folder.path().join("state").exists());
        assert_ne!(costs(folder.path())[0]["basis"], "history");
    }
}

#[test]
fn a_history_that_cannot_be_used_costs_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("state"), "a file where the folder should be").unwrap();
    fs::write(folder.path().join("n.py"), SCRIPT).unwrap();
    let output = nbhoist(folder.path(), &["analyze", "n.py"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("history") && said.contains("NBHOIST_STATE_DIR"), "{said}");
}
