//! By what a finding is known again when cells and lines have moved: its rule, its cell's id, and the text of its line.

use std::collections::BTreeMap;

use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::notebook::Notebook;

/// What stays the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Code of the rule.
    pub(crate) rule: String,
    /// nbformat id of the cell, where it has one.
    pub(crate) cell: Option<String>,
    /// The line the finding starts on, without white space around it.
    pub(crate) text: String,
}

impl Key {
    pub(crate) fn of(notebook: &Notebook, finding: &Finding) -> Self {
        let cell = notebook.cell(finding.cell);
        let source = cell.map_or("", |cell| cell.source.as_str());
        let start = source.floor_char_boundary(finding.start as usize);
        let from = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let text = source[from..].lines().next().unwrap_or_default().trim().to_owned();
        Self { rule: finding.code.to_owned(), cell: cell.and_then(|cell| cell.id.clone()), text }
    }

    /// A name for the finding that another finding of the notebook does not have. `nth` counts those that are alike.
    pub(crate) fn fingerprint(&self, notebook: &str, nth: usize) -> String {
        // FNV-1a with 128 bits: the same today and tomorrow, on every machine.
        let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        let cell = self.cell.as_deref().unwrap_or_default();
        for part in [notebook, &self.rule, cell, &self.text, &nth.to_string()] {
            for byte in part.bytes().chain([0xff]) {
                hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
            }
        }
        format!("{hash:032x}")
    }
}

/// Findings that are known, each as often as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known(pub(crate) BTreeMap<Key, usize>);

impl Known {
    pub(crate) fn of(notebook: &Notebook, findings: &[Finding]) -> Self {
        let mut known = Self::default();
        findings.iter().for_each(|finding| *known.0.entry(Key::of(notebook, finding)).or_default() += 1);
        known
    }

    /// Whether this one is known; each counts once.
    pub(crate) fn take(&mut self, key: &Key) -> bool {
        match self.0.get_mut(key) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}
