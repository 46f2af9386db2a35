//! What says that findings are meant.
//!
//! - `# nbhoist: ignore[NBH201]` at the end of a line or on a line of its own above, for that line;
//! - the same above the first code of a cell, for the cell;
//! - the cell's tag `nbhoist-ignore:NBH201`, or `{"nbhoist": {"ignore": ["NBH201"]}}` in its metadata, for the cell;
//! - the same in the notebook's metadata, for the notebook.
//!
//! Codes, beginnings of codes, names and `ALL` work everywhere. `# noqa` does not count: other tools remove from it what they do not know.

use super::apply::weight;
use super::comments::{Comments, Note};
use super::{find, unused_suppression};
use crate::finding::Finding;
use crate::notebook::{Cell, Notebook};

/// Where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Comment(Note),
    /// The tag.
    Tag(String),
    CellMetadata,
    NotebookMetadata,
}

/// What one word makes rules pass over.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Number of the cell; nothing for the whole notebook.
    pub(super) cell: Option<u32>,
    /// First and last line (from 0); nothing for the whole cell.
    lines: Option<(usize, usize)>,
    pub(super) source: Source,
    /// Code, beginning of a code, name or `ALL`; nothing where there are no brackets, which means everything.
    pub(super) word: Option<String>,
    pub(super) used: bool,
}

impl Entry {
    /// Whether it is about a rule. What is about everything is not about what is said of itself.
    fn names(&self, code: &str) -> bool {
        let weight = match (&self.word, find(code)) {
            (Some(word), Some(rule)) => weight(word, rule),
            (word, _) => word.is_none().then_some(0),
        };
        weight.is_some_and(|weight| weight > 0 || code != unused_suppression::RULE.code)
    }
}

/// Everything in a notebook that says that findings are meant.
pub(super) struct Suppressions {
    pub(super) entries: Vec<Entry>,
    /// Cells with line breaks, for those that have entries about lines.
    pub(super) comments: std::collections::BTreeMap<u32, Comments>,
}

impl Suppressions {
    pub(super) fn of(notebook: &Notebook) -> Self {
        let mut suppressions = Self { entries: Vec::new(), comments: std::collections::BTreeMap::new() };
        for cell in &notebook.cells {
            suppressions.read_cell(cell);
        }
        let whole =
            |word: &String| Entry { cell: None, lines: None, source: Source::NotebookMetadata, word: Some(word.clone()), used: false };
        suppressions.entries.extend(notebook.ignored.iter().map(whole));
        suppressions
    }

    fn read_cell(&mut self, cell: &Cell) {
        let whole = |source: Source, word: Option<&str>| Entry {
            cell: Some(cell.number),
            lines: None,
            source,
            word: word.map(str::to_owned),
            used: false,
        };
        // A comment can only be where its words are; most cells need no second look.
        if cell.source.contains("nbhoist:") {
            let comments = Comments::of(&cell.source);
            self.entries.extend(comments.notes.iter().flat_map(|note| of_note(cell, note, &comments)));
            self.comments.insert(cell.number, comments);
        }
        for tag in &cell.tags {
            let Some(rest) = tag.strip_prefix("nbhoist-ignore") else { continue };
            let words = rest.strip_prefix(':').map(str::trim);
            match words {
                Some(words) => {
                    let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
                    self.entries.extend(words.map(|word| whole(Source::Tag(tag.clone()), Some(word))));
                }
                None if rest.is_empty() => self.entries.push(whole(Source::Tag(tag.clone()), None)),
                None => {}
            }
        }
        self.entries.extend(cell.ignored.iter().map(|word| whole(Source::CellMetadata, Some(word))));
    }

    /// Whether something says that this finding is meant; what does is noted as used.
    pub(super) fn cover(&mut self, finding: &Finding) -> bool {
        let line = self.comments.get(&finding.cell).map(|comments| comments.line_of(finding.start as usize));
        let mut covered = false;
        for entry in &mut self.entries {
            let here = entry.cell.is_none_or(|cell| cell == finding.cell)
                && entry.lines.is_none_or(|(first, last)| line.is_some_and(|line| (first..=last).contains(&line)));
            if here && entry.names(finding.code) {
                entry.used = true;
                covered = true;
            }
        }
        covered
    }
}

