//! A cell above the time budget.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::words;

pub(super) const RULE: Rule = Rule {
    code: "NBH301",
    name: "heavy-cell",
    severity: Severity::Info,
    opt_in: false,
    summary: "A cell is expected to take longer than the budget.",
    explanation: include_str!("heavy_cell.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let heavy = context.request.notebook.cells.iter().zip(context.costs).filter(|(_, cost)| cost.was_heavy());
    heavy
        .filter_map(|(cell, cost)| {
            let seconds = words::seconds(cost.seconds?);
            let budget = words::seconds(context.request.config.heavy_seconds);
            let message = format!("this cell takes about {seconds}, the budget is {budget}");
            let mut finding = rule.about(cell, message, Some("move it to a faster machine, or raise `heavy-seconds`".to_owned()));
            finding.related.clone_from(&cost.because);
            Some(finding)
        })
        .collect()
}
