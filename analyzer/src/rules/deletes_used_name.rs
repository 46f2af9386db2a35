//! A name that is deleted although a later cell reads it.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::report::{Because, Certainty};

pub(super) const RULE: Rule = Rule {
    code: "NBH205",
    name: "deletes-used-name",
    severity: Severity::Error,
    opt_in: false,
    summary: "A cell deletes a name that a later cell reads.",
    explanation: include_str!("deletes_used_name.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut reported = BTreeSet::new();
    let traces = context.linked.traces();
    for (at, trace) in
        traces.iter().enumerate().filter(|(_, trace)| trace.any_read.unbound && trace.opaque.is_empty() && trace.stars.is_empty())
    {
        // It goes through the lines of the cell, so not for each name.
        let guarded = OnceCell::new();
        for (name, read) in trace.reads.iter().filter(|(_, read)| read.unbound && !read.may_be_own && read.certainty == Certainty::Proved) {
            let deleters = context.deleters(name);
            let deleted =
                deleters[..deleters.partition_point(|&deleter| (deleter as usize) < at)].last().map(|&deleter| &traces[deleter as usize]);
            // A later cell may still have put it back on some path.
            let Some(deleted) = deleted.filter(|_| read.cells.is_empty()) else { continue };
            if *guarded.get_or_init(|| super::defined_nowhere::is_guarded(context, trace.cell)) || !reported.insert(name.clone()) {
                continue;
            }
            let mut finding = rule.finding(
                format!("`{name}` is read here, but cell {} deletes it", deleted.cell),
                Some(format!("delete `{name}` after its last use, or not at all")),
                read.text_cell,
                read.range.start().to_u32(),
                read.range.end().to_u32(),
            );
            finding.related.push(Because { text: format!("`{name}` is deleted here"), cell: deleted.cell, start: 0, end: 0 });
            findings.push(finding);
        }
    }
    findings
}
