//! A cell that ran although a name it needs does not exist in the notebook.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    code: "NBH203",
    name: "hidden-state",
    severity: Severity::Error,
    opt_in: false,
    summary: "A cell ran with a name that no cell of the notebook defines any more.",
    explanation: include_str!("hidden_state.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    super::defined_nowhere::undefined(context)
        .filter(|(trace, _, read)| super::defined_nowhere::ran_without_it(context, trace.cell, read))
        .map(|(_, name, read)| {
            rule.finding(
                format!(
                    "this cell ran without an error, but nothing in the notebook defines `{name}`: only the kernel of that time knew it"
                ),
                Some(format!("put back the cell that defined `{name}`")),
                read.text_cell,
                read.range.start().to_u32(),
                read.range.end().to_u32(),
            )
        })
        .collect()
}
