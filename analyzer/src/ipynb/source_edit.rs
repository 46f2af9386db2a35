//! A source changed so that in the file only the strings of the lines concerned are different.

use std::ops::Range;

use serde_json::value::RawValue;

use super::edit::{Splice, Style};
use super::source::Lines;

/// A character of a source: where it stands in the source as it is read, and in the file.
struct Unit {
    at: usize,
    file: Range<usize>,
    newline: bool,
}

/// One string of a source.
struct Part {
    /// In the file, quotes included.
    file: Range<usize>,
    units: Vec<Unit>,
    /// Where its text ends in the source.
    end: usize,
}

/// What is to be replaced in the file. Nothing when the source is of another shape, or a range lies outside of it.
pub(super) fn splices(text: &str, raw: &str, edits: &[(Range<u32>, String)]) -> Option<Vec<Splice>> {
    let mut edits: Vec<(Range<usize>, &str)> =
        edits.iter().map(|(range, new)| (range.start as usize..range.end as usize, new.as_str())).collect();
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let ordered = edits.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start) && edits.iter().all(|(range, _)| range.start <= range.end);
    if !ordered {
        return None;
    }
    let list = raw.starts_with('[');
    let parts = parts(text, raw)?;
    let windows = parts.iter().any(|part| part.units.iter().any(|unit| unit.newline && text[unit.file.clone()].starts_with("\\r")));
    let end = parts.last().map_or(0, |part| part.end);
    let start = Lines::offset_of(text, raw);
    if edits.iter().any(|(range, _)| range.end > end) {
        return None;
    }
    if parts.is_empty() {
        let new: String = edits.iter().map(|(_, new)| *new).collect();
        let style = Style::at(text, start);
        let lines: Vec<serde_json::Value> = new.split_inclusive('\n').map(serde_json::Value::from).collect();
        let value = if list { style.write(&lines.into()) } else { serde_json::Value::from(new).to_string() };
        return Some(vec![Splice { range: start..start + raw.len(), text: value }]);
    }
    let source = Source { text, parts, windows, whole: start..start + raw.len() };
    if list { source.in_list(&edits) } else { edits.iter().map(|(range, new)| source.in_string(range, new)).collect() }
}

/// The strings of a source with the places of their characters.
fn parts(text: &str, raw: &str) -> Option<Vec<Part>> {
    let literals: Vec<&str> = match raw.as_bytes().first()? {
        b'[' => serde_json::from_str::<Vec<&RawValue>>(raw).ok()?.into_iter().map(RawValue::get).collect(),
        b'"' => vec![raw],
        b'n' => Vec::new(),
        _ => return None,
    };
    let mut parts = Vec::with_capacity(literals.len());
    let mut at = 0;
    for literal in literals {
        let start = Lines::offset_of(text, literal);
        let units = units(literal, start, at)?;
        let end = units.last().map_or(at, |(at, length, ..)| at + length);
        let units = units.into_iter().map(|(at, _, file, newline)| Unit { at, file, newline }).collect();
        parts.push(Part { file: start..start + literal.len(), units, end });
        at = end;
    }
    Some(parts)
}

/// The characters of a JSON string: place in the source, length there, place in the file, whether it ends a line. `\r\n` is read as one.
#[expect(clippy::type_complexity, reason = "a row of a table that lives for three lines")]
fn units(literal: &str, start: usize, mut at: usize) -> Option<Vec<(usize, usize, Range<usize>, bool)>> {
    let inner = literal.get(1..literal.len().checked_sub(1)?)?;
    let mut units: Vec<(usize, usize, Range<usize>, bool)> = Vec::with_capacity(inner.len());
    let mut from = 0;
    while from < inner.len() {
        let length = unit_length(&inner[from..]);
        let piece = inner.get(from..from + length)?;
        let value: String = serde_json::from_str(&format!("\"{piece}\"")).ok()?;
        let file = start + 1 + from..start + 1 + from + length;
        from += length;
        match units.last_mut() {
            Some((_, _, before, newline)) if value == "\n" && !*newline && text_is_return(literal, before, start) => {
                *before = before.start..file.end;
                *newline = true;
            }
            _ => {
                units.push((at, value.len(), file, value == "\n"));
                at += value.len();
            }
        }
    }
    Some(units)
}

fn text_is_return(literal: &str, file: &Range<usize>, start: usize) -> bool {
    literal.get(file.start - start..file.end - start).is_some_and(|piece| piece == "\\r" || piece.eq_ignore_ascii_case("\\u000d"))
}

/// Length of the character or escape at the start of a JSON string's text. A surrogate pair is one character.
fn unit_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.get(1)) {
        (Some(b'\\'), Some(b'u')) => {
            let high = text.get(2..6).and_then(|digits| u16::from_str_radix(digits, 16).ok());
            if high.is_some_and(|code| (0xd800..0xdc00).contains(&code)) { 12.min(text.len()) } else { 6.min(text.len()) }
        }
        (Some(b'\\'), Some(_)) => 2,
        _ => text.chars().next().map_or(1, char::len_utf8),
    }
}

