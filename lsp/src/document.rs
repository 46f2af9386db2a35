//! Our own model of what an editor has open: notebooks with their cells, and percent scripts.
//!
//! Invariants:
//! - the text of a cell stays as long as the editor has not closed its document, also while no notebook has the cell: a move
//!   takes the cell out and puts it in again;
//! - versions are kept to be sent back and never looked at: they skip and repeat;
//! - a URI is an opaque key.

use std::collections::HashMap;
use std::sync::Arc;

use nbhoist_analyzer::notebook::{Cell, CellKind, Format, Host, Notebook, SourceLines};
use nbhoist_analyzer::percent;

use crate::encoding::{self, Encoding, Position};

/// The name of a document, as the editor gave it.
pub(crate) type Uri = Arc<str>;

/// A cell of an open notebook, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenCell {
    /// Names its text document.
    pub(crate) uri: Uri,
    /// Whether it is markup.
    pub(crate) markup: bool,
    /// nbformat id; a new cell has none until a later change.
    pub(crate) id: Option<String>,
    /// Tags.
    pub(crate) tags: Vec<String>,
    /// Rules that its metadata leave out.
    pub(crate) ignored: Vec<String>,
}

/// The text of an open document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenText {
    /// Version as the editor counts.
    pub(crate) version: i32,
    /// Language as the editor calls it.
    pub(crate) language: String,
    /// The text.
    pub(crate) text: Arc<str>,
}

/// A change of a text: of a range, or of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// What is replaced; `None` for everything.
    pub(crate) range: Option<(Position, Position)>,
    /// What stands there then.
    pub(crate) text: String,
}

/// A change of the list of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Splice {
    /// Index of the first cell concerned.
    pub(crate) start: usize,
    /// How many go.
    pub(crate) deleted: usize,
    /// What comes.
    pub(crate) cells: Vec<OpenCell>,
    /// Texts of cells that are new to us.
    pub(crate) opened: Vec<(Uri, OpenText)>,
    /// Texts that go.
    pub(crate) closed: Vec<Uri>,
}

/// A change of a notebook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotebookChange {
    /// Of the list of cells.
    pub(crate) splice: Option<Splice>,
    /// Cells with new metadata.
    pub(crate) data: Vec<OpenCell>,
    /// Rules that the notebook's metadata leave out, when those are new.
    pub(crate) ignored: Option<Vec<String>>,
    /// Of texts.
    pub(crate) texts: Vec<(Uri, i32, Vec<Edit>)>,
}

/// A notebook that is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenNotebook {
    /// In order.
    pub(crate) cells: Vec<OpenCell>,
    /// Texts of the cells, and of those that may come back.
    pub(crate) texts: HashMap<Uri, OpenText>,
    /// Rules that the notebook's metadata leave out.
    pub(crate) ignored: Vec<String>,
    /// Where it last ran.
    pub(crate) host: Host,
}

impl OpenNotebook {
    /// Applies a change and says whether anything that the analysis looks at is different.
    pub(crate) fn apply(&mut self, change: NotebookChange, encoding: Encoding) -> bool {
        let mut changed = false;
        if let Some(splice) = change.splice {
            self.splice(splice);
            changed = true;
        }
        if let Some(ignored) = change.ignored.filter(|ignored| *ignored != self.ignored) {
            self.ignored = ignored;
            changed = true;
        }
        for cell in change.data {
            if let Some(known) = self.cells.iter_mut().find(|known| known.uri == cell.uri)
                && *known != cell
            {
                *known = cell;
                changed = true;
            }
        }
        for (uri, version, edits) in change.texts {
            match self.texts.get_mut(&uri) {
                Some(text) => {
                    text.apply(version, &edits, encoding);
                    changed = true;
                }
                None => crate::log::line(&format!("a change of {uri}, which is not open, was passed over")),
            }
        }
        changed
    }

