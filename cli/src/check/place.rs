//! Where a finding is, in the cell and in the file.

use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::text_index::TextIndex;

/// Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cell: u32,
    /// nbformat id of the cell.
    pub(crate) id: Option<String>,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
    pub(crate) file_line: u32,
    pub(crate) file_end_line: u32,
}

impl Place {
    /// `index` is that of the finding's cell.
    pub(crate) fn of(notebook: &Notebook, finding: &Finding, index: &TextIndex<'_>) -> Self {
        let number = finding.cell;
        let Some(cell) = notebook.cell(number) else {
            return Self { cell: number, id: None, line: 1, column: 1, end_line: 1, end_column: 1, file_line: 1, file_end_line: 1 };
        };
        let position = |offset: u32| {
            let (line, column) = index.position(offset as usize);
            (line + 1, column + 1)
        };
        let (line, column) = position(finding.start);
        let (end_line, end_column) = position(finding.end.max(finding.start));
        let in_file = |line: usize| cell.file_line_of(u32::try_from(line - 1).unwrap_or(u32::MAX));
        let file_line = in_file(line);
        let file_end_line = in_file(end_line).max(file_line);
        Self { cell: number, id: cell.id.clone(), line, column, end_line, end_column, file_line, file_end_line }
    }

    /// The cell as it is written after `--cells`.
    pub(crate) fn cell_name(&self) -> String {
        match &self.id {
            Some(id) => format!("cell {} (id:{id})", self.cell),
            None => format!("cell {}", self.cell),
        }
    }

    /// In words, for readers that know lines of the file only.
    pub(crate) fn in_words(&self) -> String {
        format!("{}, line {}, column {}", self.cell_name(), self.line, self.column)
    }
}
