//! By what a finding is known again when cells and lines have moved: its rule, its cell's id, and the text of its line.

use std::collections::BTreeMap;

use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::notebook::Notebook;

use crate::frame;

/// A line whose end is farther away than this is known by what stands around the finding, bytes: a baseline has no use for all of it.
const FAR: usize = 1_000;

/// How much of such a line is kept on either side of the finding's start, bytes.
const AROUND: usize = 200;

/// What stays the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Code of the rule.
    pub(crate) rule: String,
    /// nbformat id of the cell, where it has one.
    pub(crate) cell: Option<String>,
    /// The line the finding starts on, without white space around it; of a very long one, what stands around the finding.
    pub(crate) text: String,
}

impl Key {
    pub(crate) fn of(notebook: &Notebook, finding: &Finding) -> Self {
        let cell = notebook.cell(finding.cell);
        let source = cell.map_or("", |cell| cell.source.as_str());
        let text = line(source, finding.start as usize).trim().to_owned();
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

/// The line around a byte of a source, or a part of it when it is very long.
fn line(source: &str, start: usize) -> &str {
    let (whole, is_whole) = frame::line_around(source, start, FAR);
    let range = if is_whole { whole } else { frame::line_around(source, start, AROUND).0 };
    source[range].trim_end_matches('\r')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_whole_unless_it_is_very_long() {
        assert_eq!(line("a = 1\n  b = c\r\nd", 10), "  b = c");
        assert_eq!(line("a\nlast", 3), "last");
        assert_eq!(line("", 7), "");
        let long = format!("first\n{}|{}\nlast", "\u{e9}".repeat(5_000), "y".repeat(5_000));
        let found = line(&long, 6 + 10_000);
        assert!(found.starts_with('\u{e9}') && found.contains('|') && found.ends_with('y') && found.len() <= 402, "{found}");
        assert_eq!(line(&long, 8), line(&long, 8));
        assert!(line(&long, 8).starts_with('\u{e9}'), "another line is no part of it");
    }
}
