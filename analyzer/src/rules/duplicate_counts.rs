//! Two cells with one execution count.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use std::collections::BTreeMap;

use crate::report::Because;

pub(super) const RULE: Rule = Rule {
    code: "NBH113",
    name: "duplicate-counts",
    severity: Severity::Warning,
    opt_in: false,
    summary: "Two cells were saved with the same execution count.",
    explanation: include_str!("duplicate_counts.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut first: BTreeMap<u32, u32> = BTreeMap::new();
    let mut found = Vec::new();
    for (cell, count) in context.counted() {
        if let Some(&other) = first.get(&count) {
            found.push((cell, count, other));
        } else {
            first.insert(count, cell.number);
        }
    }
    let Some(&(cell, count, other)) = found.first() else { return Vec::new() };
    let more = match found.len() {
        1 => String::new(),
        2 => "; one more cell shares a count".to_owned(),
        cells => format!("; {} more cells share a count", cells - 1),
    };
    let message =
        format!("cells {other} and {} have the same count {count}: they ran in different sessions, or one is a copy{more}", cell.number);
    let mut finding = rule.about(cell, message, Some("restart the kernel, run all cells in order, and save".to_owned()));
    finding.related.push(Because { text: format!("this cell has count {count} too"), cell: other, start: 0, end: 0 });
    vec![finding]
}
