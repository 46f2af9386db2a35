//! What the client is told of a job, from its first step to its end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nbhoist_analyzer::report::Cost;
use nbhoist_analyzer::words::{self, bytes};
use nbhoist_executor::event::{CellRef, Event, Phase};
use nbhoist_executor::kernel::Exception;
use nbhoist_executor::migrate::Report;
use nbhoist_executor::outputs::Output;
use serde_json::{Value, json};

use crate::document::Uri;
use crate::outbox::{Notice, Outbox};
use crate::snapshot::Snapshot;
use crate::status;

/// How a job ended.
#[derive(Debug)]
pub(crate) struct End {
    /// `done`, `failed`, `cancelled` or `error`.
    pub(crate) outcome: &'static str,
    /// In words.
    pub(crate) message: String,
    /// Cell, exception.
    pub(crate) failure: Option<(u32, Exception)>,
    /// Of a block that was moved.
    pub(crate) report: Option<Report>,
    /// Number, whether it went well, seconds, `In [n]`.
    pub(crate) cells: Vec<(u32, bool, f64, Option<u32>)>,
}

impl End {
    pub(crate) fn error(message: impl std::fmt::Display) -> Self {
        Self { outcome: "error", message: message.to_string(), failure: None, report: None, cells: Vec::new() }
    }

    pub(crate) fn cancelled(message: impl Into<String>) -> Self {
        Self { outcome: "cancelled", message: message.into(), failure: None, report: None, cells: Vec::new() }
    }
}

/// A job as its notifications name it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) job: String,
    pub(crate) notebook: Uri,
    executor: Option<String>,
    /// The cells as they were when it began.
    cells: HashMap<u32, Value>,
    /// What they are expected to take, in their order.
    costs: Vec<(u32, Cost)>,
    outbox: Outbox,
}

/// How often bytes are told: a person sees no more, and a fast link would drown the editor.
const BEAT: Duration = Duration::from_millis(50);

/// The step under way, and when its bytes were told last.
#[derive(Debug)]
pub(crate) struct Pace {
    phase: Phase,
    told: Option<Instant>,
}

impl Pace {
    pub(crate) const fn new(phase: Phase) -> Self {
        Self { phase, told: None }
    }

    /// Whether bytes are to be told now; the last ones always are.
    fn is_due(&mut self, last: bool) -> bool {
        let due = last || self.told.is_none_or(|told| told.elapsed() >= BEAT);
        if due {
            self.told = Some(Instant::now());
        }
        due
    }
}

impl Told {
    /// A job on these cells of a document.
    pub(crate) fn new(job: &str, snapshot: &Snapshot, cells: &[u32], executor: Option<String>, outbox: &Outbox) -> Self {
        let costs = snapshot.analysis.cells.iter().filter(|report| cells.contains(&report.cell));
        let costs = costs.map(|report| (report.cell, report.cost.clone())).collect();
        let cells = cells.iter().map(|cell| (*cell, status::reference(snapshot, *cell))).collect();
        Self { job: job.to_owned(), notebook: snapshot.source.uri.clone(), executor, cells, costs, outbox: outbox.clone() }
    }

    fn cell(&self, number: u32) -> Value {
        self.cells.get(&number).cloned().unwrap_or(Value::Null)
    }

    fn notice(&self, notice: Notice, fields: Value) {
        let mut value = json!({ "job": self.job, "notebook": &*self.notebook });
        if let (Value::Object(value), Value::Object(fields)) = (&mut value, fields) {
            value.extend(fields);
        }
        self.outbox.notice(notice, value);
    }

    /// Tells a step.
    pub(crate) fn progress(&self, phase: Phase, bytes: Option<(u64, Option<u64>)>, cell: &Value, message: &str) {
        let fields = json!({
            "phase": phase.as_str(),
            "executor": self.executor,
            "bytes": bytes.map(|(done, total)| json!({ "done": done, "total": total })),
            "cell": cell,
            "message": message,
        });
        self.notice(Notice::Progress, fields);
    }

