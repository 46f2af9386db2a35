//! The notebook's JSON, cut in one scan into the raw values that matter. Everything is a slice of the file.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{ReadError, not_json};
use super::members::string_end;
use super::metadata::NotebookMetadata;
use super::outputs::OutputParts;
use super::scan::Cursor;
use super::source::{self, number};

/// The parts of a notebook file.
#[derive(Default)]
pub(super) struct Document<'a> {
    pub(super) major: Option<u32>,
    pub(super) minor: Option<u32>,
    pub(super) metadata: Option<&'a str>,
    /// What of them counts, where that was found on the way.
    pub(super) metadata_read: Option<NotebookMetadata<'a>>,
    pub(super) cells: Vec<RawCell<'a>>,
    /// Whether there was a list of cells, possibly empty.
    pub(super) has_cells: bool,
    pub(super) repairs: Vec<String>,
}

/// A member of the list of cells.
pub(super) enum RawCell<'a> {
    /// A JSON object.
    Object(Box<CellLayout<'a>>),
    /// Anything else.
    Other,
}

/// The values of one cell, unparsed. Where a key stands twice the last one counts, as in Python.
#[derive(Default)]
pub(super) struct CellLayout<'a> {
    pub(super) cell_type: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) source: Option<&'a str>,
    /// The same read, where that was done on the way.
    pub(super) source_read: Option<source::Read>,
    pub(super) metadata: Option<&'a str>,
    pub(super) execution_count: Option<&'a str>,
    pub(super) outputs: Option<&'a str>,
    /// The same taken apart, where that was done on the way.
    pub(super) output_parts: Option<Vec<OutputParts<'a>>>,
    /// Heading level of a format 3 heading cell.
    pub(super) level: Option<&'a str>,
    /// Language of a format 3 code cell.
    pub(super) language: Option<&'a str>,
}

/// A text of the same length in which the numbers that Python writes and JSON does not have, `NaN` and `Infinity`, are
/// zeros; nothing when there are none. Places in the one are places in the other.
pub(super) fn without_python_numbers(text: &str) -> Option<String> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return None;
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', 'N', 'I']) {
        let (before, after) = rest.split_at(start);
        result.push_str(before);
        let length = if after.starts_with('"') {
            let length = string_end(after.as_bytes(), 0);
            result.push_str(&after[..length]);
            length
        } else if after.starts_with("NaN") {
            result.push_str("0.0");
            3
        } else if after.starts_with("Infinity") {
            result.push_str("0.000000");
            8
        } else {
            result.push_str(&after[..1]);
            1
        };
        rest = &after[length..];
    }
    result.push_str(rest);
    Some(result)
}

/// Cuts a file's text into its parts.
pub(super) fn parse(text: &str) -> Result<Document<'_>, ReadError> {
    if let Some(document) = scan(text) {
        return Ok(document);
    }
    let top: Top<'_> = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
    let fields = match top {
        Top::Object(fields) => fields,
        Top::Other(found) => {
            return Err(ReadError::NotANotebook { found: found.to_owned() });
        }
    };
    let mut document = Document {
        major: fields.major.map(RawValue::get).and_then(number),
        minor: fields.minor.map(RawValue::get).and_then(number),
        metadata: fields.metadata.map(RawValue::get),
        ..Document::default()
    };
    match fields.cells {
        Some(CellList(Some(cells))) => {
            document.has_cells = true;
            document.cells = cells;
        }
        Some(CellList(None)) => {
            return Err(ReadError::NotANotebook { found: "an object whose `cells` is not a list".to_owned() });
        }
        None => {}
    }
    if let Some(worksheets) = fields.worksheets
        && (document.major == Some(3) || !document.has_cells)
    {
        read_worksheets(worksheets, &mut document)?;
    }
    Ok(document)
}

