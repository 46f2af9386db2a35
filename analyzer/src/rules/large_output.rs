//! A cell whose saved output is large.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::words;

pub(super) const RULE: Rule = Rule {
    code: "NBH602",
    name: "large-output",
    severity: Severity::Warning,
    opt_in: false,
    summary: "The saved outputs of a cell are larger than the budget.",
    explanation: include_str!("large_output.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let budget = context.request.config.large_output_bytes;
    let large = context.request.notebook.code_cells().map(|cell| (cell, cell.outputs.iter().map(|output| output.bytes).sum::<u64>()));
    large
        .filter(|(_, bytes)| *bytes > budget)
        .map(|(cell, bytes)| {
            let message = format!("the saved output is {}, the budget is {}", words::bytes(bytes), words::bytes(budget));
            let mut finding = rule.about(cell, message, Some("show less, save the figure as a file, or clear the output".to_owned()));
            finding.fix = Some(super::clear_outputs(cell.number));
            finding
        })
        .collect()
}