    fn splice(&mut self, splice: Splice) {
        let start = splice.start.min(self.cells.len());
        let end = (start + splice.deleted).min(self.cells.len());
        self.cells.splice(start..end, splice.cells);
        for uri in &splice.closed {
            // One that is closed and still listed was moved.
            if !self.cells.iter().any(|cell| cell.uri == *uri) {
                self.texts.remove(uri);
            }
        }
        self.texts.extend(splice.opened);
    }

    fn cell(&self, index: usize, cell: &OpenCell) -> (Cell, CellPlace) {
        let text = self.texts.get(&cell.uri);
        let source: Arc<str> = text.map_or_else(|| Arc::from(""), |text| Arc::clone(&text.text));
        let python = text.is_none_or(|text| text.language == "python");
        let kind = match (cell.markup, python) {
            (true, _) => CellKind::Markdown,
            (false, true) => CellKind::Code,
            (false, false) => CellKind::Raw,
        };
        let number = number(index);
        let plain = Cell {
            number,
            id: cell.id.clone(),
            kind,
            source: source.to_string(),
            tags: cell.tags.clone(),
            ignored: cell.ignored.clone(),
            frozen: false,
            execution_count: None,
            outputs: Vec::new(),
            saved_seconds: None,
            file_line: 1,
            source_lines: SourceLines::Consecutive,
        };
        let version = text.map(|text| text.version);
        (plain, CellPlace { uri: Arc::clone(&cell.uri), version, text: source })
    }
}

impl OpenText {
    /// Applies edits, each to the result of the one before it.
    pub(crate) fn apply(&mut self, version: i32, edits: &[Edit], encoding: Encoding) {
        let mut text = self.text.to_string();
        for edit in edits {
            match edit.range {
                None => text.clone_from(&edit.text),
                Some((start, end)) => {
                    let start = encoding::offset(&text, start, encoding);
                    let end = encoding::offset(&text, end, encoding).max(start);
                    text.replace_range(start..end, &edit.text);
                }
            }
        }
        self.text = Arc::from(text);
        self.version = version;
    }
}

/// Something that is open.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    /// Notebook synchronisation.
    Notebook(OpenNotebook),
    /// A script, by plain text synchronisation.
    Script(OpenText),
}

/// Where the text of a cell stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellPlace {
    /// The document: the cell's own, or the script.
    pub(crate) uri: Uri,
    /// Its version.
    pub(crate) version: Option<i32>,
    /// Its whole text.
    pub(crate) text: Arc<str>,
}

/// A document at one moment, as the analysis reads it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The notebook or script.
    pub(crate) uri: Uri,
    /// Whether it is a script.
    pub(crate) is_script: bool,
    /// As the analysis sees it.
    pub(crate) notebook: Notebook,
    /// For each cell, where it stands.
    pub(crate) places: Vec<CellPlace>,
}

impl Document {
    /// Whether it is a script.
    pub(crate) const fn is_script(&self) -> bool {
        matches!(self, Self::Script(_))
    }

    /// The document at this moment, for somebody who reads it while it changes.
    pub(crate) fn at_rest(&self, uri: &Uri) -> AtRest {
        match self {
            // Its source is made at once: that takes less than a copy of its tables.
            Self::Notebook(_) => AtRest::Source(self.source(uri)),
            Self::Script(text) => AtRest::Script(text.clone()),
        }
    }

    /// The document at this moment.
    pub(crate) fn source(&self, uri: &Uri) -> Source {
        let (notebook, places) = match self {
            Self::Notebook(open) => {
                let (cells, places) = open.cells.iter().enumerate().map(|(index, cell)| open.cell(index, cell)).unzip();
                // nbformat 4.4 has no ids, so the rule about them is silent. An open notebook's ids are the editor's to give: a new cell
                // has none, and a copied one that of its original, until a later change; and no text edit could put that right.
                let format = Format::Ipynb { major: 4, minor: 4 };
                (Notebook { host: open.host, ignored: open.ignored.clone(), ..Notebook::of(cells, format) }, places)
            }
            Self::Script(open) => {
                let mut notebook = percent::read(&open.text);
                // A Python file without markers is a module, and no notebook.
                if !percent::has_marker(open.text.as_bytes()) {
                    notebook.cells.clear();
                }
                let place = CellPlace { uri: Arc::clone(uri), version: Some(open.version), text: Arc::clone(&open.text) };
                let places = vec![place; notebook.cells.len()];
                (notebook, places)
            }
        };
        Source { uri: Arc::clone(uri), is_script: self.is_script(), notebook, places }
    }
}

