//! What a marked block takes and gives.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    code: "NBH406",
    name: "block-summary",
    severity: Severity::Info,
    opt_in: true,
    summary: "What a marked block needs and gives back.",
    explanation: include_str!("block_summary.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    super::marked_plans(context)
        .map(|(cell, plan)| {
            let list = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            let needs = list(plan.inputs.iter().map(|input| input.name.as_str()).collect());
            let gives = list(plan.returns.iter().map(|given| given.name.as_str()).collect());
            rule.about(cell, format!("this block needs {needs} and gives {gives}"), None)
        })
        .collect()
}
