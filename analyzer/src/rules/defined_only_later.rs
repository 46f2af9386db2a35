//! A name that only a later cell defines.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::report::{Because, Certainty};

pub(super) const RULE: Rule = Rule {
    code: "NBH201",
    name: "defined-only-later",
    severity: Severity::Error,
    opt_in: false,
    summary: "A name is read that only a later cell defines.",
    explanation: include_str!("defined_only_later.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for trace in context.linked.traces() {
        for (name, read) in &trace.reads {
            // A name that Python or IPython provides is there before a cell binds it.
            if !read.unbound
                || crate::interp::is_builtin(name)
                || !read.cells.is_empty()
                || read.certainty == Certainty::Assumed
                || !trace.opaque.is_empty()
                || super::defined_nowhere::is_guarded(context, trace.cell)
            {
                continue;
            }
            let Some(later) =
                context.linked.traces().iter().find(|other| other.cell > trace.cell && other.binds.iter().any(|bind| bind.name == *name))
            else {
                continue;
            };
            let (cell, range) = (read.text_cell, read.range);
            let mut finding = rule.finding(
                format!("`{name}` is read in cell {} but first defined in cell {}", trace.cell, later.cell),
                Some(format!("move the definition of `{name}` before cell {}", trace.cell)),
                cell,
                range.start().to_u32(),
                range.end().to_u32(),
            );
            finding.related.push(Because { text: format!("`{name}` is defined here"), cell: later.cell, start: 0, end: 0 });
            findings.push(finding);
        }
    }
    findings
}
