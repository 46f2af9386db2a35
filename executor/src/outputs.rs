//! The outputs of cells, gathered from events and written the way Jupyter writes them.

use std::collections::{BTreeMap, HashMap};

use crate::event::{Bundle, CellRef, Event};
use serde_json::{Map, Value, json};

/// One output of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Text on standard output or standard error.
    Stream {
        /// `stdout` or `stderr`.
        name: String,
        /// The text.
        text: String,
    },
    /// Something displayed.
    Display {
        /// By MIME type.
        data: Bundle,
        /// By MIME type.
        metadata: Bundle,
    },
    /// The value of the last expression.
    Result {
        /// By MIME type.
        data: Bundle,
        /// By MIME type.
        metadata: Bundle,
        /// The number of `Out[n]`.
        execution_count: Option<u32>,
    },
    /// An exception.
    Error {
        /// Its class.
        ename: String,
        /// Its message.
        evalue: String,
        /// As IPython formats it.
        traceback: Vec<String>,
    },
}

/// What one cell has put out.
#[derive(Clone, Debug, Default)]
pub struct CellOutputs {
    /// In order.
    pub outputs: Vec<Output>,
    /// The next output replaces all that came before.
    clear_next: bool,
    /// Its `In [n]` number.
    pub execution_count: Option<u32>,
}

/// What all cells have put out.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    cells: BTreeMap<u32, CellOutputs>,
    /// Where something with this display id stands: cell and index.
    displays: HashMap<String, Vec<(u32, usize)>>,
}

impl Outputs {
    /// Takes what an event says about outputs.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Stream { cell, name, text } => self.stream(cell, name, text),
            Event::DisplayData { cell, transient, .. } => self.push(cell, Output::of(event), transient.get("display_id")),
            Event::ExecuteResult { cell, .. } | Event::Error { cell, .. } => self.push(cell, Output::of(event), None),
            Event::UpdateDisplayData { data, metadata, transient, .. } => {
                self.update(transient.get("display_id"), data, metadata);
            }
            Event::ClearOutput { cell, wait } => {
                if *wait {
                    self.cells.entry(cell.number).or_default().clear_next = true;
                } else {
                    self.clear(cell.number);
                }
            }
            Event::CellStarted { cell } => {
                self.cells.entry(cell.number).or_default();
            }
            Event::CellDone { cell, execution_count, .. } => {
                self.cells.entry(cell.number).or_default().execution_count = *execution_count;
            }
            Event::Phase(_) | Event::Progress { .. } | Event::Fault { .. } | Event::Moves { .. } | Event::Note { .. } => {}
        }
    }

    /// What a cell has put out.
    pub fn of(&self, cell: u32) -> Option<&CellOutputs> {
        self.cells.get(&cell)
    }

    /// The text goes on where the last output left off when both are the same stream.
    fn stream(&mut self, cell: &CellRef, name: &str, text: &str) {
        self.clear_if_due(cell.number);
        let entry = self.cells.entry(cell.number).or_default();
        match entry.outputs.last_mut() {
            Some(Output::Stream { name: last, text: before }) if last == name => before.push_str(text),
            _ => entry.outputs.push(Output::Stream { name: name.to_owned(), text: text.to_owned() }),
        }
    }

    fn push(&mut self, cell: &CellRef, output: Option<Output>, display: Option<&Value>) {
        self.clear_if_due(cell.number);
        let entry = self.cells.entry(cell.number).or_default();
        entry.outputs.extend(output);
        if let Some(id) = display.and_then(Value::as_str) {
            self.displays.entry(id.to_owned()).or_default().push((cell.number, entry.outputs.len() - 1));
        }
    }

    /// Replaces everything shown under a display id, whichever cells show it.
    fn update(&mut self, display: Option<&Value>, data: &Bundle, metadata: &Bundle) {
        let places = display.and_then(Value::as_str).and_then(|id| self.displays.get(id));
        for (cell, index) in places.into_iter().flatten() {
            let output = self.cells.get_mut(cell).and_then(|cell| cell.outputs.get_mut(*index));
            if let Some(Output::Display { data: old, metadata: old_metadata }) = output {
                old.clone_from(data);
                old_metadata.clone_from(metadata);
            }
        }
    }

    fn clear_if_due(&mut self, cell: u32) {
        if self.cells.get(&cell).is_some_and(|cell| cell.clear_next) {
            self.clear(cell);
        }
    }

    fn clear(&mut self, cell: u32) {
        let entry = self.cells.entry(cell).or_default();
        entry.outputs.clear();
        entry.clear_next = false;
        for places in self.displays.values_mut() {
            places.retain(|(number, _)| *number != cell);
        }
    }
}

