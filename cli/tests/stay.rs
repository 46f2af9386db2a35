//! `run --on auto`: what the next cells use only elsewhere stays there until a cell here names it.

#![cfg(unix)]

mod common;

use common::{Place, Said};
use serde_json::{Value, json};

/// A notebook whose cells took so many seconds when it was saved.
fn notebook(cells: &[(&str, f64)]) -> String {
    let cell = |(number, (source, seconds)): (usize, &(&str, f64))| {
        let stamp = |seconds: f64| format!("2026-01-01T00:{:02.0}:{:09.6}Z", (seconds / 60.0).floor(), seconds % 60.0);
        let metadata = json!({"execution": {"iopub.execute_input": stamp(0.0), "shell.execute_reply": stamp(*seconds)}});
        json!({"cell_type": "code", "id": format!("c{number}"), "execution_count": number, "metadata": metadata, "outputs": [], "source": source})
    };
    let cells: Vec<Value> = (1..).zip(cells).map(cell).collect();
    json!({"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}).to_string()
}

/// Cells for which only this machine will do, and between them some that are faster elsewhere.
const HERE: &str = "import sys\nprint(len(open(sys.argv[0]).name) > 0)";

struct Bed {
    place: Place,
    python: String,
}

impl Bed {
    /// `None` where there is no Python to run notebooks with.
    fn new() -> Option<Self> {
        let python = std::env::var("NBHOIST_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let can_run =
            std::process::Command::new(&python).args(["-c", "import ipykernel, numpy"]).output().is_ok_and(|said| said.status.success());
        if !can_run {
            assert!(std::env::var_os("CI").is_none(), "set NBHOIST_TEST_PYTHON to a Python with ipykernel and numpy");
            return None;
        }
        let place = Place::new();
        let cache = place.path().join("cache");
        let settings = format!(
            "[executors.box]\ncommand = [\"sh\", \"-c\", \"NBHOIST_CACHE_DIR={} exec {{python}} -u {{worker}}\"]\npython = {python:?}\nspeed = 20\nbandwidth = \"2 MB/s\"\nstartup = 0.1\n",
            cache.display()
        );
        place.write("config/nbhoist/nbhoist.toml", &settings);
        Some(Self { place, python })
    }

    fn run(&self, cells: &[(&str, f64)], more: &[&str]) -> Said {
        self.place.write("a.ipynb", &notebook(cells));
        let arguments = [&["run", "a.ipynb", "--on", "auto", "--python", &self.python, "-o", "b.ipynb"], more].concat();
        self.place.nbhoist(&arguments)
    }

    /// The report of a run that must go well, and the text that each cell printed.
    fn report(&self, cells: &[(&str, f64)]) -> (Value, Vec<String>) {
        let said = self.run(cells, &["--output-format", "json"]);
        assert_eq!(said.code, Some(0), "{}", said.errors);
        let written: Value = serde_json::from_str(&self.place.read("b.ipynb")).unwrap();
        let text = |output: &Value| {
            let lines = |value: &Value| value.as_array().map(|lines| lines.iter().filter_map(Value::as_str).collect::<String>());
            lines(&output["text"]).unwrap_or_else(|| output["text"].as_str().unwrap_or_default().to_owned())
        };
        let printed = |cell: &Value| cell["outputs"].as_array().unwrap().iter().map(text).collect();
        (said.json(), written["cells"].as_array().unwrap().iter().map(printed).collect())
    }

    /// Files with state that are left at the place.
    fn left(&self) -> usize {
        let folders = std::fs::read_dir(self.place.path().join("cache/stay")).into_iter().flatten().flatten();
        folders.filter(|folder| std::fs::read_dir(folder.path()).is_ok_and(|mut files| files.next().is_some())).count()
    }
}

fn executors(report: &Value) -> Vec<&str> {
    report["cells"].as_array().unwrap().iter().map(|cell| cell["executor"].as_str().unwrap()).collect()
}

#[test]
fn what_is_used_only_there_stays_and_does_not_travel() {
    let Some(bed) = Bed::new() else { return };
    let cells = [
        ("import numpy as np\nn = 400_000", 0.1),
        ("big = np.arange(float(n))", 60.0),
        (HERE, 0.1),
        ("total = float(big.sum())", 60.0),
        ("print(total)", 0.1),
    ];
    let (report, printed) = bed.report(&cells);
    assert_eq!(executors(&report), ["box", "box", "here", "box", "box"], "{report:#}");
    let moved = report["migrations"].as_array().unwrap();
    assert!(moved[0]["stayed"]["big"].as_u64().unwrap() > 3_000_000 && moved[0]["returned_bytes"].as_u64().unwrap() < 10_000, "{report:#}");
    assert!(moved[1]["there"]["big"].as_u64().unwrap() > 3_000_000 && moved[1]["shipped_bytes"].as_u64().unwrap() < 10_000, "{report:#}");
    assert_eq!(printed[4], "79999800000.0\n");
    assert_eq!(bed.left(), 0, "the run removes what it left there");
}

#[test]
fn a_cell_here_that_may_read_it_fetches_it_first() {
    let Some(bed) = Bed::new() else { return };
    let reads = format!("{HERE}\nprint(int(sys.modules['__main__'].__dict__[chr(98) + 'ig'][7]))");
    let cells = [
        ("import numpy as np\nbig = np.arange(400_000.0)", 60.0),
        (&*reads, 0.1),
        ("total = float(big.sum())", 60.0),
        ("print(total)", 0.1),
    ];
    let (report, printed) = bed.report(&cells);
    let moved = report["migrations"].as_array().unwrap();
    assert_eq!(moved[0]["stayed"].as_object().unwrap().len(), 1, "{report:#}");
    // From here on it is here: what follows has to send it, or stays.
    assert_eq!(moved.get(1).map_or(0, |moved| moved["there"].as_object().unwrap().len()), 0, "{report:#}");
    assert_eq!((&*printed[1], &*printed[3]), ("True\n7\n", "79999800000.0\n"));
    let said = bed.run(&cells, &[]);
    assert!(said.out.contains("`big` came home from `box`: 3.2 MB in"), "{}", said.out);
    assert!(said.out.contains("stayed there         3.2 MB  (big)"), "{}", said.out);
}

#[test]
fn a_value_that_is_gone_there_stops_the_run_with_what_to_do() {
    let Some(bed) = Bed::new() else { return };
    let cache = bed.place.path().join("cache");
    let lose = format!("{HERE}\nimport shutil\nshutil.rmtree({cache:?})");
    let make = "import numpy as np\nbig = np.arange(400_000.0)";
    let there = bed.run(&[(make, 60.0), (&*lose, 0.1), ("total = float(big.sum())", 60.0), ("print(total)", 0.1)], &[]);
    assert_ne!(there.code, Some(0));
    assert!(there.errors.contains("`big` had stayed there, and is gone") && there.errors.contains("run cell 1 again"), "{}", there.errors);

    let touch = format!("{HERE}\nprint('begins')\nprint('begins', sys.modules['__main__'].__dict__[chr(98) + 'ig'])");
    let cells = [(make, 60.0), (&*lose, 0.1), (&*touch, 0.1), ("total = float(big.sum())", 60.0), ("print(total)", 0.1)];
    let here = bed.run(&cells, &["--output-format", "json"]);
    assert_eq!(here.code, Some(1), "{}", here.errors);
    assert!(here.errors.contains("StaysAway") && here.errors.contains("Run cell 1 again"), "{}", here.errors);
    assert!(!bed.place.read("b.ipynb").contains("begins\\n\""), "the cell does not begin");
}
