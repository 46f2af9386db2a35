//! The table at the end of a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nbhoist_executor::migrate::Report;
use serde_json::{Value, json};

use super::session::{CellRun, Ended, Moved, Outcome};
use crate::cells;
use crate::error::{FAINT, HELP, STRONG};
use crate::json::SCHEMA;
use crate::terminal::{WIDTH, bytes, count, seconds, wrap};

/// Cells and time of each place, then what each moved block took.
pub(crate) fn summary(outcome: &Outcome) -> String {
    let mut text = format!("\n{FAINT}{:<18} {:>6} {:>12}{FAINT:#}\n", "", "cells", "time");
    let mut places: Vec<&str> = outcome.cells.iter().map(|cell| cell.executor.as_str()).collect();
    places.sort_unstable_by_key(|place| (*place != "here", *place));
    places.dedup();
    for place in places {
        let cells = outcome.cells.iter().filter(|cell| cell.executor == place);
        let (number, time) = cells.fold((0, 0.0), |(number, time), cell| (number + 1, time + cell.seconds));
        let _ = writeln!(text, "{STRONG}{place:<18}{STRONG:#} {number:>6} {:>12}", seconds(time));
    }
    for moved in &outcome.moved {
        let _ = writeln!(text, "\n{HELP}{} on {}{HELP:#}", capital(&cells::named(&moved.cells)), moved.executor);
        text.push_str(&state(&moved.report));
        text.push_str(&times(moved));
        text.push_str(&remarks(&moved.report));
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The namespace against what was shipped.
pub(crate) fn state(report: &Report) -> String {
    let mut text = String::new();
    if let Some(namespace) = report.namespace_bytes {
        let _ = writeln!(text, "  whole namespace  {:>10}", bytes(namespace));
    }
    let less = report.namespace_bytes.filter(|_| report.shipped_bytes > 0).map(|all| all as f64 / report.shipped_bytes as f64);
    let less = less.filter(|ratio| *ratio > 1.05).map_or_else(String::new, |ratio| {
        if ratio < 100.0 { format!("  {ratio:.1} times less") } else { format!("  {ratio:.0} times less") }
    });
    let names = if report.inputs.is_empty() { String::new() } else { format!("  ({})", count(report.inputs.len(), "name")) };
    let _ = writeln!(text, "  shipped          {STRONG}{:>10}{STRONG:#}{less}{names}", bytes(report.shipped_bytes));
    if report.made_again_bytes > 0 {
        let _ = writeln!(text, "  made again there {:>10}", bytes(report.made_again_bytes));
    }
    let names = if report.returns.is_empty() { String::new() } else { format!("  ({})", count(report.returns.len(), "name")) };
    let _ = writeln!(text, "  came back        {:>10}{names}", bytes(report.returned_bytes));
    for (what, names) in [("was there", &report.there), ("stayed there", &report.stayed)] {
        if !names.is_empty() {
            let list: Vec<&str> = names.keys().map(String::as_str).collect();
            let _ = writeln!(text, "  {what:<16} {:>10}  ({})", bytes(names.values().sum()), list.join(", "));
        }
    }
    text
}

/// Where the time went.
pub(crate) fn times(moved: &Moved) -> String {
    let split = &moved.report.seconds;
    let steps = [
        ("probe", split.probe.max(split.connect)),
        ("capture", split.capture),
        ("transfer", split.transfer),
        ("run", split.run),
        ("return", split.collect + split.r#return),
        ("restore", split.restore),
    ];
    let mut heads = String::from("  ");
    let mut row = String::from("  ");
    for (name, time) in steps.into_iter().chain([("in all", moved.seconds)]) {
        let _ = write!(heads, "{name:>10} ");
        let _ = write!(row, "{:>10} ", seconds(time));
    }
    format!("{FAINT}{}{FAINT:#}\n{}\n", heads.trim_end(), row.trim_end())
}

/// What was not as the plan said.
fn remarks(report: &Report) -> String {
    let mut text = String::new();
    let mut remark = |sentence: String| text.push_str(&wrap(&sentence, "  note: ", "        ", WIDTH));
    if !report.faults.is_empty() {
        remark(format!("the analysis missed {}, fetched while the block ran", report.faults.join(", ")));
    }
    if !report.evidence.is_empty() {
        remark(format!("came back because the block changed it: {}", report.evidence.join(", ")));
    }
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, why) in &report.left {
        left.entry(why).or_default().push(name);
    }
    for (why, names) in left {
        remark(format!("stayed behind, {why}: {}", names.join(", ")));
    }
    for (line, why) in &report.failed_imports {
        remark(format!("`{line}` failed there: {why}"));
    }
    text
}

/// The run as one JSON object.
pub(crate) fn json(notebook: &str, outcome: &Outcome, written: Option<&str>) -> Value {
    let cell = |cell: &CellRun| json!({"cell": cell.number, "executor": cell.executor, "ok": cell.ok, "seconds": cell.seconds});
    let cells: Vec<_> = outcome.cells.iter().map(cell).collect();
    let moved: Vec<_> = outcome.moved.iter().map(migration).collect();
    json!({
        "schema": SCHEMA,
        "notebook": notebook,
        "ended": ended(&outcome.ended),
        "cells": cells,
        "migrations": moved,
        "output": written,
    })
}

fn ended(ended: &Ended) -> Value {
    match ended {
        Ended::Done => json!({"ok": true, "reason": "done", "cell": null}),
        Ended::Failed { cell, exception } => json!({
            "ok": false, "reason": "exception", "cell": cell, "ename": exception.ename, "evalue": exception.evalue,
        }),
        Ended::TimedOut { cell } => json!({"ok": false, "reason": "timeout", "cell": cell}),
        Ended::Interrupted { cell } => json!({"ok": false, "reason": "interrupted", "cell": cell}),
    }
}

fn migration(moved: &Moved) -> Value {
    let report = &moved.report;
    let split = &report.seconds;
    json!({
        "executor": moved.executor,
        "cells": moved.cells,
        "seconds": moved.seconds,
        "namespace_bytes": report.namespace_bytes,
        "shipped_bytes": report.shipped_bytes,
        "shipped_wire_bytes": report.shipped_wire_bytes,
        "made_again_bytes": report.made_again_bytes,
        "returned_bytes": report.returned_bytes,
        "inputs": report.inputs,
        "returns": report.returns,
        "there": report.there,
        "stayed": report.stayed,
        "faults": report.faults,
        "evidence": report.evidence,
        "left": report.left,
        "deleted": report.deleted,
        "times": {
            "probe": split.probe,
            "connect": split.connect,
            "capture": split.capture,
            "transfer": split.transfer,
            "run": split.run,
            "collect": split.collect,
            "return": split.r#return,
            "restore": split.restore,
        },
    })
}
