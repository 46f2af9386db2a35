//! A name that nothing defines.

use super::{Context, Rule, meant};
use crate::finding::{Finding, Severity};
use crate::interp::{CellTrace, Read};
use crate::minimal_state::is_history;
use crate::notebook::OutputKind;
use crate::report::Certainty;
use ruff_python_ast::Stmt;
use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_text_size::{Ranged, TextRange};

pub(super) const RULE: Rule = Rule {
    code: "NBH202",
    name: "defined-nowhere",
    severity: Severity::Error,
    opt_in: false,
    summary: "A name is read that nothing in the notebook defines.",
    explanation: include_str!("defined_nowhere.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    undefined(context)
        .filter(|(trace, _, read)| !ran_without_it(context, trace.cell, read))
        .map(|(trace, name, read)| {
            let mut finding = rule.finding(
                format!("`{name}` is read, but nothing in the notebook defines it"),
                Some(format!("define or import `{name}`, or correct its spelling")),
                read.text_cell,
                read.range.start().to_u32(),
                read.range.end().to_u32(),
            );
            finding.fix = meant::fix(context, trace.cell, &finding, name);
            finding
        })
        .collect()
}

/// The first reading of each name that nothing in the notebook defines.
pub(super) fn undefined<'c>(context: &Context<'c>) -> impl Iterator<Item = (&'c CellTrace, &'c Name, &'c Read)> {
    let linked = context.linked;
    let is_python = context.is_python();
    let mut reported = std::collections::BTreeSet::new();
    // A star import, `%run` and the like may bind anything; then silence is right.
    let sees_all = |trace: &CellTrace| trace.opaque.is_empty() && trace.stars.is_empty() && !linked.broken.contains(&trace.cell);
    let binds = |name: &Name| linked.traces().iter().any(|other| other.binds.iter().any(|bind| bind.name == *name));
    let guarded: Vec<u32> = linked.traces().iter().map(|trace| trace.cell).filter(|&cell| is_guarded(context, cell)).collect();
    linked
        .traces()
        .iter()
        .filter(move |trace| is_python && sees_all(trace) && !guarded.contains(&trace.cell))
        .flat_map(|trace| trace.reads.iter().map(move |(name, read)| (trace, name, read)))
        .filter(|(_, name, read)| {
            read.unbound
                && read.cells.is_empty()
                && read.certainty == Certainty::Proved
                && !is_history(name)
                && !crate::interp::is_builtin(name)
        })
        .filter(move |(_, name, _)| reported.insert((*name).clone()) && !binds(name))
}

/// Whether the saved notebook shows that the cell ran to its end, so that the name was there at that time.
pub(super) fn ran_without_it(context: &Context<'_>, cell: u32, read: &Read) -> bool {
    let ran = context
        .cell(cell)
        .is_some_and(|cell| cell.execution_count.is_some() && !cell.outputs.iter().any(|output| output.kind == OutputKind::Error));
    let text = context.code().find(|(cell, ..)| cell.number == read.text_cell);
    ran && !text.is_some_and(|(_, facts, _)| facts.syntax.body.iter().any(|statement| catches(statement, read.range)))
}

/// Whether a `try` around the place may have swallowed the error.
fn catches(statement: &Stmt, place: TextRange) -> bool {
    struct Search(TextRange, bool);
    impl<'a> Visitor<'a> for Search {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if statement.range().contains_range(self.0) {
                self.1 |= matches!(statement, Stmt::Try(_));
                visitor::walk_stmt(self, statement);
            }
        }
    }
    let mut search = Search(place, false);
    search.visit_stmt(statement);
    search.1
}

/// Whether the cell says that it fails on purpose.
pub(super) fn is_guarded(context: &Context<'_>, cell: u32) -> bool {
    context.request.notebook.cell(cell).is_some_and(|cell| cell.tags.iter().any(|tag| tag == "raises-exception"))
}