/// What a comment covers: the cell where it stands at its top; otherwise its line, with the lines of a string or a continued
/// line that ends there, and the line below where it has its own.
fn of_note(cell: &Cell, note: &Note, comments: &Comments) -> Vec<Entry> {
    let lines = if note.alone && note.line < comments.top {
        None
    } else if note.alone {
        Some((note.line, note.line + 1))
    } else {
        let first = (0..note.line).rev().find(|line| !comments.open.contains(line)).map_or(0, |before| before + 1);
        Some((first, note.line))
    };
    let entry = |word: Option<String>| Entry { cell: Some(cell.number), lines, source: Source::Comment(note.clone()), word, used: false };
    if note.words.is_empty() { vec![entry(None)] } else { note.words.iter().map(|(word, ..)| entry(Some(word.clone()))).collect() }
}

#[cfg(test)]
mod tests {
    use crate::notebook::Notebook;
    use crate::{Request, analyze, ipynb, percent};

    fn codes(notebook: &Notebook) -> Vec<&'static str> {
        analyze(&Request::new(notebook)).findings.iter().map(|finding| finding.code).collect()
    }

    fn found(source: &str) -> usize {
        codes(&percent::read(&format!("# %%\n{source}\n"))).iter().filter(|code| **code == "NBH202").count()
    }

    #[test]
    fn comments_name_codes_rules_or_nothing() {
        assert_eq!(found("print(nowhere)"), 1);
        for meant in [
            "# nbhoist: ignore[NBH202]",
            "#nbhoist:ignore[nbh201, defined-nowhere]  # why",
            "# nbhoist: ignore",
            "# x # nbhoist: ignore",
            "# nbhoist: ignore[NBH2]",
        ] {
            assert_eq!(found(&format!("print(nowhere)  {meant}")), 0, "{meant}");
        }
        for other in ["# nbhoist: ignore[NBH101]", "# nbhoist: ignored", "# ignore", "# noqa", "# noqa: NBH202"] {
            assert_eq!(found(&format!("print(nowhere)  {other}")), 1, "{other}");
        }
    }

    #[test]
    fn comments_cover_their_line_the_one_below_or_the_cell() {
        assert_eq!(found("x = 1  # nbhoist: ignore\nprint(nowhere)"), 1);
        assert_eq!(found("x = 1\n# nbhoist: ignore\nprint(nowhere)"), 0);
        assert_eq!(found("x = 1\n# nbhoist: ignore\ny = 2\nprint(nowhere)"), 1);
        assert_eq!(found("# title\n# nbhoist: ignore\nx = 1\nprint(nowhere)"), 0);
        assert_eq!(found("print(f'''{nowhere}\n''')  # nbhoist: ignore"), 0);
        assert_eq!(found("print(nowhere, '# nbhoist: ignore')"), 1);
    }

    #[test]
    fn tags_and_metadata_cover_the_cell_or_the_notebook() {
        let found = |cell: &str, notebook: &str| {
            let text = format!(
                r#"{{"cells": [{{"cell_type": "code", "execution_count": null, "id": "a", "metadata": {cell}, "outputs": [],
                "source": "x = 1\nprint(nowhere)"}}], "metadata": {{"language_info": {{"name": "python"}}, "nbhoist": {notebook}}}, "nbformat": 4, "nbformat_minor": 5}}"#
            );
            codes(&ipynb::read(text.as_bytes()).unwrap()).iter().filter(|code| **code == "NBH202").count()
        };
        assert_eq!(found("{}", "{}"), 1);
        for metadata in [
            r#"{"tags": ["nbhoist-ignore:NBH202"]}"#,
            r#"{"tags": ["nbhoist-ignore:NBH1, defined-nowhere"]}"#,
            r#"{"tags": ["nbhoist-ignore"]}"#,
            r#"{"nbhoist": {"ignore": ["NBH2"]}}"#,
        ] {
            assert_eq!(found(metadata, "{}"), 0, "{metadata}");
        }
        assert_eq!(found("{}", r#"{"ignore": ["NBH202"]}"#), 0);
        assert_eq!(found(r#"{"tags": ["nbhoist-ignored", "nbhoist:NBH202"]}"#, r#"{"ignore": "NBH202"}"#), 1);
        let script =
            "# %% tags=[\"nbhoist-ignore:NBH202\"]\nprint(nowhere)\n# %% nbhoist={\"ignore\": [\"NBH202\"]} other=1\nprint(gone)\n";
        assert_eq!(codes(&percent::read(script)), [""; 0]);
    }
}
