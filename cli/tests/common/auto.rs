//! Runs by themselves (`run --on auto`) with a place that is faster and a slow link to it.

use serde_json::{Value, json};

use super::{Place, Said};

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
pub(crate) const HERE: &str = "import sys\nprint(len(open(sys.argv[0]).name) > 0)";

pub(crate) struct Bed {
    pub(crate) place: Place,
    pub(crate) python: String,
}

impl Bed {
    /// `None` where there is no Python to run notebooks with.
    pub(crate) fn new() -> Option<Self> {
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

    pub(crate) fn run(&self, cells: &[(&str, f64)], more: &[&str]) -> Said {
        self.place.write("a.ipynb", &notebook(cells));
        let arguments = [&["run", "a.ipynb", "--on", "auto", "--python", &self.python, "-o", "b.ipynb"], more].concat();
        self.place.nbhoist(&arguments)
    }

    /// The report of a run that must go well, and the text that each cell printed.
    pub(crate) fn report(&self, cells: &[(&str, f64)]) -> (Value, Vec<String>) {
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
    pub(crate) fn left(&self) -> usize {
        let folders = std::fs::read_dir(self.place.path().join("cache/stay")).into_iter().flatten().flatten();
        folders.filter(|folder| std::fs::read_dir(folder.path()).is_ok_and(|mut files| files.next().is_some())).count()
    }
}

pub(crate) fn executors(report: &Value) -> Vec<&str> {
    report["cells"].as_array().unwrap().iter().map(|cell| cell["executor"].as_str().unwrap()).collect()
}
