//! A function whose global is bound anew between its definition and its call.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use std::collections::BTreeSet;

use ruff_python_ast::name::Name;

use crate::interp::{CellTrace, Kind, ObjId};
use crate::report::{Because, Certainty};

pub(super) const RULE: Rule = Rule {
    code: "NBH206",
    name: "late-bound-global",
    severity: Severity::Info,
    opt_in: false,
    summary: "A function reads a global that another cell bound anew after the function was defined.",
    explanation: include_str!("late_bound_global.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut reported = BTreeSet::new();
    let traces = context.linked.traces();
    for trace in traces.iter().filter(|trace| trace.any_read.deferred) {
        for (name, read) in trace.reads.iter().filter(|(_, read)| read.deferred && read.certainty == Certainty::Proved && !read.unbound) {
            let defined = read.text_cell;
            let [anew] = read.cells.as_slice() else { continue };
            let known_there = || {
                let binders = context.binders(name).iter().map(|&binder| &traces[binder as usize]);
                binders.take_while(|other| other.cell <= defined).any(|other| binds_data(context, other, name))
            };
            if *anew <= defined || *anew == trace.cell || !known_there() || !reported.insert((defined, name.clone())) {
                continue;
            }
            let mut finding = rule.finding(
                format!("when cell {} calls this, `{name}` is no longer what it was here: cell {anew} binds it anew", trace.cell),
                Some(format!("give the function `{name}` as a parameter, or use another name in cell {anew}")),
                defined,
                read.range.start().to_u32(),
                read.range.end().to_u32(),
            );
            finding.related.push(Because { text: format!("`{name}` is bound anew here"), cell: *anew, start: 0, end: 0 });
            findings.push(finding);
        }
    }
    findings
}

fn binds_data(context: &Context<'_>, trace: &CellTrace, name: &Name) -> bool {
    let heap = &context.linked.world.heap;
    let is_code = |id: &ObjId| matches!(heap.get(*id).kind, Kind::Path(_) | Kind::Function(_) | Kind::Class);
    trace.binds.iter().any(|bind| bind.name == *name && bind.import.is_none() && !bind.val.objs.iter().any(is_code))
}
