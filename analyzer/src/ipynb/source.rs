//! A cell's source and where its lines stand in the file.

use super::members::elements;
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
        // Between two lines of a source stand a few bytes.
        let newlines = if between.len() < 32 {
            between.iter().fold(0, |count, byte| count + usize::from(*byte == b'\n'))
        } else {
            memchr::memchr_iter(b'\n', between).count()
        };
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

/// Reads a source: a string, or a list of strings; `null` counts as empty. Nothing for anything else.
pub(super) fn read(json: &str, lines: &mut Lines<'_>) -> Option<Source> {
    if json.starts_with('[') {
        return read_list(json, lines);
    }
    let first_line = lines.line_of(json);
    let text = if json == "null" { String::new() } else { string(json)? };
    Some(Source { text, first_line, lines: SourceLines::Same })
}

fn read_list(json: &str, lines: &mut Lines<'_>) -> Option<Source> {
    let mut text = String::with_capacity(json.len());
    let mut places = Vec::new();
    let mut at_line_start = true;
    for part in elements(json) {
        let start = text.len();
        let line = lines.line_of(part);
        push_string(part, &mut text)?;
        // No string of JSON holds the end of a line as it is.
        lines.offset += part.len();
        places.resize(places.len() + count_starts(&text[start..], at_line_start), line);
        at_line_start = if text.len() > start { text.ends_with('\n') } else { at_line_start };
    }
    let first_line = places.first().copied().unwrap_or_else(|| lines.line_of(json));
    let consecutive = places.iter().zip(first_line..).all(|(&place, expected)| place == expected);
    let lines = if consecutive { SourceLines::Consecutive } else { SourceLines::Each(places) };
    Some(Source { text, first_line, lines })
}

/// Adds the value of a JSON string, as it is written in valid JSON, to a text. Nearly all lines of code hold no other escape than the one at their end.
fn push_string(json: &str, text: &mut String) -> Option<()> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    match memchr::memchr(b'\\', inner.as_bytes()) {
        None => text.push_str(inner),
        Some(at) if &inner[at..] == "\\n" => {
            text.push_str(&inner[..at]);
            text.push('\n');
        }
        Some(at) => {
            if push_escaped(inner, at, text).is_none() {
                text.push_str(&serde_json::from_str::<String>(json).ok()?);
            }
        }
    }
    Some(())
}

/// Adds the value of the inside of a JSON string whose first escape is here; nothing where one is of the rare kind with a number, and then
/// adds nothing.
fn push_escaped(inner: &str, mut at: usize, text: &mut String) -> Option<()> {
    let before = text.len();
    let mut from = 0;
    loop {
        let meant = match inner.as_bytes().get(at + 1)? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
            _ => {
                text.truncate(before);
                return None;
            }
        };
        text.push_str(&inner[from..at]);
        text.push(meant);
        from = at + 2;
        match memchr::memchr(b'\\', &inner.as_bytes()[from..]) {
            Some(next) => at = from + next,
            None => {
                text.push_str(&inner[from..]);
                return Some(());
            }
        }
    }
}

/// How many source lines start inside a part of a source.
fn count_starts(part: &str, at_line_start: bool) -> usize {
    let newlines = memchr::memchr_iter(b'\n', part.as_bytes()).count();
    let last_is_newline = usize::from(part.ends_with('\n'));
    newlines - last_is_newline + usize::from(at_line_start && !part.is_empty())
}

/// A JSON string's value.
pub(super) fn string(json: &str) -> Option<String> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = inner.filter(|inner| !inner.contains(['\\', '"'])) {
        return Some(inner.to_owned());
    }
    serde_json::from_str(json).ok()
}

/// A JSON number's value where it is a small whole number; `4.0` counts as 4.
pub(super) fn number(json: &str) -> Option<u32> {
    if json.len() < 10 && json.bytes().all(|byte| byte.is_ascii_digit()) {
        return json.parse().ok();
    }
    let value: f64 = serde_json::from_str(json).ok()?;
    let whole = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
    #[expect(clippy::cast_sign_loss, reason = "the range was checked")]
    whole.then_some(value as u32)
}
