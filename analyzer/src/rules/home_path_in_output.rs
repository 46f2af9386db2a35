//! A home folder in a saved output.

use super::{Context, Rule};
use crate::finding::{Applicability, Edit, Finding, Fix, Severity};
use crate::notebook::Cell;

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
    let shows = |cell: &Cell| cell.outputs.iter().find_map(|output| output.home.clone());
    let found: Vec<_> = context.request.notebook.code_cells().filter_map(|cell| Some((cell, shows(cell)?))).collect();
    // One finding for the notebook: the folder is the same each time.
    let Some((cell, home)) = found.first() else { return Vec::new() };
    let more = match found.len() {
        1 => String::new(),
        2 => ", and one more output does".to_owned(),
        cells => format!(", and {} more outputs do", cells - 1),
    };
    let help = "clear the output, or print a path relative to the notebook".to_owned();
    let mut finding = rule.about(cell, format!("the saved output shows the home folder `{home}`{more}"), Some(help));
    let edits = found.iter().map(|(cell, _)| Edit::ClearOutputs { cell: cell.number }).collect();
    finding.fix = Some(Fix { title: "Clear these outputs".to_owned(), applicability: Applicability::Safe, edits });
    vec![finding]
}
