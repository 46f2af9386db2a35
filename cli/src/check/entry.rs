//! What is kept of one notebook.

use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::notebook::{Cell, Format, Notebook, SourceLines};
use serde::{Deserialize, Serialize};

use super::cached::Cached;
use super::local::Asked;
use super::stamp::Stamp;

/// Cells with more text than this are not kept, bytes: the notebook is read again to show what was found in it.
const MAX_CELL_BYTES: usize = 64 * 1024;

/// Cells of a notebook with a later number are not kept: what stands in a file must not say how much memory is taken.
const MAX_CELLS: u32 = 100_000;

/// What was found in one notebook, and under which conditions it will be found again.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Entry {
    /// Name of settings and program.
    pub(super) conditions: String,
    /// Hash of the file.
    pub(super) content: String,
    /// The file's stamp, where it speaks for the content.
    pub(super) stamp: Option<Stamp>,
    pub(super) asked: Asked,
    findings: Vec<Cached>,
    /// The cells that findings speak of; nothing when they are too long to be kept.
    cells: Option<Vec<ShownCell>>,
}

/// What reports show of a cell.
#[derive(Debug, Deserialize, Serialize)]
struct ShownCell {
    number: u32,
    id: Option<String>,
    source: String,
    line: u32,
    lines: Lines,
}

#[derive(Debug, Deserialize, Serialize)]
enum Lines {
    Consecutive,
    Same,
    Each(Vec<u32>),
}

impl Entry {
    /// What was found in a notebook, of which all cells are left that findings speak of.
    pub(super) fn new(conditions: String, content: String, asked: Asked, findings: &[Finding], notebook: &Notebook) -> Self {
        let shown = super::work::shown(findings);
        let cells: Vec<&Cell> = shown.iter().filter_map(|number| notebook.cell(*number)).collect();
        let is_short = cells.iter().map(|cell| cell.source.len()).sum::<usize>() <= MAX_CELL_BYTES;
        let is_short = is_short && shown.last().is_none_or(|last| *last <= MAX_CELLS);
        let cells = is_short.then(|| cells.into_iter().map(ShownCell::of).collect());
        Self { conditions, content, stamp: None, asked, findings: findings.iter().map(Cached::of).collect(), cells }
    }

    /// What was found; nothing when this program has no such rules.
    pub(super) fn findings(&self) -> Option<Vec<Finding>> {
        self.findings.iter().map(Cached::finding).collect()
    }

    /// Another stamp of the same content. A notebook that must be read to show what was found in it has none.
    pub(super) fn stamped(mut self, stamp: Option<Stamp>) -> Self {
        self.stamp = stamp.filter(|_| self.cells.is_some());
        self
    }

    /// The notebook, as far as reports show it.
    pub(super) fn notebook(&mut self) -> Option<Notebook> {
        let shown = self.cells.take()?;
        let last = shown.last().map_or(0, |cell| cell.number);
        if last > MAX_CELLS {
            return None;
        }
        let mut cells: Vec<Cell> = (1..=last).map(|number| Cell::code(number, "")).collect();
        for cell in shown {
            let place = cell.number.checked_sub(1).and_then(|index| cells.get_mut(index as usize));
            *place? = cell.cell();
        }
        Some(Notebook::of(cells, Format::Percent))
    }
}

impl ShownCell {
    fn of(cell: &Cell) -> Self {
        let lines = match &cell.source_lines {
            SourceLines::Consecutive => Lines::Consecutive,
            SourceLines::Same => Lines::Same,
            SourceLines::Each(lines) => Lines::Each(lines.clone()),
        };
        Self { number: cell.number, id: cell.id.clone(), source: cell.source.clone(), line: cell.file_line, lines }
    }

    fn cell(self) -> Cell {
        let source_lines = match self.lines {
            Lines::Consecutive => SourceLines::Consecutive,
            Lines::Same => SourceLines::Same,
            Lines::Each(lines) => SourceLines::Each(lines),
        };
        Cell { id: self.id, file_line: self.line, source_lines, ..Cell::code(self.number, self.source) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes back of a cell that a finding speaks of.
    fn again(cell: &Cell) -> Option<Notebook> {
        let lines = ShownCell::of(cell);
        let (conditions, content) = (String::new(), String::new());
        let entry = Entry { conditions, content, stamp: None, asked: Asked::default(), findings: Vec::new(), cells: Some(vec![lines]) };
        serde_json::from_str::<Entry>(&serde_json::to_string(&entry).unwrap()).unwrap().notebook()
    }

    #[test]
    fn cells_keep_what_reports_show() {
        for source_lines in [SourceLines::Consecutive, SourceLines::Same, SourceLines::Each(vec![7, 9])] {
            let cell = Cell { id: Some("a".to_owned()), file_line: 7, source_lines, ..Cell::code(3, "x\n\u{e9}\t") };
            let notebook = again(&cell).unwrap();
            assert_eq!((notebook.cells.len(), notebook.cell(3)), (3, Some(&cell)));
        }
    }

    #[test]
    fn a_number_that_cannot_be_takes_no_memory() {
        assert_eq!(again(&Cell::code(u32::MAX, "")), None);
        assert_eq!(again(&Cell::code(0, "")), None);
    }
}