impl CellOutputs {
    /// The value of `outputs` in a notebook file.
    pub fn json(&self) -> Value {
        Value::Array(self.outputs.iter().map(Output::json).collect())
    }
}

impl Output {
    /// The output that an event stands for; `None` when it is none. An update stands for what it puts in the place of others.
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event.clone() {
            Event::Stream { name, text, .. } => Self::Stream { name, text },
            Event::DisplayData { data, metadata, .. } | Event::UpdateDisplayData { data, metadata, .. } => Self::Display { data, metadata },
            Event::ExecuteResult { data, metadata, execution_count, .. } => Self::Result { data, metadata, execution_count },
            Event::Error { ename, evalue, traceback, .. } => Self::Error { ename, evalue, traceback },
            _ => return None,
        })
    }

    /// As it stands in a notebook file, keys in the order of the alphabet, as Jupyter sorts them.
    pub fn json(&self) -> Value {
        match self {
            Self::Stream { name, text } => json!({"name": name, "output_type": "stream", "text": lines(text)}),
            Self::Display { data, metadata } => {
                json!({"data": split(data), "metadata": sorted(metadata), "output_type": "display_data"})
            }
            Self::Result { data, metadata, execution_count } => json!({
                "data": split(data),
                "execution_count": execution_count,
                "metadata": sorted(metadata),
                "output_type": "execute_result",
            }),
            Self::Error { ename, evalue, traceback } => {
                json!({"ename": ename, "evalue": evalue, "output_type": "error", "traceback": traceback})
            }
        }
    }
}

/// A MIME bundle with the texts split into lines, as nbformat does it.
fn split(data: &Bundle) -> Value {
    let mut result = Map::new();
    for (mime, value) in by_key(data) {
        let is_text = mime.starts_with("text/") || matches!(mime.as_str(), "application/javascript" | "image/svg+xml");
        let value = match value {
            Value::String(text) if is_text => lines(text),
            other => sort(other),
        };
        result.insert(mime.clone(), value);
    }
    Value::Object(result)
}

fn sorted(bundle: &Bundle) -> Value {
    Value::Object(by_key(bundle).map(|(key, value)| (key.clone(), sort(value))).collect())
}

fn sort(value: &Value) -> Value {
    match value {
        Value::Object(object) => sorted(object),
        Value::Array(items) => Value::Array(items.iter().map(sort).collect()),
        other => other.clone(),
    }
}

fn by_key(bundle: &Bundle) -> impl Iterator<Item = (&String, &Value)> {
    let mut entries: Vec<_> = bundle.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter()
}

