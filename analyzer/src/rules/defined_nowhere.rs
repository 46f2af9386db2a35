//! A name that nothing defines.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Context, Rule, meant};
use crate::finding::{Finding, Severity};
use crate::interp::{CellTrace, Read};
use crate::minimal_state::is_history;
use crate::notebook::OutputKind;
use crate::report::Certainty;
use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, Stmt, StmtTry};
use ruff_text_size::TextRange;

pub(super) const RULE: Rule = Rule {
    code: "NBH202",
    name: "defined-nowhere",
    severity: Severity::Error,
    opt_in: false,
    summary: "A name is read that nothing in the notebook defines.",
    explanation: include_str!("defined_nowhere.md"),
    check,
};

/// With more unknown names than this, something else is missing than a letter; each would be compared with all names that are known.
const MOST_CORRECTED: usize = 200;

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut known: BTreeSet<&Name> = BTreeSet::new();
    let mut found: Vec<(&Name, u32, u32, TextRange)> = Vec::new();
    for (trace, name, read) in undefined(context) {
        known.insert(name);
        if !ran_without_it(context, trace.cell, read) {
            found.push((name, trace.cell, read.text_cell, read.range));
        }
    }
    let in_functions = super::in_functions::unbound(context);
    found.extend(in_functions.iter().filter(|(name, _)| !known.contains(name)).map(|(name, &(cell, range))| (name, cell, cell, range)));
    let corrects = found.len() <= MOST_CORRECTED;
    let finding = |(name, at, cell, range): (&Name, u32, u32, TextRange)| {
        let message = format!("`{name}` is read, but nothing in the notebook defines it");
        let help = format!("define or import `{name}`, or correct its spelling");
        let mut finding = rule.finding(message, Some(help), cell, range.start().to_u32(), range.end().to_u32());
        finding.fix = corrects.then(|| meant::fix(context, at, &finding, name)).flatten();
        finding
    };
    found.into_iter().map(finding).collect()
}

fn is_unbound(read: &Read) -> bool {
    read.unbound && read.cells.is_empty()
}

/// The first reading of each name that nothing in the notebook defines.
pub(super) fn undefined<'x, 'c: 'x>(context: &'x Context<'c>) -> impl Iterator<Item = (&'c CellTrace, &'c Name, &'c Read)> + use<'x, 'c> {
    let linked = context.linked;
    let mut reported = BTreeSet::new();
    // A star import, `%run` and the like may bind anything; then silence is right.
    let sees_all = |trace: &CellTrace| trace.opaque.is_empty() && trace.stars.is_empty() && !linked.broken.contains(&trace.cell);
    linked
        .traces()
        .iter()
        .map(Arc::as_ref)
        // Only where it matters: it goes through the cell's lines.
        .filter(move |trace| {
            trace.any_read.unbound
                && sees_all(trace)
                && trace.reads.iter().any(|(_, read)| is_unbound(read))
                && !is_guarded(context, trace.cell)
        })
        .flat_map(|trace| trace.reads.iter().map(move |(name, read)| (trace, name, read)))
        .filter(|(_, name, read)| {
            is_unbound(read)
                && read.certainty == Certainty::Proved
                && !is_history(name)
                && !crate::interp::is_builtin(name)
                && context.is_python()
                && !is_expected(context, name, read)
        })
        .filter(move |(_, name, _)| reported.insert((*name).clone()) && context.binders(name).is_empty())
}

/// Whether the saved notebook shows that the cell ran to its end, so that the name was there at that time.
pub(super) fn ran_without_it(context: &Context<'_>, cell: u32, read: &Read) -> bool {
    let ran = context
        .cell(cell)
        .is_some_and(|cell| cell.execution_count.is_some() && !cell.outputs.iter().any(|output| output.kind == OutputKind::Error));
    // A `try` around the place may have swallowed the error.
    ran && tries(context, read).is_empty()
}

/// Names that Python 2 had: `try: input = raw_input` is about both.
const PYTHON_2: &[&str] =
    &["apply", "basestring", "buffer", "cmp", "execfile", "file", "long", "raw_input", "reduce", "reload", "unichr", "unicode", "xrange"];

/// Whether the code counts on the name not being there.
pub(super) fn is_expected(context: &Context<'_>, name: &Name, read: &Read) -> bool {
    let catches = |handler: &ExceptHandler| {
        let ExceptHandler::ExceptHandler(handler) = handler;
        let names = handler.type_.as_deref().map(|kind| match kind {
            Expr::Tuple(tuple) => tuple.elts.as_slice(),
            one => std::slice::from_ref(one),
        });
        names.is_some_and(|names| names.iter().any(|kind| matches!(kind, Expr::Name(kind) if kind.id.as_str() == "NameError")))
    };
    let tries = tries(context, read);
    tries.iter().any(|attempt| PYTHON_2.contains(&name.as_str()) || attempt.handlers.iter().any(catches))
}

/// The `try` statements around a reading.
fn tries<'c>(context: &Context<'c>, read: &Read) -> Vec<&'c StmtTry> {
    struct Search<'a>(TextRange, Vec<&'a StmtTry>);
    impl<'a> Visitor<'a> for Search<'a> {
        fn visit_body(&mut self, body: &'a [Stmt]) {
            if let Some(statement) = super::bindings::around(body, self.0) {
                self.1.extend(statement.as_try_stmt());
                visitor::walk_stmt(self, statement);
            }
        }

        fn visit_expr(&mut self, _: &'a Expr) {
            // No expression holds a statement.
        }
    }
    let mut search = Search(read.range, Vec::new());
    if let Some(facts) = context.facts_of(read.text_cell) {
        search.visit_body(&facts.syntax.body);
    }
    search.1
}

/// Whether the cell says that it fails on purpose, to nbconvert or to nbval.
pub(super) fn is_guarded(context: &Context<'_>, cell: u32) -> bool {
    context.cell(cell).is_some_and(|cell| {
        let tagged = cell.tags.iter().any(|tag| matches!(tag.as_str(), "raises-exception" | "nbval-raises-exception"));
        tagged || cell.source.lines().any(|line| line.trim() == "# NBVAL_RAISES_EXCEPTION")
    })
}