struct Source<'a> {
    text: &'a str,
    parts: Vec<Part>,
    /// Whether lines end with `\r\n`.
    windows: bool,
    /// The whole value in the file.
    whole: Range<usize>,
}

/// The strings that stand for some strings of the file.
#[derive(Default)]
struct Strings {
    done: Vec<String>,
    current: String,
    ends_line: bool,
}

impl Strings {
    fn push(&mut self, raw: &str, ends_line: bool) {
        self.current.push_str(raw);
        self.ends_line = ends_line;
    }

    fn close(&mut self) {
        if !self.current.is_empty() {
            self.done.push(format!("\"{}\"", std::mem::take(&mut self.current)));
        }
    }
}

impl Source<'_> {
    /// New text as it stands between the quotes of a JSON string.
    fn escaped(&self, new: &str) -> String {
        let new = if self.windows { new.replace('\n', "\r\n") } else { new.to_owned() };
        let quoted = serde_json::Value::from(new).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    }

    /// The one string of the source stays one.
    fn in_string(&self, range: &Range<usize>, new: &str) -> Option<Splice> {
        let part = self.parts.first()?;
        let place = |at: usize| match part.units.iter().find(|unit| unit.at >= at) {
            Some(unit) => (unit.at == at).then_some(unit.file.start),
            None => (at == part.end).then_some(part.file.end - 1),
        };
        Some(Splice { range: place(range.start)?..place(range.end)?, text: self.escaped(new) })
    }

    fn in_list(&self, edits: &[(Range<usize>, &str)]) -> Option<Vec<Splice>> {
        let mut splices = Vec::new();
        let mut index = 0;
        while index < edits.len() {
            let first = self.part_at(edits[index].0.start);
            let (mut last, mut end) = (first, index);
            // Edits of the same and of neighbouring strings are made together.
            while let Some((range, _)) = edits.get(end)
                && self.part_at(range.start) <= last + 1
            {
                last = last.max(self.part_at(if range.end > range.start { range.end - 1 } else { range.end }));
                end += 1;
            }
            splices.push(self.replace(first, last, &edits[index..end])?);
            index = end;
        }
        Some(splices)
    }

    /// The string that holds a byte of the source; the last one for its end.
    fn part_at(&self, at: usize) -> usize {
        self.parts.partition_point(|part| part.end <= at).min(self.parts.len() - 1)
    }

    /// The strings from `first` to `last` with these edits made.
    fn replace(&self, first: usize, mut last: usize, edits: &[(Range<usize>, &str)]) -> Option<Splice> {
        let mut strings = Strings::default();
        let mut edits = edits.iter().peekable();
        let mut skip_to = 0;
        let mut index = first;
        while index <= last {
            let part = &self.parts[index];
            for (number, unit) in part.units.iter().enumerate() {
                while let Some((range, new)) = edits.next_if(|(range, _)| range.start <= unit.at) {
                    // An edit inside a character is one that was not made for this text.
                    (range.start == unit.at || range.start < skip_to).then_some(())?;
                    self.insert(new, &mut strings);
                    skip_to = range.end;
                }
                if unit.at >= skip_to {
                    let raw = &self.text[unit.file.clone()];
                    strings.push(raw, unit.newline);
                    if unit.newline && number + 1 == part.units.len() {
                        strings.close();
                    }
                }
            }
            if index == last && index + 1 == self.parts.len() {
                edits.by_ref().for_each(|(_, new)| self.insert(new, &mut strings));
            }
            // A line that has lost its end goes on in the next string.
            if index == last && !strings.current.is_empty() && !strings.ends_line && index + 1 < self.parts.len() {
                last += 1;
            }
            index += 1;
        }
        strings.close();
        Some(self.splice(first, last, &strings.done))
    }

    fn insert(&self, new: &str, strings: &mut Strings) {
        for line in new.split_inclusive('\n') {
            let ends_line = line.ends_with('\n');
            strings.push(&self.escaped(line), ends_line);
            if ends_line {
                strings.close();
            }
        }
    }

    fn splice(&self, first: usize, last: usize, strings: &[String]) -> Splice {
        let place = |index: usize| self.parts.get(index).map(|part| part.file.clone());
        let (from, to) = (self.parts[first].file.start, self.parts[last].file.end);
        if !strings.is_empty() {
            return Splice { range: from..to, text: strings.join(&self.separator(first)) };
        }
        match (place(last + 1), first.checked_sub(1).and_then(place)) {
            (Some(next), _) => Splice { range: from..next.start, text: String::new() },
            (None, Some(before)) => Splice { range: before.end..to, text: String::new() },
            (None, None) => Splice { range: self.whole.clone(), text: "[]".to_owned() },
        }
    }

    /// What stands between two strings of the list.
    fn separator(&self, near: usize) -> String {
        let between = |index: usize| {
            let (one, other) = (self.parts.get(index)?, self.parts.get(index + 1)?);
            self.text.get(one.file.end..other.file.start).map(str::to_owned)
        };
        between(near)
            .or_else(|| between(near.checked_sub(1)?))
            .unwrap_or_else(|| format!(",{}", Style::at(self.text, self.parts[near].file.start).line_break(0)))
    }
}
