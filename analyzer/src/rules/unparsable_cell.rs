//! A cell that cannot be parsed.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};

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
    let of_cell = |cell: &std::sync::Arc<crate::report::CellReport>| {
        let problem = cell.problems.first()?;
        Some(rule.finding(
            format!("this cell {}", problem.text),
            Some("correct the syntax, or make it a raw cell when it is no Python".to_owned()),
            cell.cell,
            problem.start,
            problem.end,
        ))
    };
    if !context.request.notebook.language_declared && !context.is_python() {
        return Vec::new();
    }
    context.cells.iter().filter_map(of_cell).collect()
}
