//! What happens while cells run: the same events whether a kernel runs them or a worker does.

use serde_json::{Map, Value};

/// Which cell something belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct CellRef {
    /// Number from 1 over all cells of the notebook.
    pub number: u32,
    /// nbformat id, where the cell has one.
    pub id: Option<String>,
}

/// A MIME bundle or its metadata, in the order the kernel gave.
pub type Bundle = Map<String, Value>;

/// A step of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The kernel is asked what the inputs are and whether they can travel.
    Probe,
    /// The worker starts.
    Connect,
    /// The inputs are packed in the kernel.
    Capture,
    /// They travel to the worker.
    Transfer,
    /// The cells run there.
    Run,
    /// The returns travel back.
    Return,
    /// They are put into the kernel.
    Restore,
}

impl Phase {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Connect => "connect",
            Self::Capture => "capture",
            Self::Transfer => "transfer",
            Self::Run => "run",
            Self::Return => "return",
            Self::Restore => "restore",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A step of a migration begins.
    Phase(Phase),
    /// Bytes of a step that is under way.
    Progress {
        /// The step.
        phase: Phase,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, when they are known.
        total: Option<u64>,
    },
    /// A cell starts.
    CellStarted {
        /// The cell.
        cell: CellRef,
    },
    /// A cell ended.
    CellDone {
        /// The cell.
        cell: CellRef,
        /// Whether it ended without an exception.
        ok: bool,
        /// Time it took, seconds.
        seconds: f64,
        /// Its `In [n]` number.
        execution_count: Option<u32>,
    },
    /// Text on standard output or standard error.
    Stream {
        /// The cell.
        cell: CellRef,
        /// `stdout` or `stderr`.
        name: String,
        /// The text.
        text: String,
    },
    /// Something is displayed.
    DisplayData {
        /// The cell.
        cell: CellRef,
        /// By MIME type.
        data: Bundle,
        /// By MIME type.
        metadata: Bundle,
        /// `display_id`, where later updates refer to it.
        transient: Bundle,
    },
    /// Something displayed before is replaced.
    UpdateDisplayData {
        /// The cell that asks for it; what is replaced may stand under another one.
        cell: CellRef,
        /// By MIME type.
        data: Bundle,
        /// By MIME type.
        metadata: Bundle,
        /// `display_id`.
        transient: Bundle,
    },
    /// The value of the last expression.
    ExecuteResult {
        /// The cell.
        cell: CellRef,
        /// By MIME type.
        data: Bundle,
        /// By MIME type.
        metadata: Bundle,
        /// The number of `Out[n]`.
        execution_count: Option<u32>,
    },
    /// An exception ended the cell.
    Error {
        /// The cell.
        cell: CellRef,
        /// Class of the exception.
        ename: String,
        /// Its message.
        evalue: String,
        /// As IPython formats it.
        traceback: Vec<String>,
    },
    /// The cell's outputs so far are to be removed.
    ClearOutput {
        /// The cell.
        cell: CellRef,
        /// Only when the next output comes.
        wait: bool,
    },
    /// The running cell read a name that was not among the inputs.
    Fault {
        /// The cell.
        cell: CellRef,
        /// The name.
        name: String,
        /// Whether the kernel had it and gave it.
        supplied: bool,
    },
    /// Cells are about to run elsewhere, by a decision that was just made.
    Moves {
        /// Numbers of the cells.
        cells: Vec<u32>,
        /// Name of the executor.
        executor: String,
        /// Why, in one sentence.
        because: String,
    },
    /// Something a user may want to know.
    Note {
        /// One sentence.
        text: String,
    },
}

/// Receives events in the order in which they happen.
pub type OnEvent<'a> = &'a mut (dyn FnMut(Event) + Send);

/// The event that an output message stands for: a message of a kernel's iopub channel or a frame of a worker, which have
/// the same fields. `None` when it is no output.
pub(crate) fn output(kind: &str, content: &Map<String, Value>, cell: &CellRef) -> Option<Event> {
    let cell = cell.clone();
    let text = |key: &str| content.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let bundle = |key: &str| content.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    Some(match kind {
        "stream" => Event::Stream { cell, name: text("name"), text: text("text") },
        "display_data" => Event::DisplayData { cell, data: bundle("data"), metadata: bundle("metadata"), transient: bundle("transient") },
        "update_display_data" => {
            Event::UpdateDisplayData { cell, data: bundle("data"), metadata: bundle("metadata"), transient: bundle("transient") }
        }
        "execute_result" => {
            Event::ExecuteResult { cell, data: bundle("data"), metadata: bundle("metadata"), execution_count: count(content) }
        }
        "error" => Event::Error { cell, ename: text("ename"), evalue: text("evalue"), traceback: strings(content.get("traceback")) },
        "clear_output" => Event::ClearOutput { cell, wait: content.get("wait").and_then(Value::as_bool).unwrap_or(false) },
        _ => return None,
    })
}

/// `execution_count` of a message.
pub(crate) fn count(content: &Map<String, Value>) -> Option<u32> {
    content.get("execution_count").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok())
}

/// The strings of a JSON list.
pub(crate) fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
