//! Outputs, counts, ids and sources written back into a file, with every other byte left as it is.

use std::ops::Range;

use thiserror::Error;

use super::error::{ReadError, decode};
use super::layout::{self, CellLayout, Document, RawCell};
use super::source::{Lines, string};
use super::source_edit;

/// What to write into one cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellEdit {
    /// Number of the cell, from 1.
    pub number: u32,
    /// The new `outputs`, a list in JSON; `None` leaves the old ones.
    pub outputs: Option<String>,
    /// The new `execution_count`, `Some(None)` for `null`; `None` leaves the old one.
    pub execution_count: Option<Option<u32>>,
    /// The new `id`; `None` leaves the old one.
    pub id: Option<String>,
    /// The new `metadata.nbhoist.placement`, `Some(None)` to remove it; `None` leaves what is there.
    pub placement: Option<Option<serde_json::Value>>,
    /// Byte ranges of the source, as it was read, and what stands there instead. They do not overlap.
    pub source: Vec<(Range<u32>, String)>,
}

/// Why a notebook could not be edited.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EditError {
    /// The file is no notebook.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Only format 4 can be edited.
    #[error("only notebooks in format 4 can be written, this one is in format {major}")]
    Format {
        /// nbformat major version.
        major: u32,
    },
    /// There is no such cell.
    #[error("the notebook has no cell {number}")]
    NoCell {
        /// Number of the cell.
        number: u32,
    },
    /// Only code cells have outputs.
    #[error("cell {number} is not a code cell")]
    NotCode {
        /// Number of the cell.
        number: u32,
    },
    /// The source is not what the edit was made for.
    #[error("the source of cell {number} cannot be edited at these places")]
    Source {
        /// Number of the cell.
        number: u32,
    },
    /// The new outputs are not a JSON list.
    #[error("the new outputs of cell {number} are not a JSON list: {message}")]
    Outputs {
        /// Number of the cell.
        number: u32,
        /// What is wrong with them.
        message: String,
    },
}

/// A replacement of a byte range.
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// The file with these edits made.
///
/// Only the values of `outputs`, `execution_count` and `id` change, the lines of `source` concerned, and the metadata of a cell whose
/// placement is noted; a missing value is inserted. What is new is indented the way the file is. Without edits the bytes are those of the input.
pub fn edit(bytes: &[u8], edits: &[CellEdit]) -> Result<Vec<u8>, EditError> {
    let (text, _) = decode(bytes)?;
    let splices = match layout::parse(text) {
        Ok(document) => plan(text, &document, edits)?,
        Err(error) => {
            let valid = layout::without_python_numbers(text).ok_or(error)?;
            plan(&valid, &layout::parse(&valid)?, edits)?
        }
    };
    Ok(apply(bytes, bytes.len() - text.len(), splices))
}

/// What is to be replaced where.
fn plan(text: &str, document: &Document<'_>, edits: &[CellEdit]) -> Result<Vec<Splice>, EditError> {
    match document.major {
        Some(4) | None => {}
        Some(major) => return Err(EditError::Format { major }),
    }
    let mut splices = Vec::new();
    for edit in edits {
        let index = (edit.number as usize).checked_sub(1);
        let cell = index.and_then(|index| document.cells.get(index));
        let RawCell::Object(layout) = cell.ok_or(EditError::NoCell { number: edit.number })? else {
            return Err(EditError::NotCode { number: edit.number });
        };
        edit_cell(text, layout, edit, &mut splices)?;
    }
    Ok(splices)
}

fn edit_cell(text: &str, layout: &CellLayout<'_>, edit: &CellEdit, splices: &mut Vec<Splice>) -> Result<(), EditError> {
    let number = edit.number;
    if !edit.source.is_empty() {
        let raw = layout.source.ok_or(EditError::Source { number })?;
        splices.extend(source_edit::splices(text, raw, &edit.source).ok_or(EditError::Source { number })?);
    }
    if let Some(id) = &edit.id {
        let anchor = layout.execution_count.or(layout.cell_type).or(layout.metadata).ok_or(EditError::Source { number })?;
        put(text, layout.id, anchor, "id", |_| serde_json::Value::from(id.as_str()).to_string(), splices);
    }
    if let Some(placement) = &edit.placement
        && let Some(metadata) = with_placement(layout.metadata, placement.as_ref())
    {
        let anchor = layout.execution_count.or(layout.cell_type).ok_or(EditError::Source { number })?;
        put(text, layout.metadata, anchor, "metadata", |style| style.write(&metadata), splices);
    }
    let elsewhere = edit.id.is_some() || !edit.source.is_empty() || edit.placement.is_some();
    if elsewhere && edit.outputs.is_none() && edit.execution_count.is_none() {
        return Ok(());
    }
    let kind = layout.cell_type.filter(|raw| string(raw).as_deref() == Some("code"));
    let anchor = kind.ok_or(EditError::NotCode { number })?;
    if let Some(count) = edit.execution_count {
        let value = count.map_or_else(|| "null".to_owned(), |count| count.to_string());
        put(text, layout.execution_count, anchor, "execution_count", |_| value, splices);
    }
    if let Some(outputs) = &edit.outputs {
        let list: Vec<serde_json::Value> =
            serde_json::from_str(outputs).map_err(|error| EditError::Outputs { number, message: error.to_string() })?;
        let list = serde_json::Value::Array(list);
        // Behind the metadata, where Jupyter's sorted keys have it.
        let anchor = layout.metadata.unwrap_or(anchor);
        put(text, layout.outputs, anchor, "outputs", |style| style.write(&list), splices);
    }
    Ok(())
}

