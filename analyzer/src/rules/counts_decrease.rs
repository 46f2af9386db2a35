//! Cells that ran in another order than they stand in.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::notebook::Cell;
use crate::report::Because;

pub(super) const RULE: Rule = Rule {
    code: "NBH111",
    name: "counts-decrease",
    severity: Severity::Warning,
    opt_in: false,
    summary: "A cell ran before one above it.",
    explanation: include_str!("counts_decrease.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    // `duplicate-counts` speaks of those.
    if context.has_several_sessions() {
        return Vec::new();
    }
    let mut highest: Option<(u32, &Cell)> = None;
    let mut earlier = Vec::new();
    for (cell, count) in context.counted() {
        match highest {
            Some((most, above)) if count < most => earlier.push((cell, count, above, most)),
            _ => highest = Some((count, cell)),
        }
    }
    let Some(&(cell, count, above, most)) = earlier.first() else { return Vec::new() };
    let more = match earlier.len() {
        1 => String::new(),
        2 => "; one more cell ran out of order".to_owned(),
        cells => format!("; {} more cells ran out of order", cells - 1),
    };
    let message = format!("cell {} ran ({count}) before cell {} above it ({most}){more}", cell.number, above.number);
    let mut finding = rule.about(cell, message, Some("restart the kernel, run all cells in order, and save".to_owned()));
    finding.related.push(Because { text: format!("this cell ran as number {most}"), cell: above.number, start: 0, end: 0 });
    vec![finding]
}
