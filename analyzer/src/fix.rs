//! Fixes: which of them go together, and the file after them.

use thiserror::Error;

use crate::finding::{Applicability, Edit, Finding, Fix};
use crate::ipynb::{self, CellEdit};
use crate::notebook::{Format, Notebook};
use crate::percent;

/// Why edits could not be made. The file is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EditError {
    /// In a Jupyter notebook.
    #[error(transparent)]
    Ipynb(#[from] ipynb::EditError),
    /// In a script.
    #[error(transparent)]
    Percent(#[from] percent::EditError),
}

/// The fixes that can be made at once, in the order of their findings: a fix that touches what an earlier one changes has to wait.
pub fn compatible(findings: &[Finding], applicability: Applicability) -> Vec<&Fix> {
    let mut chosen: Vec<&Fix> = Vec::new();
    for fix in findings.iter().filter_map(|finding| finding.fix.as_ref()) {
        let allowed = fix.applicability <= applicability && !fix.edits.is_empty();
        let free = fix.edits.iter().all(|edit| chosen.iter().all(|other| !other.edits.iter().any(|taken| touches(edit, taken))));
        if allowed && free {
            chosen.push(fix);
        }
    }
    chosen
}

/// Whether two edits cannot both be made.
fn touches(one: &Edit, other: &Edit) -> bool {
    match (one, other) {
        (Edit::Source { cell, start, end, .. }, Edit::Source { cell: other, start: from, end: to, .. }) => {
            cell == other && start <= to && from <= end
        }
        (Edit::ClearOutputs { cell }, Edit::ClearOutputs { cell: other }) | (Edit::Id { cell, .. }, Edit::Id { cell: other, .. }) => {
            cell == other
        }
        _ => false,
    }
}

/// The file with these edits made; every other byte stays as it is.
///
/// # Errors
/// When an edit names what is not there, or the file cannot be edited.
pub fn apply(bytes: &[u8], notebook: &Notebook, edits: &[Edit]) -> Result<Vec<u8>, EditError> {
    let mut cells: Vec<CellEdit> = Vec::new();
    for edit in edits {
        let (Edit::Source { cell, .. } | Edit::ClearOutputs { cell } | Edit::Id { cell, .. }) = edit;
        let index = cells.iter().position(|known| known.number == *cell).unwrap_or_else(|| {
            cells.push(CellEdit { number: *cell, ..CellEdit::default() });
            cells.len() - 1
        });
        let entry = &mut cells[index];
        match edit {
            Edit::Source { start, end, text, .. } => entry.source.push((*start..*end, text.clone())),
            Edit::ClearOutputs { .. } => {
                entry.outputs = Some("[]".to_owned());
            }
            Edit::Id { id, .. } => entry.id = Some(id.clone()),
        }
    }
    match notebook.format {
        Format::Ipynb { .. } => Ok(ipynb::edit(bytes, &cells)?),
        Format::Percent => Ok(percent::edit(bytes, notebook, &cells)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    fn finding(applicability: Applicability, edits: Vec<Edit>) -> Finding {
        let fix = Some(Fix { title: String::new(), applicability, edits });
        Finding {
            code: "X",
            rule: "x",
            severity: Severity::Info,
            message: String::new(),
            help: None,
            cell: 1,
            start: 0,
            end: 0,
            related: Vec::new(),
            fix,
        }
    }

    fn source(cell: u32, start: u32, end: u32) -> Edit {
        Edit::Source { cell, start, end, text: "y".to_owned() }
    }

    #[test]
    fn fixes_that_touch_wait() {
        let findings = [
            finding(Applicability::Safe, vec![source(1, 0, 4), source(2, 0, 1)]),
            finding(Applicability::Safe, vec![source(1, 4, 5)]),
            finding(Applicability::Unsafe, vec![source(1, 9, 9)]),
            finding(Applicability::Safe, vec![source(3, 0, 4), Edit::ClearOutputs { cell: 1 }]),
            finding(Applicability::Safe, vec![Edit::ClearOutputs { cell: 1 }]),
        ];
        let chosen = |applicability| compatible(&findings, applicability).len();
        assert_eq!((chosen(Applicability::Safe), chosen(Applicability::Unsafe)), (2, 3));
    }
}
