//! Everything that was found, ready to be written in any format.

use std::collections::HashMap;

use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::text_index::TextIndex;

use super::known::Key;
use super::place::Place;
use super::tally::Tally;
use super::work::{Checked, Outcome};
use crate::error::Failure;

/// What became of all files.
pub(crate) struct Report {
    outcomes: Vec<Outcome>,
    pub(crate) tally: Tally,
}

/// A finding with all that formats say about it.
pub(crate) struct Item<'a> {
    /// The file, as it was named or found.
    pub(crate) file: &'a str,
    pub(crate) notebook: &'a Notebook,
    pub(crate) finding: &'a Finding,
    pub(crate) place: Place,
    /// A name for it that stays when lines move.
    pub(crate) fingerprint: String,
}

impl Report {
    pub(crate) fn new(outcomes: Vec<Outcome>) -> Self {
        let tally = Tally::of(&outcomes);
        Self { outcomes, tally }
    }

    pub(crate) fn checked(&self) -> impl Iterator<Item = &Checked> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Checked(checked) => Some(checked.as_ref()),
            _ => None,
        })
    }

    /// Files that could not be read, with the reason.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed { name, failure } => Some((name.as_str(), failure)),
            _ => None,
        })
    }

    /// What is found in one notebook.
    pub(crate) fn items_of<'a>(checked: &'a Checked) -> Vec<Item<'a>> {
        let mut alike: HashMap<String, usize> = HashMap::new();
        let mut indices: HashMap<u32, TextIndex<'_>> = HashMap::new();
        let file = checked.name.strip_prefix("./").unwrap_or(&checked.name);
        let item = |finding: &'a Finding| {
            let source = || checked.notebook.cell(finding.cell).map_or("", |cell| cell.source.as_str());
            let index = indices.entry(finding.cell).or_insert_with(|| TextIndex::of_characters(source()));
            let key = Key::of(&checked.notebook, finding);
            let nth = alike.entry(key.fingerprint("", 0)).or_default();
            *nth += 1;
            let fingerprint = key.fingerprint(&file.replace('\\', "/"), *nth);
            Item { file, notebook: &checked.notebook, finding, place: Place::of(&checked.notebook, finding, index), fingerprint }
        };
        checked.findings.iter().map(item).collect()
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.checked().flat_map(Self::items_of)
    }

    /// The file that came from standard input and goes to standard output.
    pub(crate) fn filtered(&self) -> Option<&[u8]> {
        self.checked().filter(|checked| checked.from_stdin).find_map(|checked| Some(checked.change.as_ref()?.1.as_slice()))
    }
}
