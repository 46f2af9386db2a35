//! What is said about each cell: in a hint at its end of line, in a status bar under it.

use nbhoist_analyzer::notebook::CellKind;
use nbhoist_analyzer::report::{Cost, CostBasis};
use nbhoist_analyzer::words::{bytes, seconds};
use nbhoist_settings::Hints;
use serde_json::{Value, json};

use crate::cost::{Measured, Moved};
use crate::document::Source;
use crate::json;
use crate::snapshot::{Flow, Snapshot};

/// How many names a hint lists.
const NAMES: usize = 4;
/// Below this a time that was not measured is not shown, seconds.
pub(crate) const SHORT: f64 = 1.0;

/// What is said about a cell.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    /// `~2 min 10 s · needs df · gives preds`.
    pub(crate) text: String,
    /// Why, and where it last ran.
    pub(crate) tooltip: String,
    /// Whether it is to be shown as a hint.
    pub(crate) show: bool,
    /// What it costs.
    pub(crate) cost: Cost,
    /// Names it needs.
    pub(crate) needs: Vec<String>,
    /// Names that cells behind it need from it.
    pub(crate) gives: Vec<String>,
    /// The marked block it belongs to.
    pub(crate) block: Option<String>,
    /// Where it last ran, if elsewhere.
    pub(crate) moved: Option<Moved>,
}

/// The key under which a cell's measurements are kept: its id where it has one, because a cell that is replaced gets a new URI.
pub(crate) fn key(source: &Source, number: u32) -> String {
    match source.cell(number) {
        Some((cell, place)) => match &cell.id {
            Some(id) => id.clone(),
            None if source.is_script => number.to_string(),
            None => place.uri.to_string(),
        },
        None => String::new(),
    }
}

/// The costs of all cells.
pub(crate) fn costs(snapshot: &Snapshot, measured: &Measured, heavy: f64) -> Vec<Cost> {
    let cost = |report: &nbhoist_analyzer::report::CellReport| {
        let text = snapshot.source.cell(report.cell).map(|(cell, _)| cell.source.as_str()).unwrap_or_default();
        measured.cost(&snapshot.source.uri, &key(&snapshot.source, report.cell), text, report, heavy)
    };
    snapshot.analysis.cells.iter().map(cost).collect()
}

/// What is said about a code cell.
pub(crate) fn of(snapshot: &Snapshot, number: u32, cost: Cost, measured: Option<Moved>, hints: Hints) -> Option<Status> {
    let (cell, _) = snapshot.source.cell(number)?;
    let Flow { needs, gives } = snapshot.flow(number)?.clone();
    let parts = [worth_saying(&cost).map(|time| format!("~{}", seconds(time))), list("needs", &needs), list("gives", &gives)];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" \u{b7} ");
    let mut tooltip: Vec<String> = cost.because.iter().map(|because| because.text.clone()).collect();
    if let Some(moved) = &measured {
        let (there, back) = (bytes(moved.shipped_bytes), bytes(moved.returned_bytes));
        tooltip.push(format!("ran on {} in {}; {there} there, {back} back", moved.executor, seconds(moved.seconds)));
    }
    let blank = cell.source.trim().is_empty();
    let show = !blank && !text.is_empty() && (hints == Hints::All || (hints == Hints::Heavy && cost.heavy));
    Some(Status {
        text,
        tooltip: tooltip.join("\n"),
        show,
        cost,
        needs,
        gives,
        block: cell.block_name().map(str::to_owned),
        moved: measured,
    })
}

/// The time to show: an estimate of a short time only when it was measured.
fn worth_saying(cost: &Cost) -> Option<f64> {
    cost.seconds.filter(|seconds| cost.basis != CostBasis::Model || *seconds >= SHORT)
}

/// `needs a, b, c, d, +2`.
fn list(word: &str, names: &[String]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let mut shown: Vec<String> = names.iter().take(NAMES).cloned().collect();
    if names.len() > NAMES {
        shown.push(format!("+{}", names.len() - NAMES));
    }
    Some(format!("{word} {}", shown.join(", ")))
}

/// What is said about every cell, for `nbhoist/cellStatus`.
pub(crate) fn all(snapshot: &Snapshot, measured: impl Fn(u32) -> (Cost, Option<Moved>), hints: Hints) -> Value {
    let cells = snapshot.source.notebook.cells.iter().map(|cell| {
        let number = cell.number;
        let mut value = json!({ "cell": reference(snapshot, number), "kind": cell.kind.as_str() });
        let (cost, moved) = measured(number);
        let status = if cell.kind == CellKind::Code { of(snapshot, number, cost, moved, hints) } else { None };
        let fields = match status {
            Some(status) => json!({
                "text": status.text,
                "tooltip": status.tooltip,
                "show": status.show,
                "heavy": status.cost.heavy,
                "cost": json::cost(&status.cost),
                "needs": status.needs,
                "gives": status.gives,
                "block": status.block,
                "migrated": status.moved.as_ref().map(|moved| json!({
                    "job": moved.job,
                    "executor": moved.executor,
                    "ok": moved.ok,
                    "seconds": moved.seconds,
                    "shippedBytes": moved.shipped_bytes,
                    "returnedBytes": moved.returned_bytes,
                })),
            }),
            None => json!({
                "text": "", "tooltip": "", "show": false, "heavy": false, "cost": null, "needs": [], "gives": [], "block": null, "migrated": null,
            }),
        };
        if let (Value::Object(value), Value::Object(fields)) = (&mut value, fields) {
            value.extend(fields);
        }
        value
    });
    json!({ "notebook": &*snapshot.source.uri, "cells": cells.collect::<Vec<_>>() })
}

/// Cells as commands name them: by URI, which stays right while cells come and go; those of a script by number.
pub(crate) fn names(snapshot: &Snapshot, cells: &[u32]) -> Value {
    let name = |number: &u32| match snapshot.source.cell(*number) {
        Some((_, place)) if !snapshot.source.is_script => Value::from(&*place.uri),
        _ => Value::from(*number),
    };
    cells.iter().map(name).collect()
}

/// A cell as notifications name it.
pub(crate) fn reference(snapshot: &Snapshot, number: u32) -> Value {
    match snapshot.source.cell(number) {
        Some((cell, place)) => json!({ "number": number, "uri": &*place.uri, "id": cell.id }),
        None => Value::Null,
    }
}
