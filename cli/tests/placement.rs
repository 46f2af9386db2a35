//! `plan --on`: estimates, decision and reasons by what is configured.

mod common;

use common::Place;
use serde_json::{Value, json};

/// A notebook whose second cell took a minute when it was saved.
fn notebook() -> String {
    let cell = |number: usize, source: &str, seconds: f64| {
        let stamp = |seconds: f64| format!("2026-01-01T00:{:02.0}:{:09.6}Z", (seconds / 60.0).floor(), seconds % 60.0);
        let metadata = json!({"execution": {"iopub.execute_input": stamp(0.0), "shell.execute_reply": stamp(seconds)}});
        json!({"cell_type": "code", "id": format!("c{number}"), "execution_count": number, "metadata": metadata, "outputs": [], "source": source})
    };
    let cells = [cell(1, "values = list(range(1000))", 0.1), cell(2, "total = sum(values)", 60.0), cell(3, "print(total)", 0.1)];
    json!({"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}).to_string()
}

const PLACES: &str = "\
[executors.box]
host = \"box.example\"
speed = 8
bandwidth = \"80 MB/s\"

[executors.rented]
host = \"rented.example\"
speed = 16
bandwidth = \"80 MB/s\"
price = \"3 EUR\"
";

fn plan(on: &str, places: &str) -> Value {
    let place = Place::new();
    place.write("a.ipynb", &notebook());
    place.write("config/nbhoist/nbhoist.toml", places);
    let said = place.nbhoist(&["plan", "a.ipynb", "--cells", "2", "--on", on, "--output-format", "json"]);
    assert_eq!(said.code, Some(0), "{}", said.errors);
    serde_json::from_str(&said.out).unwrap()
}

fn reasons(plan: &Value) -> String {
    let because = plan["decision"]["because"].as_array().unwrap();
    because.iter().map(|because| because["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_plan_chooses_among_what_is_configured() {
    let plan = plan("auto", PLACES);
    assert_eq!(plan["decision"]["executor"], "box", "{plan}");
    assert!(plan["decision"]["gain"].as_f64().unwrap() > 6.0, "{plan}");
    assert!(reasons(&plan).contains("60 s here") && reasons(&plan).contains("yours is 80"), "{}", reasons(&plan));
    assert!(reasons(&plan).contains("`rented` is left out: it costs 3 EUR an hour"), "{}", reasons(&plan));
    let names: Vec<&str> = plan["estimates"].as_array().unwrap().iter().map(|one| one["executor"].as_str().unwrap()).collect();
    assert_eq!(names, ["here", "box"]);
    let run = |at: usize| plan["estimates"][at]["seconds"].as_f64().unwrap();
    assert!((run(0) - 60.0).abs() < 1e-6 && (run(1) - 7.5).abs() < 1e-6);
}

#[test]
fn money_is_weighed_against_waiting() {
    let plan = plan("auto", &format!("price-of-waiting = \"30 EUR\"\n{PLACES}"));
    assert_eq!(plan["decision"]["executor"], "rented", "{plan}");
    assert!(reasons(&plan).contains("each second there costing as much as 0.10 s of waiting"), "{}", reasons(&plan));
}

#[test]
fn a_named_place_is_chosen_and_still_estimated() {
    let plan = plan("rented", PLACES);
    assert_eq!(plan["decision"]["executor"], "rented", "{plan}");
    assert!(reasons(&plan).starts_with("chosen with --on\n60 s here"), "{}", reasons(&plan));
    assert!(plan["decision"]["gain"].as_f64().unwrap() > 6.0, "{plan}");
}

#[test]
fn nothing_is_decided_without_places() {
    let plan = plan("auto", "");
    assert_eq!((&plan["decision"]["executor"], &plan["decision"]["because"]), (&json!("here"), &json!([])), "{plan}");
}

/// The run decides cell by cell, and says why in one line for each block that it moved.
#[cfg(unix)]
#[test]
fn a_run_decides_when_it_is_a_cells_turn() {
    let python = std::env::var("NBHOIST_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let can_run = std::process::Command::new(&python).args(["-c", "import ipykernel"]).output().is_ok_and(|said| said.status.success());
    if !can_run {
        assert!(std::env::var_os("CI").is_none(), "set NBHOIST_TEST_PYTHON to a Python with ipykernel");
        return;
    }
    let place = Place::new();
    place.write("a.ipynb", &notebook());
    place.write("config/nbhoist/nbhoist.toml", "[executors.local]\nspeed = 20\n");
    let run = |on: &str| {
        let said = place.nbhoist(&["run", "a.ipynb", "--on", on, "--python", &python, "-o", "b.ipynb", "--output-format", "json"]);
        assert_eq!(said.code, Some(0), "{}", said.errors);
        let found = said.json();
        let cells = found["cells"].as_array().unwrap();
        let places: Vec<String> = cells.iter().map(|cell| cell["executor"].as_str().unwrap().to_owned()).collect();
        (places, place.read("b.ipynb"))
    };
    let (auto, moved) = run("auto");
    assert_eq!(auto[1], "local", "{auto:?}");
    let (here, stayed) = run("here");
    assert_eq!(here, ["here", "here", "here"]);
    assert_eq!(moved, stayed, "the same outputs");
    let said = place.nbhoist(&["run", "a.ipynb", "--on", "auto", "--python", &python]);
    assert!(said.out.contains("on local: 60 s here"), "{}", said.out);

    let annotated = |on: &str, from: &str| {
        let said = place.nbhoist(&["run", from, "--on", on, "--python", &python, "-o", "c.ipynb", "--annotate"]);
        assert_eq!(said.code, Some(0), "{}", said.errors);
        let written: Value = serde_json::from_str(&place.read("c.ipynb")).unwrap();
        written["cells"][1]["metadata"].clone()
    };
    let metadata = annotated("auto", "a.ipynb");
    let note = &metadata["nbhoist"]["placement"];
    assert!(note["executor"] == "local" && note["because"].as_str().unwrap().starts_with("60 s here"), "{metadata}");
    assert!(metadata["execution"].is_object(), "what else is there stays: {metadata}");
    assert_eq!(annotated("here", "c.ipynb").get("nbhoist"), None, "a cell that stayed has no note");
}

#[test]
fn blocks_worth_moving_are_found() {
    let place = Place::new();
    place.write("a.ipynb", &notebook());
    place.write("config/nbhoist/nbhoist.toml", PLACES);
    let said = place.nbhoist(&["plan", "a.ipynb", "--output-format", "json"]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let first = &found["plans"][0];
    assert!(first["block"]["cells"].as_array().unwrap().contains(&json!(2)), "{found}");
    assert_eq!(first["decision"]["executor"], "box", "{found}");
}
