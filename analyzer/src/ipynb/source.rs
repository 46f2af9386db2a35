//! A cell's source and where its lines stand in the file.

use std::borrow::Cow;

use super::scan::Cursor;
use crate::notebook::SourceLines;

/// Counts lines while walking through the file once.
pub(super) struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    /// Byte offset in the file of a slice of it.
    pub(super) fn offset_of(text: &str, part: &str) -> usize {
        (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize)
    }

    /// Line (from 1) on which a slice of the file starts.
    fn line_of(&mut self, part: &str) -> u32 {
        let offset = Self::offset_of(self.text, part);
        if offset < self.offset {
            (self.offset, self.line) = (0, 1);
        }
        let between = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        let newlines = memchr::memchr_iter(b'\n', between).count();
        self.line = self.line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.offset = offset;
        self.line
    }
}

/// A cell's text and the place of its lines.
#[derive(Default)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) first_line: u32,
    pub(super) lines: SourceLines,
}

/// What a cell has for its source.
pub(super) enum Read {
    Source(Source),
    /// A value that is no source.
    OtherShape,
}

/// Reads the source that this is: a string, or a list of strings; `null` counts as empty. Nothing for anything else.
pub(super) fn read(json: &str, lines: &mut Lines<'_>) -> Option<Source> {
    match scan(&mut Cursor::at_line(json, lines.line_of(json)), &mut String::new())? {
        Read::Source(source) => Some(source),
        Read::OtherShape => None,
    }
}

/// The same for a source that is passed over on the way; nothing where the text is not valid. `text` is room that many sources are read into, one
/// after the other.
pub(super) fn scan(cursor: &mut Cursor<'_>, text: &mut String) -> Option<Read> {
    text.clear();
    let first = cursor.peek()?;
    let mut places = Places { first_line: cursor.line(), ..Places::default() };
    let is_one = match first {
        b'[' => {
            let mut is_one = true;
            cursor.elements(|cursor| {
                if cursor.peek()? == b'"' {
                    let (line, before) = (cursor.line(), text.len());
                    match cursor.read_string(text)? {
                        Some(newlines) => places.add(&text[before..], newlines, line),
                        None => is_one = false,
                    }
                } else {
                    cursor.value()?;
                    is_one = false;
                }
                Some(())
            })?;
            is_one
        }
        b'"' => cursor.read_string(text)?.is_some(),
        _ => cursor.value()? == "null",
    };
    let Places { first_line, each, .. } = places;
    let lines = match first {
        b'[' if each.is_empty() => SourceLines::Consecutive,
        b'[' => SourceLines::Each(each),
        _ => SourceLines::Same,
    };
    Some(if is_one { Read::Source(Source { text: text.clone(), first_line, lines }) } else { Read::OtherShape })
}

/// Where the lines of a source stand that is a list of strings.
#[derive(Default)]
struct Places {
    first_line: u32,
    /// How many there are.
    count: u32,
    /// The lines they stand on, from the first one on that does not stand below the one before.
    each: Vec<u32>,
    /// Whether a string ended in the middle of one.
    is_inside: bool,
}

impl Places {
    /// Adds the lines that start in a string with so many newlines, which stands on this line of the file.
    fn add(&mut self, part: &str, newlines: usize, line: u32) {
        let Some(last) = part.as_bytes().last() else { return };
        let starts = newlines - usize::from(*last == b'\n') + usize::from(!self.is_inside);
        self.is_inside = *last != b'\n';
        for _ in 0..starts {
            if self.count == 0 {
                self.first_line = line;
            }
            if self.each.is_empty() && line != self.first_line.saturating_add(self.count) {
                self.each.extend((self.first_line..).take(self.count as usize));
            }
            if !self.each.is_empty() {
                self.each.push(line);
            }
            self.count = self.count.saturating_add(1);
        }
    }
}

/// A JSON string's value.
pub(super) fn string(json: &str) -> Option<String> {
    let mut text = String::with_capacity(json.len());
    (json.starts_with('"') && Cursor::new(json).read_string(&mut text)?.is_some()).then_some(text)
}

/// The same, borrowed where it is written as it is: for words that are compared and forgotten.
pub(super) fn word(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|inner| !inner.contains('\\'));
    inner.map(Cow::Borrowed).or_else(|| string(json).map(Cow::Owned))
}

/// A JSON number's value where it is a small whole number; `4.0` counts as 4.
pub(super) fn number(json: &str) -> Option<u32> {
    if json.len() < 10 && json.bytes().all(|byte| byte.is_ascii_digit()) {
        return json.parse().ok();
    }
    // What is no number is mostly `null`; to say what is wrong with it would take longer than to read one.
    let is_number = json.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let value: f64 = is_number.then(|| serde_json::from_str(json).ok())??;
    let whole = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
    #[expect(clippy::cast_sign_loss, reason = "the range was checked")]
    whole.then_some(value as u32)
}
