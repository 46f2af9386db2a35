//! A cell that cannot be parsed.

use std::sync::Arc;

use super::{Context, Rule};
use crate::facts::CellFacts;
use crate::finding::{Finding, Severity};
use crate::notebook::Cell;

pub(super) const RULE: Rule = Rule {
    code: "NBH101",
    name: "unparsable-cell",
    severity: Severity::Error,
    opt_in: false,
    summary: "A code cell that cannot be parsed.",
    explanation: include_str!("unparsable_cell.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let of_cell = |(cell, facts): (&Cell, &Arc<CellFacts>)| {
        let problem = facts.syntax.problems.first()?;
        Some(rule.finding(
            format!("this cell {}", problem.text),
            Some("correct the syntax, or make it a raw cell when it is no Python".to_owned()),
            cell.number,
            problem.start,
            problem.end,
        ))
    };
    if !context.request.notebook.language_declared && !context.is_python() {
        return Vec::new();
    }
    context.request.notebook.cells.iter().zip(context.facts).filter_map(of_cell).collect()
}
