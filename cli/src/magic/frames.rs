//! Reading the extension's frames, and writing events as the frames that workers write.

use std::collections::BTreeMap;

use nbhoist_executor::event::Event;
use nbhoist_executor::frames::Frame;
use serde_json::Value;

/// A text of a frame; empty where it has none.
pub(super) fn text<'f>(frame: &'f Frame, key: &str) -> &'f str {
    optional(frame, key).unwrap_or_default()
}

/// A text of a frame that is not empty.
pub(super) fn optional<'f>(frame: &'f Frame, key: &str) -> Option<&'f str> {
    frame.header.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A number of a frame; 0 where it has none.
pub(super) fn number(frame: &Frame, key: &str) -> f64 {
    frame.header.get(key).and_then(Value::as_f64).unwrap_or_default()
}

/// Bytes by name.
pub(super) fn sizes(frame: &Frame) -> BTreeMap<String, u64> {
    let sizes = frame.header.get("sizes").and_then(Value::as_object);
    sizes.into_iter().flatten().filter_map(|(name, bytes)| Some((name.clone(), bytes.as_u64()?))).collect()
}

/// The names of a list.
pub(super) fn names(frame: &Frame, key: &str) -> Vec<String> {
    let list = frame.header.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// What the cell that waits is told of an event; nothing of steps on the way.
pub(super) fn of(event: Event) -> Option<Frame> {
    Some(match event {
        Event::Stream { name, text, .. } => Frame::new("stream").with("name", name).with("text", text),
        Event::DisplayData { data, metadata, transient, .. } => {
            Frame::new("display_data").with("data", data).with("metadata", metadata).with("transient", transient)
        }
        Event::UpdateDisplayData { data, metadata, transient, .. } => {
            Frame::new("update_display_data").with("data", data).with("metadata", metadata).with("transient", transient)
        }
        Event::ExecuteResult { data, metadata, .. } => Frame::new("execute_result").with("data", data).with("metadata", metadata),
        Event::ClearOutput { wait, .. } => Frame::new("clear_output").with("wait", wait),
        Event::Note { text } => Frame::new("note").with("text", text),
        // The exception is raised when everything else is done.
        Event::Error { .. }
        | Event::Phase(_)
        | Event::Progress { .. }
        | Event::CellStarted { .. }
        | Event::CellDone { .. }
        | Event::Moves { .. }
        | Event::Fault { .. } => return None,
    })
}
