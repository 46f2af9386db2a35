//! A notebook of which only some cells ran.

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
    let cells: Vec<_> = context.code().filter(|(_, facts, _)| says_something(facts)).map(|(cell, ..)| cell).collect();
    let ran = cells.iter().filter(|cell| has_run(cell)).count();
    let left = never_ran(&cells);
    let Some(first) = left.first().filter(|_| ran > 0) else { return Vec::new() };
    let others = if ran == 1 { "another one did".to_owned() } else { format!("{ran} others did") };
    let message = match left.len() {
        1 => format!("cell {} did not run, {others}", first.number),
        left => format!("{left} cells did not run, cell {} first of them; {others}", first.number),
    };
    vec![rule.about(first, message, Some("run all cells and save, or clear all outputs".to_owned()))]
}

/// A cell with outputs ran even where a tool took its count away.
fn has_run(cell: &Cell) -> bool {
    cell.execution_count.is_some() || !cell.outputs.is_empty()
}

/// Cells that did not run. Where the counts around a cell leave one free it may have run and been cleared, so nothing is said of it.
fn never_ran<'c>(cells: &[&'c Cell]) -> Vec<&'c Cell> {
    let mut found = Vec::new();
    let mut before = 0;
    let mut waiting: Vec<&Cell> = Vec::new();
    for &cell in cells {
        match cell.execution_count {
            Some(count) => {
                let free = count.saturating_sub(before).saturating_sub(1);
                if waiting.len() > free as usize {
                    found.append(&mut waiting);
                }
                waiting.clear();
                before = count;
            }
            None if !has_run(cell) && !is_left_out(cell) => waiting.push(cell),
            None => {}
        }
    }
    found.append(&mut waiting);
    found
}

/// Runners leave out a cell with this tag.
fn is_left_out(cell: &Cell) -> bool {
    cell.tags.iter().any(|tag| tag == "skip-execution")
}

/// Whether there is more than comments.
fn says_something(facts: &CellFacts) -> bool {
    !facts.syntax.body.is_empty() || facts.syntax.cell_magic.is_some() || !facts.syntax.problems.is_empty()
}