    /// Tells an event in the words of the extension.
    pub(crate) fn event(&self, event: &Event, pace: &mut Pace) {
        match event {
            Event::Phase(now) => {
                *pace = Pace::new(*now);
                self.progress(*now, None, &Value::Null, &self.doing(*now));
            }
            Event::Progress { phase, done, total } => {
                if !pace.is_due(*total == Some(*done)) {
                    return;
                }
                let of = total.map(|total| format!(" of {}", bytes(total))).unwrap_or_default();
                let verb = if *phase == Phase::Return { "receiving" } else { "sending" };
                self.progress(*phase, Some((*done, *total)), &Value::Null, &format!("{verb} {}{of}", bytes(*done)));
            }
            Event::Note { text } => self.progress(pace.phase, None, &Value::Null, text),
            // Whoever decided here has told it.
            Event::Moves { .. } => {}
            Event::Fault { cell, name, supplied } => {
                let what = if *supplied { "was fetched from the kernel" } else { "is not in the kernel either" };
                self.progress(pace.phase, None, &self.cell(cell.number), &format!("`{name}` was asked for and {what}"));
            }
            Event::CellStarted { cell } => {
                let left = words::left(self.costs.iter().filter(|(number, _)| *number >= cell.number).map(|(_, cost)| cost));
                if let Some(left) = left {
                    let named = self.cell(cell.number);
                    self.progress(pace.phase, None, &named, &format!("{}: cell {}, {left}", self.doing(Phase::Run), cell.number));
                }
                self.notice(Notice::CellState, json!({ "cell": self.cell(cell.number), "state": "started" }));
            }
            Event::CellDone { cell, ok, seconds, execution_count } => {
                let fields = json!({
                    "cell": self.cell(cell.number),
                    "state": "done",
                    "ok": ok,
                    "seconds": seconds,
                    "executionCount": execution_count,
                });
                self.notice(Notice::CellState, fields);
            }
            Event::ClearOutput { cell, wait } => self.output(cell, "clear", &Value::Null, None, *wait),
            Event::UpdateDisplayData { cell, transient, .. } => {
                self.output(cell, "update", &output(event), transient.get("display_id"), false);
            }
            Event::DisplayData { cell, transient, .. } => self.output(cell, "append", &output(event), transient.get("display_id"), false),
            Event::Stream { cell, .. } | Event::ExecuteResult { cell, .. } | Event::Error { cell, .. } => {
                self.output(cell, "append", &output(event), None, false);
            }
        }
    }

    fn output(&self, cell: &CellRef, action: &str, output: &Value, display: Option<&Value>, wait: bool) {
        let fields = json!({ "cell": self.cell(cell.number), "action": action, "displayId": display, "output": output, "wait": wait });
        self.notice(Notice::Output, fields);
    }

    fn doing(&self, phase: Phase) -> String {
        let place = self.executor.as_deref().unwrap_or("here");
        match phase {
            Phase::Probe => "asking the kernel what the block needs".to_owned(),
            Phase::Connect => format!("starting a worker on {place}"),
            Phase::Capture => "packing what the block needs".to_owned(),
            Phase::Transfer => format!("sending it to {place}"),
            Phase::Run => format!("running on {place}"),
            Phase::Return => "fetching the results".to_owned(),
            Phase::Restore => "putting the results into the kernel".to_owned(),
        }
    }

    /// Tells the end.
    pub(crate) fn finished(&self, kind: &str, end: &End, began: Instant) {
        let cells = end
            .cells
            .iter()
            .map(|(cell, ok, seconds, count)| json!({ "cell": self.cell(*cell), "ok": ok, "seconds": seconds, "executionCount": count }));
        let failure = end.failure.as_ref().map(
            |(cell, error)| json!({ "cell": self.cell(*cell), "ename": error.ename, "evalue": error.evalue, "traceback": error.traceback }),
        );
        let fields = json!({
            "kind": kind,
            "executor": self.executor,
            "outcome": end.outcome,
            "message": end.message,
            "seconds": began.elapsed().as_secs_f64(),
            "cells": cells.collect::<Vec<_>>(),
            "failure": failure,
            "report": end.report.as_ref().map(report),
        });
        self.notice(Notice::Finished, fields);
    }
}

fn output(event: &Event) -> Value {
    Output::of(event).map_or(Value::Null, |output| output.json())
}

fn report(report: &Report) -> Value {
    let time = &report.seconds;
    json!({
        "namespaceBytes": report.namespace_bytes,
        "shippedBytes": report.shipped_bytes,
        "shippedWireBytes": report.shipped_wire_bytes,
        "returnedBytes": report.returned_bytes,
        "inputs": report.inputs,
        "returns": report.returns,
        "there": report.there,
        "stayed": report.stayed,
        "seconds": {
            "probe": time.probe,
            "connect": time.connect,
            "capture": time.capture,
            "transfer": time.transfer,
            "run": time.run,
            "collect": time.collect,
            "return": time.r#return,
            "restore": time.restore,
        },
        "faults": report.faults,
        "evidence": report.evidence,
        "left": report.left,
        "deleted": report.deleted,
        "failedImports": report.failed_imports.iter().map(|(line, error)| json!({ "line": line, "error": error })).collect::<Vec<_>>(),
    })
}
