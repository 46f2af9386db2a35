//! Saved outputs: what rules ask about them, read from the raw JSON. No output is built as a value.

use super::leaks;
use super::members::{elements, members};
use super::scan::Cursor;
use super::source::{string, word};
use crate::notebook::{OutputKind, SavedOutput};

/// The values of one output that count, unparsed. Where a key stands twice the last one counts, as in Python.
#[derive(Default)]
pub(super) struct OutputParts<'a> {
    json: &'a str,
    kind: Option<&'a str>,
    name: Option<&'a str>,
    value: Option<&'a str>,
    /// A picture in Base64: most of its length, and it tells nothing that words could.
    picture: Option<&'a str>,
}

impl<'a> OutputParts<'a> {
    /// Passes over an output and adds its parts; what is no object has none.
    pub(super) fn scan(cursor: &mut Cursor<'a>, found: &mut Vec<Self>) -> Option<()> {
        if cursor.peek()? != b'{' {
            return cursor.value().map(|_| ());
        }
        let mut parts = Self::default();
        parts.json = cursor.spanned(|cursor| {
            cursor.members(|cursor, key| {
                if key == "data" && cursor.peek()? == b'{' {
                    return cursor.members(|cursor, key| {
                        let value = cursor.value()?;
                        parts.set_data(key, value);
                        Some(())
                    });
                }
                let value = cursor.value()?;
                parts.set(key, value);
                Some(())
            })
        })?;
        found.push(parts);
        Some(())
    }

    fn of(json: &'a str) -> Self {
        let mut parts = Self { json, ..Self::default() };
        for (key, value) in members(json) {
            parts.set(key.trim_matches('"'), value);
            if key == r#""data""# {
                members(value).for_each(|(key, value)| parts.set_data(key.trim_matches('"'), value));
            }
        }
        parts
    }

    fn set(&mut self, key: &str, value: &'a str) {
        match key {
            "output_type" => self.kind = Some(value),
            "ename" => self.name = Some(value),
            "evalue" => self.value = Some(value),
            _ => {}
        }
    }

    /// Takes notice of one of the forms that what is displayed is saved in.
    fn set_data(&mut self, key: &str, value: &'a str) {
        if matches!(key, "image/png" | "image/jpeg" | "image/gif") {
            self.picture = Some(value);
        }
    }

    fn read(&self) -> SavedOutput {
        let kind = match self.kind.and_then(word).as_deref() {
            Some("stream") => OutputKind::Stream,
            Some("display_data") => OutputKind::Display,
            Some("execute_result" | "pyout") => OutputKind::Result,
            Some("error" | "pyerr") => OutputKind::Error,
            _ => OutputKind::Other,
        };
        let text = |json: Option<&str>| json.and_then(string).unwrap_or_default();
        let error = (kind == OutputKind::Error).then(|| (text(self.name), text(self.value)));
        let leaks = leaks::find(self.json, self.picture);
        SavedOutput { kind, bytes: self.json.len() as u64, error, secrets: leaks.secrets, home: leaks.home }
    }
}

/// The outputs of a cell, from their parts where those are known; what is no list of objects has none.
pub(super) fn read(json: &str, parts: Option<&[OutputParts<'_>]>) -> Vec<SavedOutput> {
    match parts {
        Some(parts) => parts.iter().map(OutputParts::read).collect(),
        None => elements(json).filter(|output| output.starts_with('{')).map(|output| OutputParts::of(output).read()).collect(),
    }
}
