//! A home folder in a saved output.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    code: "NBH604",
    name: "home-path-in-output",
    severity: Severity::Info,
    opt_in: false,
    summary: "A saved output shows the home folder of a person.",
    explanation: include_str!("home_path_in_output.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let cells = context.request.notebook.code_cells();
    cells
        .filter_map(|cell| {
            let home = cell.outputs.iter().find_map(|output| output.home.as_ref())?;
            let help = "clear the output, or print a path relative to the notebook".to_owned();
            let mut finding = rule.about(cell, format!("the saved output shows the home folder `{home}`"), Some(help));
            finding.fix = Some(super::clear_outputs(cell.number));
            Some(finding)
        })
        .collect()
}
