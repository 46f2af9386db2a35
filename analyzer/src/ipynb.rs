//! Jupyter's `.ipynb` files: read into a [`Notebook`], and edited in place.
//!
//! Reading borrows from the file's bytes and never builds the outputs as values, so a notebook with 100 MB of
//! images costs one scan. Whatever can be repaired is repaired and said so in [`Notebook::repairs`].

mod edit;
mod error;
mod layout;
mod leaks;
mod members;
mod metadata;
mod outputs;
mod scan;
mod source;
mod source_edit;
mod timing;

pub use edit::{CellEdit, EditError, edit};
pub use error::ReadError;

use crate::notebook::{Cell, CellKind, Format, Notebook};
use layout::{CellLayout, Document, RawCell};
use rustc_hash::{FxBuildHasher, FxHashMap};
use source::Lines;

/// Reads a notebook.
pub fn read(bytes: &[u8]) -> Result<Notebook, ReadError> {
    let (text, bom) = error::decode(bytes)?;
    let mut repairs = Vec::new();
    if bom {
        repairs.push("skipped the byte order mark at the start of the file".to_owned());
    }
    match layout::parse(text) {
        Ok(document) => notebook(text, document, repairs),
        Err(error) => {
            let valid = layout::without_python_numbers(text).ok_or(error)?;
            let document = layout::parse(&valid)?;
            repairs.push("the file holds `NaN` or `Infinity`, which JSON does not have".to_owned());
            notebook(&valid, document, repairs)
        }
    }
}

/// The notebook that a file's text holds.
fn notebook(text: &str, document: Document<'_>, mut repairs: Vec<String>) -> Result<Notebook, ReadError> {
    let (major, minor) = version(&document)?;
    repairs.extend(document.repairs);
    let kernel = metadata::notebook(document.metadata, document.metadata_read, &mut repairs);
    let mut language = kernel.language;
    let mut lines = Lines::new(text);
    let mut cells = Vec::with_capacity(document.cells.len());
    for raw in document.cells {
        let number = u32::try_from(cells.len()).unwrap_or(u32::MAX).saturating_add(1);
        let cell = match raw {
            RawCell::Object(layout) => {
                if language.is_none() && major < 4 {
                    language = layout.language.and_then(source::string).map(|name| metadata::language(&name));
                }
                read_cell(number, *layout, &mut lines, &mut repairs)
            }
            RawCell::Other => {
                repairs.push(format!("cell {number} is not a JSON object; it counts as an empty raw cell"));
                Cell { kind: CellKind::Raw, ..Cell::code(number, "") }
            }
        };
        cells.push(cell);
    }
    note_ids(&cells, (major, minor), &mut repairs);
    Ok(Notebook {
        cells,
        language_declared: language.is_some(),
        language: language.unwrap_or_else(|| "python".to_owned()),
        kernel: kernel.name,
        host: kernel.host,
        ignored: kernel.ignored,
        format: Format::Ipynb { major, minor },
        repairs,
    })
}

/// The version the file declares, or the refusal of a version that cannot be read.
fn version(document: &Document<'_>) -> Result<(u32, u32), ReadError> {
    if !document.has_cells && document.major.is_none() {
        return Err(ReadError::NotANotebook { found: "an object without `cells` and `nbformat`".to_owned() });
    }
    let major = document.major.unwrap_or(4);
    match major {
        3 | 4 if document.has_cells => Ok((major, document.minor.unwrap_or(0))),
        3 | 4 => Err(ReadError::NotANotebook { found: "an object without `cells`".to_owned() }),
        0..=2 => Err(ReadError::TooOld { major }),
        _ => Err(ReadError::TooNew { major }),
    }
}

fn read_cell(number: u32, layout: CellLayout<'_>, lines: &mut Lines<'_>, repairs: &mut Vec<String>) -> Cell {
    let kind = cell_kind(number, &layout, repairs);
    let mut source = if let Some(raw) = layout.source {
        let read = match layout.source_read {
            Some(source::Read::Source(source)) => Some(source),
            Some(source::Read::OtherShape) => None,
            None => source::read(raw, lines),
        };
        read.unwrap_or_else(|| {
            repairs.push(format!("the source of cell {number} is neither a string nor a list of strings"));
            source::Source::default()
        })
    } else {
        repairs.push(format!("cell {number} has no source; it counts as empty"));
        source::Source::default()
    };
    if let Some(level) = layout.level {
        let level = source::number(level).unwrap_or(1).clamp(1, 6) as usize;
        source.text = format!("{} {}", "#".repeat(level), source.text);
    }
    if memchr::memchr(b'\r', source.text.as_bytes()).is_some() {
        source.text = source.text.replace("\r\n", "\n");
    }
    let metadata::OfCell { tags, ignored, frozen } = layout.metadata.map(metadata::cell).unwrap_or_default();
    Cell {
        number,
        id: layout.id.and_then(source::string),
        kind,
        source: source.text,
        tags,
        ignored,
        frozen,
        // A kernel counts from 1; some tools write 0 for cells that never ran.
        execution_count: layout.execution_count.and_then(source::number).filter(|count| *count > 0),
        outputs: layout.outputs.map(|json| outputs::read(json, layout.output_parts.as_deref())).unwrap_or_default(),
        saved_seconds: layout.metadata.and_then(timing::seconds),
        file_line: source.first_line.max(1),
        source_lines: source.lines,
    }
}

/// The cell's kind; an unknown kind is raw text, a missing one is guessed from what only code cells have.
fn cell_kind(number: u32, layout: &CellLayout<'_>, repairs: &mut Vec<String>) -> CellKind {
    let name = layout.cell_type.and_then(source::word);
    match name.as_deref() {
        Some("code") => CellKind::Code,
        Some("markdown" | "heading" | "html") => CellKind::Markdown,
        Some("raw") => CellKind::Raw,
        Some(other) => {
            repairs.push(format!("cell {number} has the unknown type {other:?}; it counts as raw text"));
            CellKind::Raw
        }
        None => {
            let code = layout.outputs.is_some() || layout.execution_count.is_some();
            let kind = if code { CellKind::Code } else { CellKind::Raw };
            repairs.push(format!("cell {number} has no type; it counts as {}", kind.as_str()));
            kind
        }
    }
}

/// Says which ids are missing or used twice; nbformat wants unique ids from 4.5 on.
fn note_ids(cells: &[Cell], version: (u32, u32), repairs: &mut Vec<String>) {
    let missing = cells.iter().filter(|cell| cell.id.is_none()).count();
    let mut seen = FxHashMap::with_capacity_and_hasher(cells.len() - missing, FxBuildHasher);
    for cell in cells {
        if let Some(id) = &cell.id
            && let Some(first) = seen.insert(id.as_str(), cell.number)
        {
            repairs.push(format!("cells {first} and {} have the same id {id:?}", cell.number));
        }
    }
    if version >= (4, 5) && missing > 0 {
        repairs.push(format!("{missing} of {} cells have no id, which nbformat 4.5 requires", cells.len()));
    }
}

#[cfg(test)]
mod tests;
