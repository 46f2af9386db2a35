//! A marked block that relies on state outside its names.

use super::{Context, Rule};
use std::collections::BTreeMap;

use crate::finding::{Finding, Severity};
use crate::report::{Because, Edge, EdgeKind};

pub(super) const RULE: Rule = Rule {
    code: "NBH403",
    name: "relies-on-ambient-state",
    severity: Severity::Info,
    opt_in: true,
    summary: "A marked block relies on random state, options, environment or working directory that earlier cells set.",
    explanation: include_str!("relies_on_ambient_state.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (cell, plan) in super::marked_plans(context) {
        let first = plan.cells.first().copied().unwrap_or(cell.number);
        let set_before = |edge: &&Edge| edge.kind == EdgeKind::Ambient && edge.from < first && plan.cells.contains(&edge.to);
        let mut states: BTreeMap<&str, u32> = BTreeMap::new();
        for edge in context.edges().iter().filter(set_before) {
            states.extend(edge.names.iter().map(|name| (name.as_str(), edge.from)));
        }
        if states.is_empty() {
            continue;
        }
        let list = states.keys().copied().collect::<Vec<_>>().join(", ");
        let help = "nbhoist carries it along; another way of running the block elsewhere does not".to_owned();
        let mut finding = rule.about(cell, format!("this block relies on state that is no name: {list}"), Some(help));
        let related = states.iter().map(|(name, &cell)| Because { text: format!("{name} is set here"), cell, start: 0, end: 0 });
        finding.related.extend(related);
        findings.push(finding);
    }
    findings
}
