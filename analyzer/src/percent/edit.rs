//! Sources of cells changed in a script, with every other byte left as it is.

use std::ops::Range;

use thiserror::Error;

use super::marker::{commented, uncomment};
use crate::ipynb::CellEdit;
use crate::notebook::{Cell, CellKind, Notebook};

/// Why a script could not be edited.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EditError {
    /// Bytes that are no UTF-8.
    #[error("the script is not UTF-8")]
    NotUtf8,
    /// The cell is not there, is prose, or its text is another one.
    #[error("the source of cell {number} cannot be edited at these places")]
    Source {
        /// Number of the cell.
        number: u32,
    },
}

/// The script with other sources. Outputs, counts and ids, which a script does not have, are passed over.
///
/// # Errors
/// When a cell is not there or is no code, or the ranges are not those of its text.
pub fn edit(bytes: &[u8], notebook: &Notebook, edits: &[CellEdit]) -> Result<Vec<u8>, EditError> {
    let text = std::str::from_utf8(bytes).map_err(|_| EditError::NotUtf8)?;
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut splices: Vec<(Range<usize>, String)> = Vec::new();
    for edit in edits.iter().filter(|edit| !edit.source.is_empty()) {
        let wrong = EditError::Source { number: edit.number };
        let cell = notebook.cell(edit.number).filter(|cell| cell.kind == CellKind::Code).ok_or_else(|| wrong.clone())?;
        let script = Script { text, starts: &starts, cell };
        for (range, new) in &edit.source {
            splices.push(script.splice(range, new).ok_or_else(|| wrong.clone())?);
        }
    }
    splices.sort_by_key(|(range, _)| (range.start, range.end));
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for (range, new) in splices {
        result.push_str(text.get(done..range.start).ok_or(EditError::Source { number: 1 })?);
        result.push_str(&new);
        done = range.end;
    }
    result.push_str(&text[done..]);
    Ok(result.into_bytes())
}

struct Script<'a> {
    text: &'a str,
    starts: &'a [usize],
    cell: &'a Cell,
}

/// A place in the script.
struct Spot {
    at: usize,
    /// The same, or where the line starts when the place is the first of its line.
    line: usize,
}

impl Script<'_> {
    fn splice(&self, range: &Range<u32>, new: &str) -> Option<(Range<usize>, String)> {
        let (start, end) = (self.spot(range.start as usize)?, self.spot(range.end as usize)?);
        // What ends with a line leaves the next one its comment sign.
        let lines = new.is_empty() || new.ends_with('\n');
        let from = if range.start < range.end || lines { start.line } else { start.at };
        let to = if lines { end.line } else { end.at };
        let first_is_line = from == start.line;
        let mut text = String::new();
        for (index, line) in new.split_inclusive('\n').enumerate() {
            text.push_str(&if index > 0 || first_is_line { commented(line) } else { line.to_owned() });
        }
        if self.text.contains("\r\n") {
            text = text.replace('\n', "\r\n");
        }
        (from <= to).then_some((from..to, text))
    }

    /// Where a byte of the cell's source stands in the script.
    fn spot(&self, at: usize) -> Option<Spot> {
        let before = self.cell.source.get(..at)?;
        let line = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        let source = self.cell.source.split('\n').nth(line)?;
        let start = *self.starts.get(self.cell.file_line as usize - 1 + line)?;
        let file = self.text[start..].split('\n').next()?;
        let file = file.strip_suffix('\r').unwrap_or(file);
        let shift = if file == source { 0 } else { file.len() - uncomment(file).len() };
        file.get(shift..).filter(|text| *text == source)?;
        Some(Spot { at: start + shift + column, line: if column == 0 { start } else { start + shift + column } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percent::read;

    fn edited(text: &str, number: u32, range: Range<u32>, new: &str) -> Option<String> {
        let edits = [CellEdit { number, source: vec![(range, new.to_owned())], ..CellEdit::default() }];
        edit(text.as_bytes(), &read(text), &edits).ok().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn only_the_range_changes() {
        let text = "# %%\nx = 1\ny = 2\n\n# %% [markdown]\n# T\n# %%\n# %time f()\nz = 3\n";
        assert_eq!(edited(text, 1, 4..5, "7").unwrap(), text.replace("x = 1", "x = 7"));
        assert_eq!(edited(text, 1, 0..6, "").unwrap(), text.replace("x = 1\n", ""));
        assert_eq!(edited(text, 1, 6..6, "a\nb\n").unwrap(), text.replace("y = 2", "a\nb\ny = 2"));
        assert_eq!(edited(text, 1, 11..11, "  # c").unwrap(), text.replace("y = 2", "y = 2  # c"));
        assert_eq!(edited(text, 2, 0..1, "x"), None);
        assert_eq!(edited(text, 1, 9..99, "x"), None);
    }

    #[test]
    fn magics_stay_commented() {
        let text = "# %%\r\n# %time f()\r\nz = 3\r\n";
        assert_eq!(edited(text, 1, 6..9, "g(1)").unwrap(), text.replace("f()", "g(1)"));
        assert_eq!(edited(text, 1, 0..10, "").unwrap(), "# %%\r\nz = 3\r\n");
        assert_eq!(edited(text, 1, 0..0, "# c\n").unwrap(), "# %%\r\n# c\r\n# %time f()\r\nz = 3\r\n");
        assert_eq!(edited(text, 1, 0..9, "%pip install a==1").unwrap(), "# %%\r\n# %pip install a==1\r\nz = 3\r\n");
        assert_eq!(edited(text, 1, 10..10, "!ls\n").unwrap(), "# %%\r\n# %time f()\r\n# !ls\r\nz = 3\r\n");
    }
}
