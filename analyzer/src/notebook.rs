//! The notebook as the analysis sees it: cells with sources, whatever file format they came from.

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// Source that the kernel runs.
    Code,
    /// Prose.
    Markdown,
    /// Text that nobody interprets.
    Raw,
}

impl CellKind {
    /// The word nbformat uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Markdown => "markdown",
            Self::Raw => "raw",
        }
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Position in the notebook, from 1, over cells of every kind.
    pub number: u32,
    /// nbformat 4.5 cell id, where the file has one.
    pub id: Option<String>,
    /// Code, markdown or raw.
    pub kind: CellKind,
    /// Text of the cell, lines joined with `\n`.
    pub source: String,
    /// `metadata.tags`.
    pub tags: Vec<String>,
    /// `execution_count` as saved in the file.
    pub execution_count: Option<u32>,
    /// Line (from 1) of the file on which the first line of the source stands.
    pub file_line: u32,
}

/// The file format a notebook was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Jupyter's JSON, with the version that the file declares.
    Ipynb {
        /// nbformat major version.
        major: u32,
        /// nbformat minor version.
        minor: u32,
    },
    /// A Python script with `# %%` cell markers.
    Percent,
}

/// A notebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notebook {
    /// Cells in document order.
    pub cells: Vec<Cell>,
    /// Language of the code cells, lower case (`python`, `r`, `julia`, ...).
    pub language: String,
    /// Name of the kernel spec in the metadata.
    pub kernel: Option<String>,
    /// Where it was read from.
    pub format: Format,
    /// Repairs that reading needed (missing ids, v3 upgrade, ...), in words.
    pub repairs: Vec<String>,
}

impl Notebook {
    /// Code cells in document order.
    pub fn code_cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.kind == CellKind::Code)
    }

    /// The cell with this number (from 1).
    pub fn cell(&self, number: u32) -> Option<&Cell> {
        self.cells.get(number.checked_sub(1)? as usize)
    }
}