/// The metadata of a cell with what is said of its placement; nothing where it says so already.
fn with_placement(metadata: Option<&str>, placement: Option<&serde_json::Value>) -> Option<serde_json::Value> {
    let mut metadata: serde_json::Map<String, serde_json::Value> =
        metadata.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
    let known = metadata.get("nbhoist").and_then(|own| own.get("placement"));
    if known == placement {
        return None;
    }
    let mut own = metadata.get("nbhoist").and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
    match placement {
        Some(placement) => _ = own.insert("placement".to_owned(), placement.clone()),
        None => _ = own.shift_remove("placement"),
    }
    if own.is_empty() {
        metadata.shift_remove("nbhoist");
    } else {
        metadata.insert("nbhoist".to_owned(), own.into());
    }
    Some(metadata.into())
}

/// Replaces a value, or inserts it with its key behind `anchor`.
fn put(text: &str, old: Option<&str>, anchor: &str, key: &str, value: impl FnOnce(&Style<'_>) -> String, splices: &mut Vec<Splice>) {
    let start = Lines::offset_of(text, old.unwrap_or(anchor));
    let style = Style::at(text, start);
    let value = value(&style);
    if let Some(old) = old {
        if old != value {
            splices.push(Splice { range: start..start + old.len(), text: value });
        }
    } else {
        let end = start + anchor.len();
        let text = format!(",{}\"{key}\"{}{value}", style.line_break(0), style.colon);
        splices.push(Splice { range: end..end, text });
    }
}

/// Applies splices; `shift` bytes stand before the text they are counted in.
fn apply(bytes: &[u8], shift: usize, mut splices: Vec<Splice>) -> Vec<u8> {
    // Stable: insertions at one place keep their order.
    splices.sort_by_key(|splice| splice.range.start);
    let mut result = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for splice in splices {
        let (start, end) = (splice.range.start + shift, splice.range.end + shift);
        if start < done || end > bytes.len() {
            continue;
        }
        result.extend_from_slice(&bytes[done..start]);
        result.extend_from_slice(splice.text.as_bytes());
        done = end;
    }
    result.extend_from_slice(&bytes[done..]);
    result
}

/// How a file is laid out around one of its values.
pub(super) struct Style<'a> {
    /// White space before the line the value stands on; `None` when the file is on one line.
    indent: Option<&'a str>,
    /// White space of one level.
    step: &'a str,
    newline: &'static str,
    colon: &'static str,
    /// Behind the comma between two values on one line.
    space: &'static str,
}

impl<'a> Style<'a> {
    /// The style at a byte offset of a file.
    pub(super) fn at(text: &'a str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map(|newline| newline + 1);
        let indent = line_start.map(|start| leading_space(&before[start..]));
        let space = if before.trim_end_matches(' ').len() == before.len() { "" } else { " " };
        Self {
            indent,
            step: step(text),
            newline: if text.contains("\r\n") { "\r\n" } else { "\n" },
            colon: if space.is_empty() { ":" } else { ": " },
            space,
        }
    }

    /// A line break with the indentation of `depth` levels below the value; a space in a file of one line.
    pub(super) fn line_break(&self, depth: usize) -> String {
        match self.indent {
            Some(indent) => format!("{}{indent}{}", self.newline, self.step.repeat(depth)),
            None => self.space.to_owned(),
        }
    }

    pub(super) fn write(&self, value: &serde_json::Value) -> String {
        let mut text = String::new();
        self.write_value(value, 0, &mut text);
        text
    }

    fn write_value(&self, value: &serde_json::Value, depth: usize, text: &mut String) {
        match value {
            serde_json::Value::Array(items) if !items.is_empty() => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.separate(index, depth, text);
                    self.write_value(item, depth + 1, text);
                }
                self.close(']', depth, text);
            }
            serde_json::Value::Object(members) if !members.is_empty() => {
                text.push('{');
                for (index, (key, member)) in members.iter().enumerate() {
                    self.separate(index, depth, text);
                    text.push_str(&serde_json::Value::from(key.as_str()).to_string());
                    text.push_str(self.colon);
                    self.write_value(member, depth + 1, text);
                }
                self.close('}', depth, text);
            }
            other => text.push_str(&other.to_string()),
        }
    }

    fn separate(&self, index: usize, depth: usize, text: &mut String) {
        if index > 0 {
            text.push(',');
        }
        match self.indent {
            Some(_) => text.push_str(&self.line_break(depth + 1)),
            None if index > 0 => text.push_str(self.space),
            None => {}
        }
    }

    fn close(&self, bracket: char, depth: usize, text: &mut String) {
        if self.indent.is_some() {
            text.push_str(&self.line_break(depth));
        }
        text.push(bracket);
    }
}

fn leading_space(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// One level of indentation: that of the first indented line; Jupyter's single space where there is none.
fn step(text: &str) -> &str {
    let indented = text.lines().map(leading_space).find(|space| !space.is_empty());
    indented.unwrap_or(" ")
}
