//! The tables of measurements in `docs/executors.md`: made of the rows that `tests/engines/measure.sh` and `bench/migration.sh` left.

use std::fmt::Write as _;

use serde_json::Value;

use crate::engine::root;
use crate::table::{ENGINES, folder};

/// Keeps a row of what was measured.
pub(crate) fn keep(table: &str, name: &str, row: &Value) {
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::write(folder().join(format!("{table}-{name}.json")), row.to_string()).unwrap();
}

fn kept(table: &str, name: &str) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder().join(format!("{table}-{name}.json"))).ok()?).ok()
}

/// Writes the table of overheads.
#[test]
#[ignore = "tests/engines/measure.sh runs it"]
fn overheads() {
    let mut text = "| engine | open | `cat` | a cell | one byte and back | 200 MB there | `cat` | times | 200 MB back | `cat` | times | its own means |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in ENGINES.iter().filter_map(|engine| kept("overheads", engine)) {
        let pair = |key: &str| [0, 1].map(|at| row[key][at].as_f64().unwrap());
        let ([open, shell], [cell, turn]) = (pair("open"), pair("cell"));
        let _ = write!(
            text,
            "| {} | {open:.2} s | {shell:.2} s | {:.1} ms | {:.2} ms |",
            row["engine"].as_str().unwrap(),
            cell * 1e3,
            turn * 1e3
        );
        for key in ["there", "back"] {
            let [ours, plain] = pair(key);
            let _ = write!(text, " {ours:.2} s | {plain:.2} s | {:.1} |", ours / plain);
        }
        let plain = &row["plain"];
        let own = |name: &str| format!("{name}: {:.2} s, {:.2} s", plain["there"].as_f64().unwrap(), plain["back"].as_f64().unwrap());
        let _ = writeln!(text, " {} |", plain["name"].as_str().map(own).unwrap_or_default());
    }
    put("overheads", "tests/engines/measure.sh", &text);
}

/// Writes the table of migrations over a shaped link.
#[test]
#[ignore = "bench/migration.sh runs it"]
fn migrations() {
    let link = kept("migration", "link").expect("bench/migration.sh measures the link");
    let speed = |way: &str| link["link"][way].as_f64().unwrap() / 1e6;
    let mut text = format!(
        "`cat` over this link: {:.0} MB/s there, {:.0} MB/s back, the middle of five rounds, as in each row.\n\n",
        speed("there"),
        speed("back")
    );
    text += "| state | seconds | bytes / link + run | times | connect | capture | there | run | back | restore | memory of the worker | of the kernel |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
    for (name, bytes) in [("array", 100_000_000_u64), ("frame", 100_000_000), ("array", 1_000_000_000), ("frame", 1_000_000_000)] {
        let Some(row) = kept("migration", &format!("{name}-{bytes}")) else { continue };
        let number = |value: &Value| value.as_f64().unwrap();
        let step = |name: &str| number(&row["steps"][name]);
        let _ = writeln!(
            text,
            "| {name}, {} MB | {:.1} | {:.1} | {:.2} ({:.2} to {:.2}) | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            bytes / 1_000_000,
            number(&row["seconds"]),
            number(&row["floor"]),
            number(&row["times"]),
            number(&row["range"][0]),
            number(&row["range"][1]),
            step("probe") + step("connect"),
            step("capture"),
            step("transfer"),
            step("run"),
            step("collect") + step("return"),
            step("restore"),
            number(&row["memory"]["worker"]),
            number(&row["memory"]["kernel"]),
        );
    }
    put("migrations", "bench/migration.sh", &text);
}

/// Puts a table between its marks.
fn put(name: &str, command: &str, text: &str) {
    let path = root().join("docs/executors.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- Table of {name}: written by {command} -->\n"), format!("<!-- End of {name} -->"));
    let (before, rest) = page.split_once(&begin).expect("docs/executors.md has a place for the table");
    let (_, after) = rest.split_once(&end).unwrap();
    std::fs::write(&path, format!("{before}{begin}{text}{end}{after}")).unwrap();
}