/// The lines of a text with their ends, as Python's `splitlines(True)` gives them.
fn lines(text: &str) -> Value {
    let is_end =
        |c: char| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}' | '\u{1d}' | '\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut result = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(is_end) {
        let length = if rest[end..].starts_with("\r\n") { 2 } else { rest[end..].chars().next().map_or(1, char::len_utf8) };
        let (line, after) = rest.split_at(end + length);
        result.push(Value::from(line));
        rest = after;
    }
    if !rest.is_empty() {
        result.push(Value::from(rest));
    }
    Value::Array(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(number: u32) -> CellRef {
        CellRef { number, id: None }
    }

    fn stream(name: &str, text: &str) -> Event {
        Event::Stream { cell: cell(1), name: name.to_owned(), text: text.to_owned() }
    }

    fn bundle(value: impl Into<Value>) -> Bundle {
        value.into().as_object().cloned().unwrap_or_default()
    }

    fn display(number: u32, text: &str, id: Option<&str>) -> Event {
        let transient = id.map_or_else(|| json!({}), |id| json!({"display_id": id}));
        Event::DisplayData {
            cell: cell(number),
            data: bundle(json!({"text/plain": text})),
            metadata: Bundle::new(),
            transient: bundle(transient),
        }
    }

    fn gathered(events: &[Event]) -> Outputs {
        let mut outputs = Outputs::default();
        for event in events {
            outputs.take(event);
        }
        outputs
    }

    #[test]
    fn streams_join_and_carriage_returns_stay() {
        let outputs = gathered(&[stream("stdout", "10%\r"), stream("stdout", "20%\r\nx"), stream("stderr", "e"), stream("stdout", "y")]);
        assert_eq!(
            outputs.of(1).unwrap().json(),
            json!([
                {"name": "stdout", "output_type": "stream", "text": ["10%\r", "20%\r\n", "x"]},
                {"name": "stderr", "output_type": "stream", "text": ["e"]},
                {"name": "stdout", "output_type": "stream", "text": ["y"]},
            ])
        );
    }

    #[test]
    fn updates_reach_every_display_of_an_id_in_any_cell() {
        let update = Event::UpdateDisplayData {
            cell: cell(2),
            data: bundle(json!({"text/plain": "new"})),
            metadata: bundle(json!({"m": 1})),
            transient: bundle(json!({"display_id": "a"})),
        };
        let outputs = gathered(&[display(1, "x", Some("a")), display(1, "y", None), display(2, "z", Some("a")), update]);
        let data = |number, index: usize| outputs.of(number).unwrap().json()[index]["data"]["text/plain"][0].clone();
        assert_eq!([data(1, 0), data(1, 1), data(2, 0)], ["new", "y", "new"]);
        assert_eq!(outputs.of(2).unwrap().json()[0]["metadata"], json!({"m": 1}));
    }

    #[test]
    fn clearing_is_at_once_or_with_the_next_output() {
        let clear = |wait| Event::ClearOutput { cell: cell(1), wait };
        assert_eq!(gathered(&[stream("stdout", "a"), clear(false)]).of(1).unwrap().json(), json!([]));
        let waiting = [stream("stdout", "a"), clear(true)];
        assert_eq!(gathered(&waiting).of(1).unwrap().outputs.len(), 1);
        let replaced = gathered(&[stream("stdout", "a"), clear(true), stream("stdout", "b"), stream("stdout", "c")]);
        assert_eq!(replaced.of(1).unwrap().json()[0]["text"], json!(["bc"]));
    }

    #[test]
    fn texts_are_split_images_and_json_are_not() {
        let result = Event::ExecuteResult {
            cell: cell(1),
            data: bundle(
                json!({"text/plain": "a\nb", "image/png": "iVBO\n", "application/json": {"z": 1, "a": "x\ny"}, "image/svg+xml": "<svg>\n</svg>"}),
            ),
            metadata: Bundle::new(),
            execution_count: Some(3),
        };
        let done = Event::CellDone { cell: cell(1), ok: true, seconds: 0.1, execution_count: Some(3) };
        let outputs = gathered(&[result, done]);
        assert_eq!(
            outputs.of(1).unwrap().json().to_string(),
            r#"[{"data":{"application/json":{"a":"x\ny","z":1},"image/png":"iVBO\n","image/svg+xml":["<svg>\n","</svg>"],"text/plain":["a\n","b"]},"execution_count":3,"metadata":{},"output_type":"execute_result"}]"#
        );
        assert_eq!(outputs.of(1).unwrap().execution_count, Some(3));
        assert!(outputs.of(2).is_none());
    }
}