/// The same for a notebook as nearly all are: an object with a list of objects. Nothing for any other text, valid or not.
fn scan(text: &str) -> Option<Document<'_>> {
    let mut document = Document::default();
    let mut cursor = Cursor::new(text);
    let mut room = String::with_capacity(1 << 12);
    cursor.members(|cursor, key| {
        match Field::of(key) {
            Some(Field::Major) => document.major = number(cursor.value()?),
            Some(Field::Minor) => document.minor = number(cursor.value()?),
            Some(Field::Metadata) => {
                document.metadata = Some(cursor.spanned(|cursor| {
                    if cursor.peek()? != b'{' {
                        document.metadata_read = None;
                        return cursor.value().map(|_| ());
                    }
                    let mut members = Vec::new();
                    cursor.members(|cursor, key| cursor.value().map(|value| members.push((key, value))))?;
                    document.metadata_read = NotebookMetadata::of(&members);
                    Some(())
                })?);
            }
            Some(Field::Cells) => {
                document.has_cells = true;
                document.cells.clear();
                cursor.elements(|cursor| {
                    document.cells.push(RawCell::Object(Box::new(scan_cell(cursor, &mut room)?)));
                    Some(())
                })?;
            }
            Some(Field::Worksheets) => return None,
            _ => drop(cursor.value()?),
        }
        Some(())
    })?;
    cursor.is_at_end().then_some(document)
}

/// One of its cells; `room` is what sources are read into.
fn scan_cell<'a>(cursor: &mut Cursor<'a>, room: &mut String) -> Option<CellLayout<'a>> {
    let mut cell = CellLayout::default();
    cursor.members(|cursor, key| {
        let key = Field::of(key);
        if matches!(key, Some(Field::Source)) {
            let read = &mut cell.source_read;
            cell.source = Some(cursor.spanned(|cursor| source::scan(cursor, room).map(|source| *read = Some(source)))?);
            return Some(());
        }
        if matches!(key, Some(Field::Outputs)) && cursor.peek()? == b'[' {
            let mut parts = Vec::new();
            cell.outputs = Some(cursor.spanned(|cursor| cursor.elements(|cursor| OutputParts::scan(cursor, &mut parts)))?);
            cell.output_parts = Some(parts);
            return Some(());
        }
        let value = cursor.value()?;
        if matches!(key, Some(Field::Outputs)) {
            cell.output_parts = None;
        }
        if let Some(slot) = cell.slot(key) {
            *slot = Some(value);
        }
        Some(())
    })?;
    Some(cell)
}

/// Format 3 keeps its cells in worksheets; they are joined, as Jupyter does. Format 2 has them too, and is refused later.
fn read_worksheets<'a>(raw: &'a RawValue, document: &mut Document<'a>) -> Result<(), ReadError> {
    let sheets: Vec<Worksheet<'a>> = serde_json::from_str(raw.get())
        .map_err(|_| ReadError::NotANotebook { found: "an object whose `worksheets` hold no cells".to_owned() })?;
    let count = sheets.len();
    document.has_cells = true;
    document.major = document.major.or(Some(3));
    document.cells.extend(sheets.into_iter().flat_map(|sheet| sheet.cells.0.unwrap_or_default()));
    let joined = if count > 1 { format!(", its {count} worksheets joined") } else { String::new() };
    document.repairs.push(format!("upgraded from format 3{joined}"));
    Ok(())
}

#[derive(Deserialize)]
struct Worksheet<'a> {
    #[serde(borrow, default)]
    cells: CellList<'a>,
}

/// Members of the outermost object.
#[derive(Default)]
struct Fields<'a> {
    major: Option<&'a RawValue>,
    minor: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    cells: Option<CellList<'a>>,
    worksheets: Option<&'a RawValue>,
}

enum Top<'a> {
    Object(Fields<'a>),
    Other(&'static str),
}

/// The cells, or nothing where something else than a list was found.
#[derive(Default)]
struct CellList<'a>(Option<Vec<RawCell<'a>>>);

/// A key, compared where it stands: nothing is allocated for it.
struct Key(Option<Field>);

#[derive(Clone, Copy)]
enum Field {
    Major,
    Minor,
    Metadata,
    Cells,
    Worksheets,
    CellType,
    Id,
    Source,
    ExecutionCount,
    Outputs,
    Level,
    Language,
}

