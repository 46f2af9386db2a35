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

/// Where the lines of a cell's source stand in the file it was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceLines {
    /// One after the other, from [`Cell::file_line`] on.
    #[default]
    Consecutive,
    /// All on the line [`Cell::file_line`]: the file holds the source as one JSON string.
    Same,
    /// Line `k` (from 0) of the source on line `lines[k]` (from 1) of the file.
    Each(Vec<u32>),
}

/// What kind of output a cell saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputKind {
    /// Text that was printed.
    Stream,
    /// Something that was displayed.
    Display,
    /// The value of the last expression.
    Result,
    /// An exception.
    Error,
    /// A kind that nbformat does not have.
    Other,
}

/// One saved output, as far as rules ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedOutput {
    /// What kind of output.
    pub kind: OutputKind,
    /// Length of its JSON, bytes.
    pub bytes: u64,
    /// Name and message of the exception.
    pub error: Option<(String, String)>,
    /// Kinds of credentials that stand in it (`a GitHub token`), each once.
    pub secrets: Vec<&'static str>,
    /// The first home folder of a person that stands in it, such as `/home/ada`.
    pub home: Option<String>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
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
    /// `metadata.nbhoist.ignore`: rules that are not to speak of this cell.
    pub ignored: Vec<String>,
    /// `metadata.run_control.frozen`: the notebook extension Freeze keeps it from running.
    pub frozen: bool,
    /// `execution_count` as saved in the file.
    pub execution_count: Option<u32>,
    /// Saved outputs, in order; none where the format has none.
    pub outputs: Vec<SavedOutput>,
    /// How long its last run took, as saved in the file, seconds.
    pub saved_seconds: Option<f64>,
    /// Line (from 1) of the file on which the first line of the source stands.
    pub file_line: u32,
    /// How the other lines of the source follow in the file.
    pub source_lines: SourceLines,
}

impl Cell {
    /// By what the cell is known to a history of its notebook: its id, else its number.
    pub fn key(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.number.to_string())
    }

    /// A code cell without id, tags or place in a file.
    pub fn code(number: u32, source: impl Into<String>) -> Self {
        Self {
            number,
            id: None,
            kind: CellKind::Code,
            source: source.into(),
            tags: Vec::new(),
            ignored: Vec::new(),
            frozen: false,
            execution_count: None,
            outputs: Vec::new(),
            saved_seconds: None,
            file_line: 1,
            source_lines: SourceLines::Consecutive,
        }
    }

    /// Line (from 1) of the file on which line `line` (from 0) of the source stands.
    pub fn file_line_of(&self, line: u32) -> u32 {
        match &self.source_lines {
            SourceLines::Consecutive => self.file_line.saturating_add(line),
            SourceLines::Same => self.file_line,
            SourceLines::Each(lines) => lines.get(line as usize).or(lines.last()).copied().unwrap_or(self.file_line),
        }
    }

    /// Name of the marked block this cell belongs to: its tag `nbhoist:NAME`, or its first line `# nbhoist: block NAME`.
    pub fn block_name(&self) -> Option<&str> {
        if self.kind != CellKind::Code {
            return None;
        }
        let tag = self.tags.iter().find_map(|tag| tag.strip_prefix("nbhoist:"));
        tag.or_else(|| block_comment(self.source.lines().find(|line| !line.trim().is_empty())?))
            .map(str::trim)
            .filter(|name| !name.is_empty())
    }
}

/// `NAME` of a line `# nbhoist: block NAME`.
fn block_comment(line: &str) -> Option<&str> {
    let words = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("nbhoist:")?.trim_start();
    let name = words.strip_prefix("block")?;
    name.starts_with(char::is_whitespace).then(|| name.trim())
}

