//! Saved outputs: what rules ask about them, read from the raw JSON. No output is built as a value.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::leaks;
use super::source::string;
use crate::notebook::{OutputKind, SavedOutput};

#[derive(Deserialize)]
struct Layout<'a> {
    #[serde(borrow)]
    output_type: Option<&'a RawValue>,
    #[serde(borrow)]
    ename: Option<&'a RawValue>,
    #[serde(borrow)]
    evalue: Option<&'a RawValue>,
}

/// The outputs of a cell; what is no list of objects has none.
pub(super) fn read(raw: &RawValue) -> Vec<SavedOutput> {
    let text = raw.get();
    if text.len() <= 2 {
        return Vec::new();
    }
    let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(text) else { return Vec::new() };
    list.into_iter().filter_map(output).collect()
}

fn output(raw: &RawValue) -> Option<SavedOutput> {
    let layout: Layout<'_> = serde_json::from_str(raw.get()).ok()?;
    let kind = match layout.output_type.and_then(string).as_deref() {
        Some("stream") => OutputKind::Stream,
        Some("display_data") => OutputKind::Display,
        Some("execute_result" | "pyout") => OutputKind::Result,
        Some("error" | "pyerr") => OutputKind::Error,
        _ => OutputKind::Other,
    };
    let error = (kind == OutputKind::Error).then(|| {
        let name = layout.ename.and_then(string).unwrap_or_default();
        let value = layout.evalue.and_then(string).unwrap_or_default();
        (name, value)
    });
    let leaks = leaks::find(raw.get());
    Some(SavedOutput { kind, bytes: raw.get().len() as u64, error, secrets: leaks.secrets, home: leaks.home })
}
