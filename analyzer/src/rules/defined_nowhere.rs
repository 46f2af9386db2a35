//! A name that nothing defines.

use super::{Context, Rule, meant};
use crate::finding::{Finding, Severity};
use crate::minimal_state::is_history;
use crate::report::Certainty;

pub(super) const RULE: Rule = Rule {
    code: "NBH202",
    name: "defined-nowhere",
    severity: Severity::Error,
    summary: "A name is read that nothing in the notebook defines.",
    explanation: include_str!("defined_nowhere.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut reported = std::collections::BTreeSet::new();
    for trace in context.linked.traces() {
        // A star import, `%run` and the like may bind anything; then silence is right.
        if !trace.opaque.is_empty()
            || !trace.stars.is_empty()
            || context.linked.broken.contains(&trace.cell)
            || is_guarded(context, trace.cell)
        {
            continue;
        }
        for (name, read) in &trace.reads {
            if !read.unbound
                || !read.cells.is_empty()
                || read.certainty == Certainty::Assumed
                || is_history(name)
                || !reported.insert(name.clone())
            {
                continue;
            }
            if context.linked.traces().iter().any(|other| other.binds.iter().any(|bind| bind.name == *name))
                || crate::interp::is_builtin(name)
            {
                continue;
            }
            let mut finding = rule.finding(
                format!("`{name}` is read, but nothing in the notebook defines it"),
                Some(format!("define or import `{name}`, or correct its spelling")),
                read.text_cell,
                read.range.start().to_u32(),
                read.range.end().to_u32(),
            );
            finding.fix = meant::fix(context, trace.cell, &finding, name);
            findings.push(finding);
        }
    }
    findings
}

/// Whether the cell says that it fails on purpose.
pub(super) fn is_guarded(context: &Context<'_>, cell: u32) -> bool {
    context.request.notebook.cell(cell).is_some_and(|cell| cell.tags.iter().any(|tag| tag == "raises-exception"))
}
