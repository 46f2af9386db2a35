//! A credential in a saved output.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    code: "NBH603",
    name: "secret-in-output",
    severity: Severity::Error,
    opt_in: false,
    summary: "A saved output holds a credential.",
    explanation: include_str!("secret_in_output.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let cells = context.request.notebook.code_cells();
    cells
        .filter_map(|cell| {
            let what = cell.outputs.iter().find_map(|output| output.secrets.first())?;
            let help = "revoke it, clear the output, and take the credential from the environment".to_owned();
            let mut finding = rule.about(cell, format!("the saved output holds {what}"), Some(help));
            finding.fix = Some(super::clear_outputs(cell.number));
            Some(finding)
        })
        .collect()
}
