//! Cells without an id, or with the id of another cell.

use super::{Context, Rule};
use crate::finding::{Applicability, Edit, Finding, Fix, Severity};
use std::collections::BTreeSet;

use crate::notebook::{Cell, Format, Notebook};
use crate::words::shorten;

pub(super) const RULE: Rule = Rule {
    code: "NBH605",
    name: "malformed-ids",
    severity: Severity::Warning,
    opt_in: false,
    summary: "A cell has no id, or the id of another cell.",
    explanation: include_str!("malformed_ids.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let notebook = context.request.notebook;
    let Format::Ipynb { major, minor } = notebook.format else { return Vec::new() };
    if (major, minor) < (4, 5) {
        return Vec::new();
    }
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut wrong: Vec<(&Cell, String)> = Vec::new();
    for cell in &notebook.cells {
        match &cell.id {
            None => wrong.push((cell, "this cell has no id, which nbformat 4.5 requires".to_owned())),
            Some(id) if !taken.insert(id) => wrong.push((cell, format!("this cell has the id `{id}` of a cell above it"))),
            Some(id) if !is_valid(id) => {
                wrong.push((cell, format!("the id `{}` is not 1 to 64 letters, digits, `-` and `_`", shorten(id, 40))));
            }
            Some(_) => {}
        }
    }
    // One finding for the notebook: whoever wrote it left out all ids or copied some.
    let Some((first, message)) = wrong.first() else { return Vec::new() };
    let more = match wrong.len() {
        1 => String::new(),
        2 => "; one more cell has a wrong id or none".to_owned(),
        cells => format!("; {} more cells have a wrong id or none", cells - 1),
    };
    let mut finding = rule.about(first, format!("{message}{more}"), Some("give each cell an id of its own".to_owned()));
    let edits = wrong.iter().map(|(cell, _)| Edit::Id { cell: cell.number, id: new_id(notebook, cell.number) }).collect();
    finding.fix = Some(Fix { title: "Give the cells ids of their own".to_owned(), applicability: Applicability::Safe, edits });
    vec![finding]
}

fn is_valid(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// An id that no cell has, the same each time.
fn new_id(notebook: &Notebook, number: u32) -> String {
    let free = |id: &String| notebook.cells.iter().all(|cell| cell.id.as_ref() != Some(id));
    let plain = format!("cell-{number}");
    if free(&plain) {
        return plain;
    }
    // Among one more than there are cells, one is free.
    let most = notebook.cells.len() + 2;
    (2..=most).map(|again| format!("cell-{number}-{again}")).find(free).unwrap_or(plain)
}
