//! A saved output that is older than what it was made from.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use std::collections::{BTreeMap, BTreeSet};

use crate::interp::{Kind, ObjId};
use crate::notebook::Cell;
use crate::report::{Because, Certainty, Edge, EdgeKind};

pub(super) const RULE: Rule = Rule {
    code: "NBH114",
    name: "stale-output",
    severity: Severity::Warning,
    opt_in: false,
    summary: "A cell that this one depends on ran again after it.",
    explanation: include_str!("stale_output.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let counts: BTreeMap<u32, u32> = context.counted().map(|(cell, count)| (cell.number, count)).collect();
    let mut reported = BTreeSet::new();
    let mut findings = Vec::new();
    if !may_be_stale(context) {
        return findings;
    }
    for edge in context.edges().iter().filter(|edge| matches!(edge.kind, EdgeKind::Flow | EdgeKind::Mutation)) {
        let (Some(made), Some(used)) = (counts.get(&edge.from), counts.get(&edge.to)) else { continue };
        let Some(cell) = context.cell(edge.to).filter(|cell| !cell.outputs.is_empty()) else { continue };
        if made <= used || is_only_code(context, edge) || !is_proved(context, edge) || !reported.insert(edge.to) {
            continue;
        }
        let names = edge.names.iter().take(3).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let message =
            format!("the output is older than its input: cell {} ran again ({made}) after this cell ({used}) and gives {names}", edge.from);
        let mut finding = rule.about(cell, message, Some("run this cell again".to_owned()));
        finding.related.push(Because { text: format!("this cell gives {names}"), cell: edge.from, start: 0, end: 0 });
        findings.push(finding);
    }
    findings
}

/// Whether any cell with outputs has a lower count than one before it, in the same session: dependencies matter only then.
pub(super) fn may_be_stale(context: &Context<'_>) -> bool {
    let mut most = 0;
    let ran_before = |(cell, count): (&Cell, u32)| {
        let ran_before = count < most;
        most = most.max(count);
        ran_before && !cell.outputs.is_empty()
    };
    context.counted().any(ran_before) && !context.has_several_sessions()
}

/// Whether the earlier cell surely gives what the later one reads: not only hands it to a function that may change it.
fn is_proved(context: &Context<'_>, edge: &Edge) -> bool {
    let trace = |number| context.trace(number);
    let (EdgeKind::Mutation, Some(from), Some(to)) = (edge.kind, trace(edge.from), trace(edge.to)) else { return true };
    let read = to.reads.iter().filter(|(name, _)| edge.names.iter().any(|carried| carried == name.as_str()));
    let objects: Vec<ObjId> = read.flat_map(|(_, read)| context.linked.world.heap.reach(&read.objs)).collect();
    from.changes.iter().any(|(object, change)| change.certainty == Certainty::Proved && objects.contains(object))
}

/// Whether all that the edge carries are modules, functions and classes: running an import again changes no output.
fn is_only_code(context: &Context<'_>, edge: &Edge) -> bool {
    let trace = context.trace(edge.from);
    trace.is_none_or(|trace| {
        edge.names.iter().all(|name| {
            let bind = trace.binds.iter().find(|bind| bind.name == *name);
            bind.is_some_and(|bind| bind.import.is_some() || is_code(context, &bind.val.objs))
        })
    })
}

fn is_code(context: &Context<'_>, objects: &[ObjId]) -> bool {
    let heap = &context.linked.world.heap;
    !objects.is_empty() && objects.iter().all(|&id| matches!(heap.get(id).kind, Kind::Path(_) | Kind::Function(_) | Kind::Class))
}
