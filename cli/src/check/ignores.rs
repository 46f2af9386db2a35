//! `--add-ignores`: a comment at each finding that says it is meant.

use std::collections::BTreeMap;

use nbhoist_analyzer::finding::Edit;
use nbhoist_analyzer::notebook::CellKind;
use nbhoist_analyzer::{fix, rules};

use super::work::{Checked, Work};
use crate::error::Failure;
use crate::input::{self, Input};

/// Comments and tags that silence nothing.
const UNUSED: &str = "NBH002";

/// What is to be inserted, by cell and place in it.
type Insertions = BTreeMap<(u32, usize), (Vec<&'static str>, u32)>;

/// Adds the comments; the findings that take none remain.
pub(crate) fn add(checked: &mut Checked, input: Input, work: &Work<'_>) -> Result<(), Failure> {
    let mut insertions = Insertions::new();
    // A comment that nobody needs is not made better by another one.
    for finding in checked.findings.iter().filter(|finding| finding.code != UNUSED) {
        let Some(cell) = input.notebook.cell(finding.cell).filter(|cell| cell.kind == CellKind::Code) else { continue };
        if let Some((place, _)) = rules::ignore_edit(&cell.source, finding.start, &[finding.code]) {
            let (codes, _) = insertions.entry((finding.cell, place)).or_insert_with(|| (Vec::new(), finding.start));
            if !codes.contains(&finding.code) {
                codes.push(finding.code);
            }
        }
    }
    let edit = |(&(cell, _), (codes, at)): (&(u32, usize), &(Vec<&str>, u32))| {
        let (place, text) = rules::ignore_edit(&input.notebook.cell(cell)?.source, *at, codes)?;
        let place = u32::try_from(place).ok()?;
        Some(Edit::Source { cell, start: place, end: place, text })
    };
    let edits: Vec<Edit> = insertions.iter().filter_map(edit).collect();
    let all = checked.findings.len();
    if !edits.is_empty() {
        let bytes = fix::apply(&input.bytes, &input.notebook, &edits)
            .map_err(|error| Failure::new(format!("cannot add comments: {error}")).at(input.name()).help("the file was not changed"))?;
        let after = input::parse(input.path, bytes)?;
        checked.findings = work.findings(&after).0;
        checked.notebook = after.notebook;
        checked.change = Some((input.bytes, after.bytes));
    }
    checked.fixed = all.saturating_sub(checked.findings.len());
    checked.stubborn = checked.findings.iter().filter(|finding| finding.code != UNUSED).count();
    Ok(())
}
