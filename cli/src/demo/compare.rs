//! Two runs of one notebook, side by side.

use std::fmt::Write as _;

use crate::error::{ERROR, FAINT, GOOD};
use crate::run::outputs::Outputs;
use crate::run::session::Outcome;
use crate::terminal::seconds;

/// A cell in both runs.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) cell: u32,
    /// Seconds in the first run.
    here: f64,
    /// Seconds in the second run, and where.
    there: f64,
    executor: String,
    outputs: usize,
    pub(super) equal: bool,
}

/// The cells of both runs, in order.
pub(super) fn rows(first: &(Outcome, Outputs), second: &(Outcome, Outputs)) -> Vec<Row> {
    let row = |here: &crate::run::session::CellRun| {
        let there = second.0.cells.iter().find(|cell| cell.number == here.number);
        Row {
            cell: here.number,
            here: here.seconds,
            there: there.map_or(0.0, |cell| cell.seconds),
            executor: there.map_or_else(|| "nowhere".to_owned(), |cell| cell.executor.clone()),
            outputs: first.1.of(here.number).map_or(0, |cell| cell.outputs.len()),
            equal: there.is_some() && text(&first.1, here.number) == text(&second.1, here.number),
        }
    };
    first.0.cells.iter().map(row).collect()
}

/// Everything a cell put out and its count, without addresses of objects, which differ between any two runs.
fn text(outputs: &Outputs, cell: u32) -> String {
    let Some(cell) = outputs.of(cell) else { return String::new() };
    without_addresses(&format!("{:?} {}", cell.execution_count, cell.json()))
}

fn without_addresses(text: &str) -> String {
    let mut parts = text.split(" at 0x");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str(" at 0x");
        result.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    result
}

pub(super) fn table(rows: &[Row]) -> String {
    let mut text = format!("{FAINT}{:>6} {:>12} {:>14}   {:<10} outputs{FAINT:#}\n", "cell", "all here", "second run", "on");
    for row in rows {
        let same = match (row.equal, row.outputs) {
            (true, 0) => format!("{FAINT}none{FAINT:#}"),
            (true, number) => format!("{GOOD}equal{GOOD:#} ({number})"),
            (false, _) => format!("{ERROR}different{ERROR:#}"),
        };
        let (here, there) = (seconds(row.here), seconds(row.there));
        let _ = writeln!(text, "{:>6} {here:>12} {there:>14}   {:<10} {same}", row.cell, row.executor);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_do_not_count() {
        assert_eq!(without_addresses("<f at 0x7fA1> and <g at 0x12>"), "<f at 0x> and <g at 0x>");
        assert_eq!(without_addresses("0x7f"), "0x7f");
    }
}
