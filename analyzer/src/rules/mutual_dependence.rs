//! Two cells of which each needs the other.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use std::collections::BTreeSet;

use crate::report::{Because, EdgeKind};

pub(super) const RULE: Rule = Rule {
    code: "NBH207",
    name: "mutual-dependence",
    severity: Severity::Error,
    opt_in: false,
    summary: "Two cells need each other, so no order of them works.",
    explanation: include_str!("mutual_dependence.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut reported = BTreeSet::new();
    for &(trace, name, read, later) in context.early() {
        let back = context.edges().binary_search_by_key(&(trace.cell, later.cell, EdgeKind::Flow), |edge| (edge.from, edge.to, edge.kind));
        let back = back.ok().map(|at| &context.edges()[at]);
        let Some(back) = back.filter(|_| reported.insert((trace.cell, later.cell))) else { continue };
        let Some(theirs) = back.names.iter().find(|theirs| *theirs != name.as_str()) else { continue };
        let mut finding = rule.finding(
            format!(
                "cells {} and {} need each other: `{name}` here comes from there, and `{theirs}` there from here",
                trace.cell, later.cell
            ),
            Some("split one of the cells so that they can run one after the other".to_owned()),
            read.text_cell,
            read.range.start().to_u32(),
            read.range.end().to_u32(),
        );
        finding.related.push(Because {
            text: format!("this cell defines `{name}` and reads `{theirs}`"),
            cell: later.cell,
            start: 0,
            end: 0,
        });
        findings.push(finding);
    }
    findings
}