/// The marked blocks in document order, each with the numbers of its cells, ascending.
pub fn marked_blocks(notebook: &Notebook) -> Vec<(String, Vec<u32>)> {
    let mut blocks: Vec<(String, Vec<u32>)> = Vec::new();
    for cell in &notebook.cells {
        let Some(name) = cell.block_name() else {
            continue;
        };
        match blocks.iter_mut().find(|(known, _)| known == name) {
            Some((_, cells)) => cells.push(cell.number),
            None => blocks.push((name.to_owned(), vec![cell.number])),
        }
    }
    blocks
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
#[derive(Clone, Debug, PartialEq)]
pub struct Notebook {
    /// Cells in document order.
    pub cells: Vec<Cell>,
    /// Language of the code cells, lower case (`python`, `r`, `julia`, ...).
    pub language: String,
    /// Whether the file says so, rather than nothing.
    pub language_declared: bool,
    /// Name of the kernel spec in the metadata.
    pub kernel: Option<String>,
    /// Where it last ran.
    pub host: Host,
    /// `metadata.nbhoist.ignore`: rules that are not to speak of this notebook.
    pub ignored: Vec<String>,
    /// Where it was read from.
    pub format: Format,
    /// Repairs that reading needed (missing ids, v3 upgrade, ...), in words.
    pub repairs: Vec<String>,
}

/// Where the notebook last ran, as far as its metadata say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// With a graphics processor or the like.
    pub accelerator: bool,
    /// In Colab.
    pub hosted: bool,
    /// By papermill or on Kaggle.
    pub batch: bool,
    /// Minor version of Python 3; 0 where it is not known.
    pub python: u32,
}

impl Host {
    /// Minor version of Python 3 in a version such as `3.11.4`; 0 where it is another one.
    pub fn python_of(version: &str) -> u32 {
        version.strip_prefix("3.").and_then(|rest| rest.split('.').next()?.parse().ok()).filter(|minor| *minor < 100).unwrap_or(0)
    }
}

impl Notebook {
    /// A Python notebook of these cells, of which no more is known.
    pub fn of(cells: Vec<Cell>, format: Format) -> Self {
        Self {
            cells,
            language: "python".to_owned(),
            language_declared: true,
            kernel: None,
            host: Host::default(),
            ignored: Vec::new(),
            format,
            repairs: Vec::new(),
        }
    }

    /// Code cells in document order.
    pub fn code_cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.kind == CellKind::Code)
    }

    /// The cell with this number (from 1).
    pub fn cell(&self, number: u32) -> Option<&Cell> {
        self.cells.get(number.checked_sub(1)? as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notebook(cells: Vec<Cell>) -> Notebook {
        Notebook::of(cells, Format::Percent)
    }

    #[test]
    fn blocks_are_marked_by_tag_or_first_line() {
        let mut tagged = Cell::code(3, "fit()");
        tagged.tags = vec!["slow".to_owned(), "nbhoist:train".to_owned()];
        let mut prose = Cell::code(4, "# nbhoist: block train");
        prose.kind = CellKind::Markdown;
        let cells = vec![
            Cell::code(1, "\n#nbhoist:  block  train \nload()"),
            Cell::code(2, "x = 1\n# nbhoist: block train"),
            tagged,
            prose,
            Cell::code(5, "# nbhoist: block other one"),
            Cell::code(6, "# nbhoist: blocked"),
        ];
        assert_eq!(marked_blocks(&notebook(cells)), [("train".to_owned(), vec![1, 3]), ("other one".to_owned(), vec![5])]);
    }

    #[test]
    fn source_lines_map_to_file_lines() {
        let mut cell = Cell::code(1, "a\nb\nc");
        cell.file_line = 10;
        assert_eq!(cell.file_line_of(2), 12);
        cell.source_lines = SourceLines::Same;
        assert_eq!(cell.file_line_of(2), 10);
        cell.source_lines = SourceLines::Each(vec![10, 10, 14]);
        assert_eq!([cell.file_line_of(1), cell.file_line_of(2), cell.file_line_of(9)], [10, 14, 14]);
    }
}
