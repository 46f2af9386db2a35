//! A name that only a later cell defines.

use std::cell::OnceCell;
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
    context
        .early()
        .iter()
        .filter(|(_, name, ..)| reported.insert(*name))
        .map(|&(trace, name, read, later)| {
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

/// A reading of a name that only a later cell binds: the cell, the name, the reading, and the first cell that binds it.
pub(super) type Early<'c> = (&'c CellTrace, &'c Name, &'c Read, &'c CellTrace);

/// All of them.
pub(super) fn find<'c>(context: &Context<'c>) -> Vec<Early<'c>> {
    let traces = context.linked.traces();
    let open = traces.iter().enumerate().filter(|(_, trace)| trace.any_read.unbound && trace.opaque.is_empty() && context.is_python());
    open.flat_map(|(at, trace)| {
        // A name that Python or IPython provides is there before a cell binds it.
        let unbound = |(name, read): &(&Name, &Read)| {
            read.unbound && !read.may_be_own && read.cells.is_empty() && read.certainty == Certainty::Proved && !is_builtin(name)
        };
        // It goes through the lines of the cell, so not for each name.
        let guarded = OnceCell::new();
        trace.reads.iter().filter(unbound).filter_map(move |(name, read)| {
            let binders = context.binders(name);
            let later = &traces[*binders.get(binders.partition_point(|&binder| binder as usize <= at))? as usize];
            let is_deleted = context.deleters(name).first().is_some_and(|&deleter| (deleter as usize) < at);
            let is_meant = || {
                *guarded.get_or_init(|| super::defined_nowhere::is_guarded(context, trace.cell))
                    || is_of_an_earlier_turn(context, name, read)
                    || super::defined_nowhere::is_expected(context, name, read)
            };
            (!is_deleted && !is_meant()).then_some((trace.as_ref(), name, read, later.as_ref()))
        })
    })
    .collect()
}

fn is_of_an_earlier_turn(context: &Context<'_>, name: &Name, read: &Read) -> bool {
    let facts = context.facts_of(read.text_cell);
    facts.is_some_and(|facts| super::bindings::may_be_of_an_earlier_turn(&facts.syntax.body, name, read.range))
}
