//! Saved outputs: what rules ask about them, read from the raw JSON. No output is built as a value.

use serde_json::value::RawValue;

use super::leaks;
use super::members::{elements, members};
use crate::notebook::{OutputKind, SavedOutput};

/// The outputs of a cell; what is no list of objects has none.
pub(super) fn read(raw: &RawValue) -> Vec<SavedOutput> {
    elements(raw.get()).filter(|output| output.starts_with('{')).map(output).collect()
}

/// Where a key stands twice the last one counts, as in Python.
fn output(raw: &str) -> SavedOutput {
    let (mut kind, mut name, mut value) = (None, None, None);
    for (key, json) in members(raw) {
        match key {
            "\"output_type\"" => kind = string(json),
            "\"ename\"" => name = Some(json),
            "\"evalue\"" => value = Some(json),
            _ => {}
        }
    }
    let kind = match kind.as_deref() {
        Some("stream") => OutputKind::Stream,
        Some("display_data") => OutputKind::Display,
        Some("execute_result" | "pyout") => OutputKind::Result,
        Some("error" | "pyerr") => OutputKind::Error,
        _ => OutputKind::Other,
    };
    let text = |json: Option<&str>| json.and_then(string).unwrap_or_default();
    let error = (kind == OutputKind::Error).then(|| (text(name), text(value)));
    let leaks = leaks::find(raw);
    SavedOutput { kind, bytes: raw.len() as u64, error, secrets: leaks.secrets, home: leaks.home }
}

fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}
