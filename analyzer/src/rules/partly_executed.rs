//! A notebook of which only some cells ran.

use super::{Context, Rule};
use crate::facts::CellFacts;
use crate::finding::{Finding, Severity};

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
    let ran = cells.iter().filter(|cell| cell.execution_count.is_some()).count();
    let Some(first) = cells.iter().find(|cell| cell.execution_count.is_none()) else { return Vec::new() };
    if ran == 0 {
        return Vec::new();
    }
    let others = if ran == 1 { "another one did".to_owned() } else { format!("{ran} others did") };
    let message = match cells.len() - ran {
        1 => format!("cell {} did not run, {others}", first.number),
        left => format!("{left} cells did not run, cell {} first of them; {others}", first.number),
    };
    vec![rule.about(first, message, Some("run all cells and save, or clear all outputs".to_owned()))]
}

/// Whether there is more than comments.
fn says_something(facts: &CellFacts) -> bool {
    !facts.syntax.body.is_empty() || facts.syntax.cell_magic.is_some() || !facts.syntax.problems.is_empty()
}
