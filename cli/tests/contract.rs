//! The JSON contract and the exit codes of `check`, on notebooks small enough to know everything about.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn nbhoist(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("NBHOIST_HISTORY", "off")
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .output()
        .unwrap()
}

fn value(output: &Output) -> Value {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{errors}"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn script(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.py"), text).unwrap();
    folder
}

const SCRIPT: &str = "\
# %% [markdown]
# Title
# %%
import math
rows = [1, 2]
# %%
rows.append(math.pi)
total = sum(rows)
# %%
print(total, rows)
del total
";

#[test]
fn analyze_prints_what_the_contract_says() {
    let folder = script(SCRIPT);
    let analysis = value(&nbhoist(folder.path(), &["analyze", "a.py", "--output-format", "json"]));
    assert_eq!(keys(&analysis), ["schema", "notebook", "cells", "edges"]);
    assert_eq!((&analysis["schema"], &analysis["notebook"]), (&json!(1), &json!("a.py")));
    let cells = analysis["cells"].as_array().unwrap();
    let wanted =
        ["cell", "id", "kind", "defines", "reads", "mutates", "deletes", "effects", "problems", "cost", "sizes", "memory", "facts"];
    assert!(cells.iter().all(|cell| keys(cell) == wanted));
    assert_eq!((&cells[0]["cell"], &cells[0]["kind"], &cells[0]["id"]), (&json!(1), &json!("markdown"), &Value::Null));
    assert_eq!(cells[1]["defines"], json!(["math", "rows"]));
    assert_eq!((&cells[2]["reads"], &cells[2]["mutates"]), (&json!(["math", "rows"]), &json!(["rows"])));
    assert_eq!(cells[3]["deletes"], json!(["total"]));
    assert_eq!(keys(&cells[1]["cost"]), ["seconds", "low", "high", "basis", "heavy", "because"]);
    let [low, seconds, high] = ["low", "seconds", "high"].map(|key| cells[1]["cost"][key].as_f64().unwrap());
    assert!(0.0 < low && low <= seconds && seconds <= high && high < 1e5, "{}", cells[1]["cost"]);
    assert_eq!((&cells[1]["cost"]["basis"], &cells[1]["cost"]["heavy"]), (&json!("model"), &json!(false)));
    assert_eq!((&cells[0]["cost"]["seconds"], &cells[0]["cost"]["basis"]), (&Value::Null, &json!("unknown")));
    let size = &cells[1]["sizes"][0];
    assert_eq!(keys(size), ["name", "bytes", "low", "high", "basis", "because"]);
    assert_eq!((&size["name"], &size["bytes"], &size["basis"]), (&json!("rows"), &json!(112), &json!("model")));
    assert_eq!(keys(&cells[1]["memory"]), ["bytes", "low", "high"]);
    assert_eq!(cells[2]["sizes"], json!([]), "nobody knows what a sum is");
    assert_eq!(keys(&cells[1]["facts"][0]), ["name", "role", "certainty", "because"]);
    let flow = |from, to| json!({"from": from, "to": to, "kind": "flow"});
    let edges = analysis["edges"].as_array().unwrap();
    let has = |wanted: &Value| edges.iter().any(|edge| ["from", "to", "kind"].iter().all(|key| edge[*key] == wanted[*key]));
    assert!(has(&flow(2, 3)) && has(&flow(3, 4)), "{edges:?}");
    assert!(edges.iter().all(|edge| keys(edge) == ["from", "to", "names", "kind"]));
}

#[test]
fn plan_prints_what_the_contract_says() {
    let folder = script(SCRIPT);
    let plan = value(&nbhoist(folder.path(), &["plan", "a.py", "--cells", "3", "--output-format", "json"]));
    let wanted = [
        "schema",
        "notebook",
        "block",
        "inputs",
        "returns",
        "deletes",
        "imports",
        "ambient",
        "files",
        "warnings",
        "refusal",
        "estimates",
        "decision",
    ];
    assert_eq!(keys(&plan), wanted);
    assert_eq!((&plan["block"], &plan["refusal"]), (&json!({"cells": [3]}), &Value::Null));
    let names = |list: &str| plan[list].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names("inputs"), ["rows"]);
    assert_eq!(names("returns"), ["rows", "total"]);
    assert_eq!(keys(&plan["inputs"][0]), ["name", "kind", "defined_in", "bytes", "size", "certainty", "because"]);
    assert_eq!((&plan["inputs"][0]["defined_in"], &plan["inputs"][0]["bytes"]), (&json!(2), &json!(112)));
    assert_eq!(keys(&plan["returns"][0]), ["name", "kind", "needed_by", "bytes", "size", "certainty", "because"]);
    assert_eq!(plan["returns"][1]["needed_by"], json!([4]));
    assert_eq!(plan["imports"], json!(["import math"]));
    assert_eq!(keys(&plan["inputs"][0]["because"][0]), ["text", "cell", "start", "end"]);
    assert_eq!(keys(&plan["decision"]), ["executor", "gain", "because"]);

    let plans = value(&nbhoist(folder.path(), &["plan", "a.py", "--output-format", "json"]));
    assert_eq!(plans, json!({"schema": 1, "notebook": "a.py", "plans": []}));
}

