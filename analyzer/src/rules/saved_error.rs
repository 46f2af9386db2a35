//! A cell that was saved with an exception.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::words::shorten;

pub(super) const RULE: Rule = Rule {
    code: "NBH601",
    name: "saved-error",
    severity: Severity::Warning,
    opt_in: false,
    summary: "A cell was saved with an exception as its output.",
    explanation: include_str!("saved_error.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let cells = context.request.notebook.code_cells();
    cells
        .filter_map(|cell| {
            let error = cell.outputs.iter().find_map(|output| output.error.as_ref());
            let (name, value) = error.filter(|_| !super::defined_nowhere::is_guarded(context, cell.number))?;
            let value = shorten(value.lines().next().unwrap_or_default(), 80);
            let what = if value.is_empty() { name.clone() } else { format!("{name}: {value}") };
            let help = "correct the cell and run it again; the tag `raises-exception` says that it fails on purpose".to_owned();
            Some(rule.about(cell, format!("this cell was saved with an error: {what}"), Some(help)))
        })
        .collect()
}