impl Field {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "nbformat" => Self::Major,
            "nbformat_minor" => Self::Minor,
            "metadata" => Self::Metadata,
            "cells" => Self::Cells,
            "worksheets" => Self::Worksheets,
            "cell_type" => Self::CellType,
            "id" => Self::Id,
            "source" | "input" => Self::Source,
            "execution_count" | "prompt_number" => Self::ExecutionCount,
            "outputs" => Self::Outputs,
            "level" => Self::Level,
            "language" => Self::Language,
            _ => return None,
        })
    }
}

impl<'a> CellLayout<'a> {
    /// Where the value of this key is kept.
    fn slot(&mut self, key: Option<Field>) -> Option<&mut Option<&'a str>> {
        Some(match key? {
            Field::CellType => &mut self.cell_type,
            Field::Id => &mut self.id,
            Field::Source => &mut self.source,
            Field::Metadata => &mut self.metadata,
            Field::ExecutionCount => &mut self.execution_count,
            Field::Outputs => &mut self.outputs,
            Field::Level => &mut self.level,
            Field::Language => &mut self.language,
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }
            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(Key(Field::of(key)))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The visitor methods for everything that is not an object; `$list` says what becomes of a list.
macro_rules! other_values {
    ($value:ty, $other:expr, $list:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
            Ok($other("a truth value"))
        }
        fn visit_i64<E>(self, _: i64) -> Result<$value, E> {
            Ok($other("a number"))
        }
        fn visit_u64<E>(self, _: u64) -> Result<$value, E> {
            Ok($other("a number"))
        }
        fn visit_f64<E>(self, _: f64) -> Result<$value, E> {
            Ok($other("a number"))
        }
        fn visit_str<E>(self, _: &str) -> Result<$value, E> {
            Ok($other("a string"))
        }
        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($other("null"))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<$value, A::Error> {
            $list(&mut items)
        }
    };
}

fn skip_list<'de, A: SeqAccess<'de>>(items: &mut A) -> Result<(), A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de: 'a, 'a> Deserialize<'de> for Top<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopVisitor;
        impl<'de> Visitor<'de> for TopVisitor {
            type Value = Top<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a notebook")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(Key(key)) = map.next_key()? {
                    match key {
                        Some(Field::Major) => fields.major = Some(map.next_value()?),
                        Some(Field::Minor) => fields.minor = Some(map.next_value()?),
                        Some(Field::Metadata) => fields.metadata = Some(map.next_value()?),
                        Some(Field::Cells) => fields.cells = Some(map.next_value()?),
                        Some(Field::Worksheets) => fields.worksheets = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Top::Object(fields))
            }
            other_values!(Top<'de>, Top::Other, |items: &mut A| skip_list(items).map(|()| Top::Other("a list")));
        }
        deserializer.deserialize_any(TopVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for CellList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = CellList<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of cells")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CellList<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(CellList(None))
            }
            other_values!(CellList<'de>, |_| CellList(None), |items: &mut A| {
                let mut cells = Vec::new();
                while let Some(cell) = items.next_element()? {
                    cells.push(cell);
                }
                Ok(CellList(Some(cells)))
            });
        }
        deserializer.deserialize_any(ListVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawCell<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellVisitor;
        impl<'de> Visitor<'de> for CellVisitor {
            type Value = RawCell<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a cell")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawCell<'de>, A::Error> {
                let mut cell = Box::<CellLayout<'de>>::default();
                while let Some(Key(key)) = map.next_key()? {
                    let Some(slot) = cell.slot(key) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    // Not through `Option`, which would turn `null` into nothing and lose its place.
                    *slot = Some(map.next_value::<&'de RawValue>()?.get());
                }
                Ok(RawCell::Object(cell))
            }
            other_values!(RawCell<'de>, |_| RawCell::Other, |items: &mut A| skip_list(items).map(|()| RawCell::Other));
        }
        deserializer.deserialize_any(CellVisitor)
    }
}
