//! Long work and the plot of its result in one cell.

use ruff_python_ast::Stmt;
use ruff_text_size::Ranged;

use super::heavy_work::{self, Purpose};
use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::interp::CellTrace;
use crate::words;

pub(super) const RULE: Rule = Rule {
    code: "NBH303",
    name: "plot-in-heavy-cell",
    severity: Severity::Info,
    opt_in: false,
    summary: "A cell that takes long also draws what it computed.",
    explanation: include_str!("plot_in_heavy_cell.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (cell, facts, trace) in context.code() {
        let Some(seconds) = context.cost(cell.number).filter(|cost| cost.was_heavy()).and_then(|cost| cost.seconds) else { continue };
        let Some(plot) = plot_behind_work(&facts.syntax.body, trace) else { continue };
        findings.push(rule.finding(
            format!("this plot waits for the work above it, about {}, whenever its looks are changed", words::seconds(seconds)),
            Some("put it into a cell of its own".to_owned()),
            cell.number,
            plot.range().start().to_u32(),
            plot.range().end().to_u32(),
        ));
    }
    findings
}

/// The first of the statements at the end of the cell that only draw, where there are several and one before them works.
fn plot_behind_work<'a>(body: &'a [Stmt], trace: &CellTrace) -> Option<&'a Stmt> {
    let purposes: Vec<Vec<Purpose>> = body
        .iter()
        .map(|statement| heavy_work::calls(statement).into_iter().map(|call| heavy_work::purpose(trace, call.range())).collect())
        .collect();
    let last_work = purposes.iter().rposition(|purposes| purposes.contains(&Purpose::Work))?;
    // A statement that works and draws, such as a loop over figures, cannot be taken apart.
    let draws = |at: &usize| purposes[*at].contains(&Purpose::Drawing);
    if (0..=last_work).any(|at| draws(&at)) {
        return None;
    }
    let drawing: Vec<usize> = (last_work + 1..body.len()).filter(draws).collect();
    (drawing.len() >= 2).then(|| &body[drawing[0]])
}
