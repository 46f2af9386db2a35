//! A marked block that is quicker to run than to move.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::words;

pub(super) const RULE: Rule = Rule {
    code: "NBH405",
    name: "shipping-costs-more",
    severity: Severity::Info,
    opt_in: false,
    summary: "A marked block takes less time than moving it.",
    explanation: include_str!("shipping_costs_more.md"),
    check,
};

/// What moving a block takes at the very least, seconds: until the quickest of the workers, another process on the same machine, is
/// ready (`docs/measurements.md`).
const LEAST: f64 = 0.18;

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for block in &context.linked.marked {
        let costs = block.iter().map(|number| {
            let cost = context.cost(*number)?;
            // What it takes at most, where it was seen to run.
            cost.high.or(cost.seconds).filter(|_| cost.was_measured())
        });
        // Of a block whose time is not known nothing is said.
        let (Some(seconds), Some(cell)) = (costs.sum::<Option<f64>>(), block.first().and_then(|first| context.cell(*first))) else {
            continue;
        };
        if seconds >= LEAST {
            continue;
        }
        let message = format!("this block takes about {}, and moving it more than {}", words::seconds(seconds), words::seconds(LEAST));
        findings.push(rule.about(cell, message, Some("leave it here, or put more of the work into the block".to_owned())));
    }
    findings
}