#[test]
fn check_exits_by_the_worst_finding() {
    let folder = script("# %%\nprint(missing)\n");
    let code = |arguments: &[&str]| nbhoist(folder.path(), &[&["check"], arguments].concat()).status.code();
    assert_eq!(code(&[]), Some(1));
    assert_eq!(code(&["a.py", "--fail-on", "error"]), Some(1));
    assert_eq!(code(&["--fail-on", "never"]), Some(0));
    assert_eq!(code(&["--ignore", "NBH202"]), Some(0));
    assert_eq!(code(&["--select", "NBH1,defined-only-later"]), Some(0));
    assert_eq!(code(&["--select", "nbh2"]), Some(1));
    assert_eq!(code(&["--fail-on", "sometimes"]), Some(2));
    fs::write(folder.path().join("nbhoist.toml"), "ignore = [\"defined-nowhere\"]").unwrap();
    assert_eq!(code(&[]), Some(0));
}

#[test]
fn findings_say_where_in_the_cell_and_in_the_file() {
    let folder = script("# %%\nx = 1\n# %%\ny = x\nprint(é, missing)\n");
    let output = nbhoist(folder.path(), &["check", "--output-format", "json-lines"]);
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found = lines.iter().find(|line| line["message"].as_str().is_some_and(|text| text.contains("missing"))).unwrap();
    let place =
        ["schema", "notebook", "cell", "line", "column", "file_line", "start", "end", "code", "severity"].map(|key| found[key].clone());
    let wanted = [json!(1), json!("a.py"), json!(2), json!(2), json!(10), json!(5), json!(16), json!(23), json!("NBH202"), json!("error")];
    assert_eq!(place, wanted);
    let all = value(&nbhoist(folder.path(), &["check", "--output-format", "json"]));
    assert_eq!((&all["schema"], &all["counts"], &all["errors"]), (&json!(1), &json!({"error": 2}), &json!([])));
}

#[test]
fn frames_show_the_line_and_standard_input_has_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_nbhoist"))
        .args(["check", "-", "--stdin-filename", "deep/b.py", "--color", "never"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"# %%\nvalue = missing + 1\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let frame = "\
error[NBH202]: `missing` is read, but nothing in the notebook defines it
 --> deep/b.py:cell 1:1:9
  |
1 | value = missing + 1
  |         ^^^^^^^
  |
";
    assert!(text.starts_with(frame), "{text}");
    assert!(text.ends_with("Found 1 error in 1 of 1 notebook.\n"), "{text}");
}

#[test]
fn other_languages_are_left_out_of_folders_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"cells": [], "metadata": {"language_info": {"name": "R"}}, "nbformat": 4, "nbformat_minor": 4}"#;
    fs::write(folder.path().join("a.ipynb"), text).unwrap();
    let output = nbhoist(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}

#[test]
fn every_rule_is_explained_and_every_shell_completed() {
    let folder = tempfile::tempdir().unwrap();
    let rules = value(&nbhoist(folder.path(), &["explain", "--all", "--output-format", "json"]))["rules"].clone();
    let rules = rules.as_array().unwrap();
    assert!(rules.len() >= 3);
    for rule in rules {
        let output = nbhoist(folder.path(), &["explain", rule["code"].as_str().unwrap()]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(rule["name"].as_str().unwrap()) && text.contains("How to fix"), "{text}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(String::from_utf8_lossy(&nbhoist(folder.path(), &["completions", shell]).stdout).contains("nbhoist"));
    }
}
