//! A file that a marked block reads and an earlier cell writes.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::report::{Because, Certainty, Effect, EffectKind};

pub(super) const RULE: Rule = Rule {
    code: "NBH404",
    name: "file-from-earlier-cell",
    severity: Severity::Warning,
    opt_in: false,
    summary: "A marked block reads a file that an earlier cell writes on this machine.",
    explanation: include_str!("file_from_earlier_cell.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (cell, plan) in super::marked_plans(context) {
        let first = plan.cells.first().copied().unwrap_or(cell.number);
        let read = plan.files.iter().filter(|file| file.read && file.resolved && file.certainty == Certainty::Proved);
        for file in read {
            let Some((writer, effect)) = writer(context, first, &file.path) else { continue };
            let message = format!("this block reads `{}`, which cell {writer} writes here: the file must go along", file.path);
            let mut finding =
                rule.about(cell, message, Some(format!("put cell {writer} into the block, or hand over the value instead of the file")));
            finding.related.push(Because {
                text: "the file is written here".to_owned(),
                cell: writer,
                start: effect.start,
                end: effect.end,
            });
            findings.push(finding);
        }
    }
    findings
}

/// The last cell before `first` that writes the file.
fn writer<'c>(context: &Context<'c>, first: u32, path: &str) -> Option<(u32, &'c Effect)> {
    context.linked.traces().iter().take_while(|trace| trace.cell < first).fold(None, |found, trace| {
        let effect = trace.effects.iter().find(|effect| effect.kind == EffectKind::FileWrite && effect.detail == path);
        effect.map(|effect| (trace.cell, effect)).or(found)
    })
}
