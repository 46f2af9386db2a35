//! A marked block that cannot move.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    code: "NBH401",
    name: "cannot-travel",
    severity: Severity::Error,
    opt_in: false,
    summary: "A marked block needs or makes a value that cannot travel.",
    explanation: include_str!("cannot_travel.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    super::marked_plans(context)
        .filter_map(|(cell, plan)| {
            let refusal = plan.refusal?;
            let help = "leave the cell that needs it out of the block, or make the value inside the block".to_owned();
            let mut finding = rule.about(cell, format!("this block cannot move: {}", refusal.text), Some(help));
            finding.related = refusal.because;
            Some(finding)
        })
        .collect()
}