/// A document that does not change any more.
pub(crate) enum AtRest {
    /// A notebook, read.
    Source(Source),
    /// A script, to be read.
    Script(OpenText),
}

impl AtRest {
    /// As the analysis reads it.
    pub(crate) fn source(self, uri: &Uri) -> Source {
        match self {
            Self::Source(source) => source,
            Self::Script(text) => Document::Script(text).source(uri),
        }
    }
}

impl Source {
    /// The cell with this number and its place.
    pub(crate) fn cell(&self, number: u32) -> Option<(&Cell, &CellPlace)> {
        let index = (number as usize).checked_sub(1)?;
        Some((self.notebook.cells.get(index)?, self.places.get(index)?))
    }

    /// The byte offset in the document of an offset in a cell's source.
    pub(crate) fn offset_in_document(&self, number: u32, offset: u32) -> Option<usize> {
        let (cell, place) = self.cell(number)?;
        let offset = encoding::floor(&cell.source, offset as usize);
        if !self.is_script {
            return Some(offset.min(place.text.len()));
        }
        let before = &cell.source[..offset];
        let line = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        let (start, shift) = script_line(cell, place, line)?;
        Some(encoding::floor(&place.text, start + shift + column))
    }

    /// The cell and the offset in its source at an offset of a document. `None` between cells.
    pub(crate) fn cell_at(&self, uri: &str, offset: usize) -> Option<(u32, u32)> {
        if !self.is_script {
            let index = self.places.iter().position(|place| &*place.uri == uri)?;
            return Some((number(index), offset.min(self.places[index].text.len()) as u32));
        }
        let text = &self.places.first()?.text;
        let line = encoding::lines(text).take_while(|(start, _)| *start <= offset).count() as u32;
        let (index, cell) = self.notebook.cells.iter().enumerate().rfind(|(_, cell)| cell.file_line <= line)?;
        let in_cell = (line - cell.file_line) as usize;
        let (start, shift) = script_line(cell, &self.places[index], in_cell)?;
        let source_start = cell.source.split('\n').take(in_cell).map(|line| line.len() + 1).sum::<usize>();
        let column = offset.saturating_sub(start + shift);
        Some((cell.number, encoding::floor(&cell.source, source_start + column) as u32))
    }

    /// The positions of a range of a cell's source, in its document.
    pub(crate) fn span(&self, number: u32, start: u32, end: u32, encoding: Encoding) -> Option<(Uri, encoding::Span)> {
        let (_, place) = self.cell(number)?;
        let start = self.offset_in_document(number, start)?;
        let end = self.offset_in_document(number, end)?;
        Some((Arc::clone(&place.uri), encoding::span(&place.text, start, end, encoding)))
    }
}

/// Where a line of a script's cell starts in the document, and how many bytes the document has before the source's first:
/// a commented magic is read without its comment.
fn script_line(cell: &Cell, place: &CellPlace, line: usize) -> Option<(usize, usize)> {
    let source = cell.source.split('\n').nth(line)?;
    let index = cell.file_line_of(line as u32).saturating_sub(1) as usize;
    let (start, text) = encoding::lines(&place.text).nth(index)?;
    let shift = text.strip_suffix(source).or_else(|| text.trim_end().strip_suffix(source.trim_end())).map_or(0, str::len);
    Some((start, shift))
}

fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(name: &str) -> Uri {
        Arc::from(name)
    }

    fn cell(name: &str) -> OpenCell {
        OpenCell { uri: uri(name), markup: false, id: None, tags: Vec::new(), ignored: Vec::new() }
    }

    fn text(text: &str) -> OpenText {
        OpenText { version: 1, language: "python".to_owned(), text: Arc::from(text) }
    }

    fn open(names: &[&str]) -> OpenNotebook {
        OpenNotebook {
            cells: names.iter().map(|name| cell(name)).collect(),
            texts: names.iter().map(|name| (uri(name), text(name))).collect(),
            ignored: Vec::new(),
            host: Host::default(),
        }
    }

    fn sources(notebook: &OpenNotebook) -> Vec<String> {
        let source = Document::Notebook(notebook.clone()).source(&uri("n"));
        source.notebook.cells.into_iter().map(|cell| cell.source).collect()
    }

    fn spliced(mut notebook: OpenNotebook, splice: Splice) -> OpenNotebook {
        notebook.apply(NotebookChange { splice: Some(splice), ..NotebookChange::default() }, Encoding::Utf16);
        notebook
    }

    #[test]
    fn a_move_keeps_texts_though_nothing_is_opened() {
        let moved = Splice { start: 0, deleted: 3, cells: vec![cell("c"), cell("a"), cell("b")], ..Splice::default() };
        assert_eq!(sources(&spliced(open(&["a", "b", "c"]), moved)), ["c", "a", "b"]);
    }

    #[test]
    fn a_move_in_two_steps_keeps_texts_too() {
        let out = spliced(open(&["a", "b", "c"]), Splice { start: 2, deleted: 1, ..Splice::default() });
        let back = spliced(out, Splice { start: 0, cells: vec![cell("c")], ..Splice::default() });
        assert_eq!(sources(&back), ["c", "a", "b"]);
    }

    #[test]
    fn closed_texts_go_unless_the_cell_is_still_there() {
        let closed = vec![uri("a"), uri("b")];
        let left = spliced(open(&["a", "b"]), Splice { start: 0, deleted: 2, cells: vec![cell("b")], closed, ..Splice::default() });
        assert_eq!((left.texts.len(), sources(&left)), (1, vec!["b".to_owned()]));
    }

    #[test]
    fn indexes_beyond_the_end_are_clamped() {
        let opened = vec![(uri("z"), text("z"))];
        let grown = spliced(open(&["a"]), Splice { start: 7, deleted: 9, cells: vec![cell("z")], opened, closed: Vec::new() });
        assert_eq!(sources(&grown), ["a", "z"]);
    }

    #[test]
    fn edits_apply_one_after_the_other() {
        let mut open = text("one\ntwo");
        let at = |line, column| Position { line, column };
        let edits = [
            Edit { range: Some((at(0, 3), at(1, 0))), text: " ".to_owned() },
            Edit { range: Some((at(0, 0), at(0, 3))), text: "\u{1f600}".to_owned() },
            Edit { range: Some((at(0, 2), at(0, 3))), text: "-".to_owned() },
        ];
        open.apply(7, &edits, Encoding::Utf16);
        assert_eq!((&*open.text, open.version), ("\u{1f600}-two", 7));
        open.apply(7, &[Edit { range: None, text: "x".to_owned() }], Encoding::Utf8);
        assert_eq!(&*open.text, "x");
    }

    #[test]
    fn offsets_in_scripts_go_both_ways() {
        let script = "# %%\nx = 1\n\n# %%\n# %time y = x\nz = y\n";
        let source = Document::Script(text(script)).source(&uri("s"));
        assert_eq!(source.notebook.cells[1].source, "%time y = x\nz = y");
        for (number, needle, inside) in [(1, "x = 1", 0), (2, "y = x", 6), (2, "z = y", 12)] {
            let offset = script.find(needle).unwrap();
            assert_eq!(source.offset_in_document(number, inside), Some(offset), "{needle}");
            assert_eq!(source.cell_at("s", offset), Some((number, inside)), "{needle}");
        }
    }
}
