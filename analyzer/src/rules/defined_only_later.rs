//! A name that only a later cell defines.

use std::collections::BTreeSet;

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::interp::{CellTrace, Read, is_builtin};
use crate::report::{Because, Certainty};
use ruff_python_ast::name::Name;

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
    let mut reported = BTreeSet::new();
    early(context)
        .filter(|(_, name, ..)| reported.insert(*name))
        .map(|(trace, name, read, later)| {
            let mut finding = rule.finding(
                format!("`{name}` is read in cell {} but first defined in cell {}", trace.cell, later.cell),
                Some(format!("move the definition of `{name}` before cell {}", trace.cell)),
                read.text_cell,
                read.range.start().to_u32(),
                read.range.end().to_u32(),
            );
            finding.related.push(Because { text: format!("`{name}` is defined here"), cell: later.cell, start: 0, end: 0 });
            finding
        })
        .collect()
}

/// Readings of names that only a later cell binds, with the first that does.
pub(super) fn early<'c>(context: &Context<'c>) -> impl Iterator<Item = (&'c CellTrace, &'c Name, &'c Read, &'c CellTrace)> {
    let traces = context.linked.traces();
    let is_python = context.is_python();
    let open: Vec<&CellTrace> = traces
        .iter()
        .filter(|trace| is_python && trace.opaque.is_empty() && !super::defined_nowhere::is_guarded(context, trace.cell))
        .collect();
    open.into_iter().flat_map(move |trace| {
        trace
            .reads
            .iter()
            // A name that Python or IPython provides is there before a cell binds it.
            .filter(|(name, read)| read.unbound && read.cells.is_empty() && read.certainty == Certainty::Proved && !is_builtin(name))
            .filter(|(name, read)| !is_of_an_earlier_turn(context, name, read) && !super::defined_nowhere::is_expected(context, name, read))
            .filter(move |(name, _)| !traces.iter().any(|other| other.cell < trace.cell && other.deletes.contains(name)))
            .filter_map(move |(name, read)| {
                let later = traces.iter().find(|other| other.cell > trace.cell && other.binds.iter().any(|bind| bind.name == *name))?;
                Some((trace, name, read, later))
            })
    })
}

fn is_of_an_earlier_turn(context: &Context<'_>, name: &Name, read: &Read) -> bool {
    let text = context.code().find(|(cell, ..)| cell.number == read.text_cell);
    text.is_some_and(|(_, facts, _)| super::bindings::may_be_of_an_earlier_turn(&facts.syntax.body, name, read.range))
}
