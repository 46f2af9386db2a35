//! The table in `docs/executors.md`: made of the rows that the tests of the engines left.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::engine::root;
use crate::steps::STEPS;

/// The columns.
pub(crate) const ENGINES: &[&str] =
    &["local", "ssh", "slurm", "ray", "dask", "jupyter server", "kernel gateway", "enterprise gateway", "kubectl"];

const BEGIN: &str = "<!-- The matrix: written by tests/engines/run.sh -->\n";
const END: &str = "<!-- End of the matrix -->";

/// Where the rows are kept.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("engines")
}

/// Keeps what came out on an engine.
pub(crate) fn write_row(engine: &str, row: &Map<String, Value>) {
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::write(folder().join(format!("{engine}.json")), serde_json::to_string_pretty(row).unwrap()).unwrap();
}

fn read_row(engine: &str) -> Map<String, Value> {
    let text = std::fs::read_to_string(folder().join(format!("{engine}.json")));
    let text = text.unwrap_or_else(|_| panic!("the engine {engine} has not been tested; run tests/engines/run.sh"));
    serde_json::from_str(&text).unwrap()
}

/// Writes the table, and fails when a cell of it has neither passed nor a reason, or the table has changed.
#[test]
#[ignore = "tests/engines/run.sh runs it"]
fn table() {
    let rows: Vec<_> = ENGINES.iter().map(|engine| read_row(engine)).collect();
    let mut text = format!(
        "| |{}\n|---|{}\n",
        ENGINES.iter().fold(String::new(), |text, engine| text + &format!(" {engine} |")),
        "---|".repeat(ENGINES.len())
    );
    let mut reasons: Vec<String> = Vec::new();
    for (step, _) in STEPS {
        let _ = write!(text, "| {step} |");
        for (engine, row) in ENGINES.iter().zip(&rows) {
            let cell = &row[*step];
            let shown = match (cell.get("passes"), cell.get("reason").and_then(Value::as_str)) {
                (Some(Value::Bool(true)), _) => "passes".to_owned(),
                (_, Some(reason)) => {
                    let at = reasons.iter().position(|known| known == reason).unwrap_or(reasons.len());
                    if at == reasons.len() {
                        reasons.push(reason.to_owned());
                    }
                    format!("n/a ({})", at + 1)
                }
                _ => panic!("{step} on {engine}: {cell}"),
            };
            let _ = write!(text, " {shown} |");
        }
        text.push('\n');
    }
    text.push('\n');
    for (number, reason) in (1..).zip(&reasons) {
        let _ = writeln!(text, "{number}. {reason}.");
    }
    let path = root().join("docs/executors.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("docs/executors.md has a place for the matrix");
    let (old, after) = rest.split_once(END).unwrap();
    if old != text {
        std::fs::write(&path, format!("{before}{BEGIN}{text}{END}{after}")).unwrap();
        panic!("the matrix in docs/executors.md has changed and was written again; look at it and run this once more");
    }
}
