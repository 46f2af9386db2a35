//! Fixes that change code, on a real kernel: the notebook runs before and after.
#![cfg(unix)]

mod common;

use std::process::Command;

use common::{Place, code, notebook};
use serde_json::Value;

/// An interpreter with ipykernel; without one these tests have nothing to run.
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

/// What each code cell prints, or the name of its exception.
fn outputs(place: &Place, python: &str, name: &str) -> Vec<String> {
    let said = place.nbhoist(&["run", name, "-o", "done.ipynb", "--python", python]);
    assert!(matches!(said.code, Some(0 | 1)), "{}", said.errors);
    let done: Value = serde_json::from_str(&place.read("done.ipynb")).unwrap();
    let text = |output: &Value| match &output["text"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => text.clone(),
        _ => output["ename"].as_str().unwrap_or_default().to_owned(),
    };
    let of_cell = |cell: &Value| cell["outputs"].as_array().into_iter().flatten().map(text).collect::<String>();
    done["cells"].as_array().unwrap().iter().map(of_cell).collect()
}

/// Codes of what is found.
fn found(place: &Place) -> Vec<String> {
    let said = place.check(&["a.ipynb", "--output-format", "json"]);
    said.findings().iter().map(|found| found.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

/// What the notebook gives before and after its findings are fixed; nothing of them is left.
fn before_and_after(sources: &[&str], rule: &str, options: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
    let python = python()?;
    let place = Place::new();
    let cells: Vec<Value> = sources.iter().zip(["a1", "b2", "c3"]).map(|(source, id)| code(id, source)).collect();
    place.write("a.ipynb", &notebook(&cells));
    assert!(found(&place).iter().any(|code| code.starts_with(rule)), "{rule} is not found before");
    let before = outputs(&place, &python, "a.ipynb");
    place.check(&[&["a.ipynb", "--fix"], options].concat());
    assert_eq!(found(&place), Vec::<String>::new());
    Some((before, outputs(&place, &python, "a.ipynb")))
}

#[test]
fn a_comment_that_is_taken_out_changes_nothing() {
    let cells = ["x = 1  # nbhoist: ignore[NBH201]\nprint(x)", "# nbhoist: ignore\nprint('''a # nbhoist: ignore\n''')", "print(x + 1)"];
    let Some((before, after)) = before_and_after(&cells, "NBH002", &[]) else { return };
    assert_eq!(before, ["1\n", "a # nbhoist: ignore\n\n", "2\n"]);
    assert_eq!(after, before);
}

#[test]
fn a_name_that_is_spelt_right_lets_the_cell_run() {
    let cells = ["total = 3", "print(totla + 1)", "print(total)"];
    let Some((before, after)) = before_and_after(&cells, "NBH202", &["--unsafe-fixes"]) else { return };
    assert_eq!(before, ["", "NameError", ""]);
    assert_eq!(after, ["", "4\n", "3\n"]);
}

#[test]
fn an_import_that_was_missing_lets_the_cell_run() {
    let cells = ["x = 2", "%%time\nprint(json.dumps([x]))", "print(math.sqrt(4 * x * x))"];
    let Some((before, after)) = before_and_after(&cells, "NBH202", &["--unsafe-fixes"]) else { return };
    assert_eq!(before[1].lines().last(), Some("NameError"), "{before:?}");
    assert!(after[1].starts_with("[2]\n") && after[2] == "4.0\n", "{after:?}");
}
