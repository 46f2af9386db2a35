//! Two cells that take long over the same call.

use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::heavy_work::{self, Purpose};
use super::{Context, Rule};
use crate::facts::CellFacts;
use crate::finding::{Finding, Severity};
use crate::interp::{CellTrace, Change, ObjId};
use crate::notebook::Cell;
use crate::report::{Because, Certainty, EffectKind};
use crate::words;

pub(super) const RULE: Rule = Rule {
    code: "NBH302",
    name: "repeated-heavy-call",
    severity: Severity::Info,
    opt_in: false,
    summary: "Two cells take long over the same call with the same arguments.",
    explanation: include_str!("repeated_heavy_call.md"),
    check,
};

/// A cell above the budget, with the calls that may be why.
struct Heavy<'c> {
    cell: &'c Cell,
    facts: &'c CellFacts,
    trace: &'c CellTrace,
    seconds: f64,
    work: Vec<(String, &'c Expr)>,
}

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let heavy: Vec<Heavy<'_>> = context.code().filter_map(|(cell, facts, trace)| heavy(context, cell, facts, trace)).collect();
    let mut findings = Vec::new();
    for (at, later) in heavy.iter().enumerate() {
        let same = heavy[..at].iter().find_map(|earlier| Some((earlier, repeated(context, earlier, later)?)));
        let Some((earlier, call)) = same else { continue };
        let number = earlier.cell.number;
        let message = format!(
            "cell {number} makes the call `{}` with the same arguments; this cell takes about {}",
            words::shorten(&heavy_work::text(&later.cell.source, call), 60),
            words::seconds(later.seconds)
        );
        let help = format!("keep the result of cell {number} in a variable and use it here");
        let (start, end) = (call.range().start().to_u32(), call.range().end().to_u32());
        let mut finding = rule.finding(message, Some(help), later.cell.number, start, end);
        finding.related.push(Because { text: "the same call".to_owned(), cell: number, start: 0, end: 0 });
        findings.push(finding);
    }
    findings
}

fn heavy<'c>(context: &Context<'c>, cell: &'c Cell, facts: &'c CellFacts, trace: &'c CellTrace) -> Option<Heavy<'c>> {
    let cost = context.cost(cell.number)?;
    // A cell that measures time repeats work on purpose.
    let measures = trace.effects.iter().any(|effect| effect.kind == EffectKind::Clock)
        || facts.syntax.cell_magic.as_ref().is_some_and(|magic| magic.name == "timeit");
    if !cost.was_heavy() || measures {
        return None;
    }
    let calls = facts.syntax.body.iter().flat_map(heavy_work::calls);
    let work = calls.filter(|call| heavy_work::purpose(trace, call.range()) == Purpose::Work);
    Some(Heavy {
        cell,
        facts,
        trace,
        seconds: cost.seconds?,
        work: work.map(|call| (heavy_work::text(&cell.source, call), call)).collect(),
    })
}

/// The last call of the later cell that the earlier one makes, too, where one of the cells does nothing else, so that its time goes there.
fn repeated<'c>(context: &Context<'_>, earlier: &Heavy<'_>, later: &Heavy<'c>) -> Option<&'c Expr> {
    let is_in = |cell: &Heavy<'_>, text: &str| cell.work.iter().any(|(known, _)| known == text);
    let all_in = |one: &Heavy<'_>, other: &Heavy<'_>| one.work.iter().all(|(text, _)| is_in(other, text));
    if !all_in(earlier, later) && !all_in(later, earlier) {
        return None;
    }
    let shared: Vec<&'c Expr> = later.work.iter().filter(|(text, _)| is_in(earlier, text)).map(|(_, call)| *call).collect();
    let same = |call: &&Expr| mentions(call).iter().all(|name| is_unchanged(context, earlier, later, name));
    // The same draw gives other numbers the second time.
    let draws = |call: &&Expr| later.trace.draws.iter().any(|draw| call.range().contains_range(draw.call.range));
    let repeats = shared.iter().all(same) && !shared.iter().any(draws);
    shared.last().copied().filter(|_| repeats)
}

fn mentions(call: &Expr) -> Vec<&Name> {
    struct Search<'a>(Vec<&'a Name>);
    impl<'a> Visitor<'a> for Search<'a> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Name(name) = expression {
                self.0.push(&name.id);
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut search = Search(Vec::new());
    search.visit_expr(call);
    search.0
}

/// Whether the name stands for the same value in both cells.
fn is_unchanged(context: &Context<'_>, earlier: &Heavy<'_>, later: &Heavy<'_>, name: &Name) -> bool {
    let import = |cell: &Heavy<'_>| cell.trace.binds.iter().find(|bind| bind.name == *name).map(|bind| bind.import.clone());
    let (one, other) = (earlier.trace.reads.get(name), later.trace.reads.get(name));
    match (import(earlier), import(later), one, other) {
        (Some(Some(one)), Some(Some(other)), ..) => one == other,
        // The later one finds imported what the earlier one imports.
        (Some(Some(_)), None, _, read) => read.is_none_or(|read| read.cells == [earlier.cell.number]),
        // Both make it from the same text; the calls in that are compared as well.
        (Some(None), Some(None), None, None) => bindings(earlier, name) == bindings(later, name),
        // A builtin, or a name of a comprehension.
        (None, None, None, None) => true,
        (None, None, Some(one), Some(other)) => {
            let objects = context.linked.world.heap.reach(&other.objs);
            let between = (earlier.cell.number..later.cell.number).flat_map(|number| {
                let trace = context.trace(number);
                trace.into_iter().flat_map(|trace| &trace.changes)
            });
            let changes = |(object, change): (&ObjId, &Change)| change.certainty == Certainty::Proved && objects.contains(object);
            one.cells == other.cells && !between.into_iter().any(changes)
        }
        _ => false,
    }
}

/// The statements of a cell that give the name a value, with all white space made one.
fn bindings(cell: &Heavy<'_>, name: &Name) -> Vec<String> {
    let binds = |statement: &&Stmt| super::bindings::is_bound_before(std::slice::from_ref(*statement), name, TextSize::new(u32::MAX));
    let text = |statement: &Stmt| cell.cell.source[statement.range()].split_whitespace().collect::<Vec<_>>().join(" ");
    cell.facts.syntax.body.iter().filter(binds).map(text).collect()
}
