//! A notebook of which only some cells ran.

use std::collections::BTreeSet;

use super::{Context, Rule};
use crate::facts::CellFacts;
use crate::finding::{Finding, Severity};
use crate::notebook::Cell;

pub(super) const RULE: Rule = Rule {
    code: "NBH112",
    name: "partly-executed",
    severity: Severity::Warning,
    opt_in: false,
    summary: "Only some of the cells ran before the notebook was saved.",
    explanation: include_str!("partly_executed.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    // Where no cell has a count, none did run.
    if context.request.notebook.code_cells().all(|cell| cell.execution_count.is_none()) {
        return Vec::new();
    }
    let cells: Vec<_> = context.code_cells().filter(|(_, facts)| says_something(facts)).map(|(cell, _)| cell).collect();
    let counts: BTreeSet<u32> = context.counted().map(|(_, count)| count).collect();
    let (counted, left): (Vec<&Cell>, Vec<&Cell>) = cells.iter().partition(|cell| cell.execution_count.is_some());
    let left: Vec<&Cell> = left.into_iter().filter(|cell| !is_left_out(cell)).collect();
    // Clearing a cell takes its count as well: where as many counts are free, all may have run. Outputs without a count show the same.
    let free = counts.last().map_or(0, |&last| last as usize) - counts.len();
    let may_have_run = left.len() <= free || left.iter().any(|cell| !cell.outputs.is_empty());
    let Some(first) = left.first().filter(|_| !counted.is_empty() && !may_have_run) else { return Vec::new() };
    let others = if counted.len() == 1 { "another one did".to_owned() } else { format!("{} others did", counted.len()) };
    let message = match left.len() {
        1 => format!("cell {} did not run, {others}", first.number),
        left => format!("{left} cells did not run, cell {} first of them; {others}", first.number),
    };
    vec![rule.about(first, message, Some("run all cells and save, or clear all outputs".to_owned()))]
}

/// Runners leave out a cell with this tag, and an extension of notebooks one that is frozen.
fn is_left_out(cell: &Cell) -> bool {
    cell.frozen || cell.tags.iter().any(|tag| tag == "skip-execution")
}

/// Whether there is more than comments.
fn says_something(facts: &CellFacts) -> bool {
    !facts.syntax.body.is_empty() || facts.syntax.cell_magic.is_some() || !facts.syntax.problems.is_empty()
}
