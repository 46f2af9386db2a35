//! Jobs that use a kernel: moving a block, running a cell. They answer at once and tell the rest by notifications.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nbhoist_analyzer::report::Plan;
use nbhoist_analyzer::words::{bytes, named, seconds};
use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::{CellRef, Event, Phase};
use nbhoist_executor::executors::Executor;
use nbhoist_executor::kernel::Exception;
use nbhoist_executor::migrate::{BlockCell, MigrateError, Migration, Report, migrate};
use nbhoist_executor::outputs::Output;
use serde_json::{Value, json};

use crate::cost::Moved;
use crate::document::Uri;
use crate::error::Fault;
use crate::jobs::Job;
use crate::outbox::{Notice, Outbox};
use crate::session::Session;
use crate::snapshot::Snapshot;
use crate::status;

/// Why an exception ended a cell that was told to stop.
const STOPPED: &str = "KeyboardInterrupt";

/// A block to move.
#[derive(Debug)]
pub(crate) struct Block {
    /// The document and what the analysis says of it.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Cells, in the order in which they run.
    pub(crate) cells: Vec<u32>,
    /// What moving them takes.
    pub(crate) plan: Plan,
    /// Where to.
    pub(crate) executor: Executor,
    /// Whether the result goes into the kernel even where it has moved on.
    pub(crate) force: bool,
}

/// A cell to run here.
#[derive(Debug)]
pub(crate) struct Here {
    /// The document.
    pub(crate) snapshot: Arc<Snapshot>,
    /// The cell.
    pub(crate) cell: u32,
    /// What runs.
    pub(crate) source: String,
}

/// How a job ended.
struct End {
    outcome: &'static str,
    message: String,
    /// Cell, exception.
    failure: Option<(u32, Exception)>,
    report: Option<Report>,
    /// Number, whether it went well, seconds, `In [n]`.
    cells: Vec<(u32, bool, f64, Option<u32>)>,
}

impl End {
    fn error(message: impl std::fmt::Display) -> Self {
        Self { outcome: "error", message: message.to_string(), failure: None, report: None, cells: Vec::new() }
    }

    fn cancelled(message: impl Into<String>) -> Self {
        Self { outcome: "cancelled", message: message.into(), failure: None, report: None, cells: Vec::new() }
    }
}

/// How often bytes are told: a person sees no more, and a fast link would drown the editor.
const BEAT: Duration = Duration::from_millis(50);

/// The step under way, and when its bytes were told last.
struct Pace {
    phase: Phase,
    told: Option<Instant>,
}

impl Pace {
    const fn new(phase: Phase) -> Self {
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

/// A job as its notifications name it.
#[derive(Clone)]
struct Told {
    job: String,
    notebook: Uri,
    executor: Option<String>,
    /// The cells as they were when it began.
    cells: HashMap<u32, Value>,
    outbox: Outbox,
}

impl Session {
    /// Begins to move a block.
    ///
    /// # Errors
    /// When nothing may be moved.
    pub(crate) fn begin_migration(self: &Arc<Self>, block: Block, job: Job) -> Result<(), Fault> {
        if !self.options().trusted {
            return Err(Fault::Failed("this workspace is not trusted, so nothing is moved; trust it first".to_owned()));
        }
        let told = self.told(job.name(), &block.snapshot, &block.cells, Some(block.executor.name.clone()));
        let session = Arc::clone(self);
        tokio::spawn(async move {
            let began = Instant::now();
            let end = session.move_block(&block, &told, job.cancel()).await;
            drop(job);
            session.note_moved(&block, &told, &end);
            told.finished("migrate", &end, began);
            session.status_changed(&told.notebook);
        });
        Ok(())
    }

    /// Begins to run a cell in the notebook's kernel.
    pub(crate) fn begin_execution(self: &Arc<Self>, here: Here, job: Job) {
        let told = self.told(job.name(), &here.snapshot, &[here.cell], None);
        let session = Arc::clone(self);
        tokio::spawn(async move {
            let began = Instant::now();
            let end = session.run_here(&here, &told, job.cancel()).await;
            drop(job);
            for (cell, ok, seconds, _) in &end.cells {
                session.note_run(&here.snapshot, *cell, *seconds, *ok);
            }
            told.finished("execute", &end, began);
            session.status_changed(&told.notebook);
        });
    }

    /// Notes an ordinary run of a cell.
    pub(crate) fn note_run(&self, snapshot: &Snapshot, cell: u32, seconds: f64, ok: bool) {
        let Some((known, _)) = snapshot.source.cell(cell) else { return };
        let (key, text) = (status::key(snapshot, cell), Arc::from(known.source.as_str()));
        self.measured().ran(&snapshot.source.uri, &key, &text, seconds, ok);
    }

    fn told(&self, job: &str, snapshot: &Snapshot, cells: &[u32], executor: Option<String>) -> Told {
        let cells = cells.iter().map(|cell| (*cell, status::reference(snapshot, *cell))).collect();
        let (job, notebook) = (job.to_owned(), Arc::clone(&snapshot.source.uri));
        Told { job, notebook, executor, cells, outbox: self.outbox.clone() }
    }

    async fn move_block(&self, block: &Block, told: &Told, cancel: &Cancel) -> End {
        if let Some(refusal) = &block.plan.refusal {
            let place = refusal.because.first().map(|because| format!(" (cell {}: {})", because.cell, because.text)).unwrap_or_default();
            return End::error(format!("{} must stay here: {}{place}", named(&block.cells), refusal.text));
        }
        let slot = self.kernels.slot(&told.notebook);
        if slot.kernel.try_lock().is_err() {
            told.progress(Phase::Probe, None, &Value::Null, "waiting until the job before it has ended");
        }
        let waiting = async {
            let mut place = slot.kernel.lock().await;
            self.revive(&slot, &mut place).await;
            if place.is_some() || self.abilities().kernel {
                return Ok(place);
            }
            drop(place);
            self.find_kernel(&told.notebook, None).await?;
            Ok::<_, Fault>(slot.kernel.lock().await)
        };
        let mut place = tokio::select! {
            place = waiting => match place {
                Ok(place) => place,
                Err(fault) => return End::error(fault),
            },
            () = cancel.cancelled() => return End::cancelled("stopped before it began"),
        };
        let Some(kernel) = place.as_mut() else {
            return End::error(
                "this notebook has no kernel to move cells out of; attach to one, or start one, and run the cells before the block",
            );
        };
        let request = migration(block);
        let abort = slot.busy(cancel, &self.outbox);
        let mut pace = Pace::new(Phase::Probe);
        let mut observe = |event: Event| told.event(&event, &mut pace);
        let moved = tokio::select! {
            moved = migrate(kernel, &block.executor, &request, &mut observe, cancel) => Some(moved),
            () = abort.cancelled() => None,
        };
        let Some(moved) = moved else {
            // Whoever took the kernel away ends it; dropping it here ends what the migration had in it.
            *place = None;
            slot.free(None, None, &self.outbox);
            return End::cancelled("the kernel was ended meanwhile");
        };
        let count = moved.as_ref().ok().and_then(|report| report.cells.last()?.execution_count);
        slot.free(place.as_ref(), count, &self.outbox);
        ended(block, moved)
    }

    async fn run_here(&self, here: &Here, told: &Told, cancel: &Cancel) -> End {
        let slot = self.kernels.slot(&told.notebook);
        let mut place = tokio::select! {
            place = slot.kernel.lock() => place,
            () = cancel.cancelled() => return End::cancelled("stopped before it began"),
        };
        let Some(kernel) = place.as_mut() else {
            return End::error("this notebook has no kernel; start one with `nbhoist/startKernel`");
        };
        let abort = slot.busy(cancel, &self.outbox);
        let interrupter = kernel.interrupter();
        let mut pace = Pace::new(Phase::Run);
        let mut observe = |event: Event| told.event(&event, &mut pace);
        let reference = CellRef { number: here.cell, id: None };
        let interrupt = async {
            cancel.cancelled().await;
            interrupter.interrupt();
            std::future::pending::<()>().await;
        };
        let done = tokio::select! {
            done = kernel.execute(&reference, &here.source, true, &mut observe) => Some(done),
            () = interrupt => None,
            () = abort.cancelled() => None,
        };
        let Some(done) = done else {
            *place = None;
            slot.free(None, None, &self.outbox);
            return End::cancelled("the kernel was ended meanwhile");
        };
        let count = done.as_ref().ok().and_then(|done| done.execution_count);
        slot.free(place.as_ref(), count, &self.outbox);
        let done = match done {
            Ok(done) => done,
            Err(error) => return End::error(error),
        };
        let cells = vec![(here.cell, done.ok, done.seconds, done.execution_count)];
        let stopped = cancel.is_cancelled() && done.error.as_ref().is_some_and(|error| error.ename == STOPPED);
        let outcome = match (done.ok, stopped) {
            (true, _) => "done",
            (false, true) => "cancelled",
            (false, false) => "failed",
        };
        let message = format!("cell {} ran for {}", here.cell, seconds(done.seconds));
        End { outcome, message, failure: done.error.map(|error| (here.cell, error)), report: None, cells }
    }

    /// Remembers what the way there and back has shown.
    fn note_moved(&self, block: &Block, told: &Told, end: &End) {
        let Some(report) = &end.report else { return };
        let mut measured = self.measured();
        for (name, size) in report.inputs.iter().chain(&report.returns) {
            measured.weighed(&told.notebook, name, *size);
        }
        for (cell, ok, seconds, _) in &end.cells {
            let Some((known, _)) = block.snapshot.source.cell(*cell) else { continue };
            let moved = Moved {
                text: Arc::from(known.source.as_str()),
                job: told.job.clone(),
                executor: block.executor.name.clone(),
                ok: *ok,
                seconds: *seconds,
                shipped_bytes: report.shipped_bytes,
                returned_bytes: report.returned_bytes,
            };
            measured.moved(&told.notebook, &status::key(&block.snapshot, *cell), moved);
        }
    }
}

/// What the executor is asked to do. With a person at the keyboard everything that the block binds comes home.
fn migration(block: &Block) -> Migration {
    let cells = block.cells.iter().filter_map(|number| {
        let (cell, _) = block.snapshot.source.cell(*number)?;
        Some(BlockCell { cell: CellRef { number: *number, id: cell.id.clone() }, source: cell.source.clone() })
    });
    Migration {
        cells: cells.collect(),
        inputs: block.plan.inputs.iter().map(|input| input.name.clone()).collect(),
        returns: block.plan.returns.iter().map(|entry| entry.name.clone()).collect(),
        imports: block.plan.imports.clone(),
        everything: true,
        force: block.force,
        spool: None,
        files: files(&block.plan),
        notebook: None,
    }
}

fn ended(block: &Block, moved: Result<Report, MigrateError>) -> End {
    let report = match moved {
        Ok(report) => report,
        Err(error @ MigrateError::Cancelled { .. }) => return End::cancelled(error.to_string()),
        Err(error) => return End::error(error),
    };
    let cells: Vec<_> = report.cells.iter().map(|cell| (cell.number, cell.ok, cell.seconds, cell.execution_count)).collect();
    let failure = report.cells.iter().find(|cell| !cell.ok).map(|cell| {
        let unknown = || Exception { ename: "Error".to_owned(), evalue: "the cell did not end well".to_owned(), traceback: Vec::new() };
        (cell.number, cell.error.clone().unwrap_or_else(unknown))
    });
    let (there, back) = (bytes(report.shipped_bytes), bytes(report.returned_bytes));
    let place = &block.executor.name;
    let message = match &failure {
        None => format!("{} ran on {place} in {}; {there} there, {back} back", named(&block.cells), seconds(report.seconds.run)),
        Some((cell, error)) => {
            let evalue = error.evalue.lines().next().unwrap_or_default();
            format!("cell {cell} raised {}: {evalue}; what was changed until then is in the kernel", error.ename)
        }
    };
    let outcome = if failure.is_none() { "done" } else { "failed" };
    End { outcome, message, failure, report: Some(report), cells }
}

impl Told {
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

    fn progress(&self, phase: Phase, bytes: Option<(u64, Option<u64>)>, cell: &Value, message: &str) {
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
    fn event(&self, event: &Event, pace: &mut Pace) {
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
            Event::Fault { cell, name, supplied } => {
                let what = if *supplied { "was fetched from the kernel" } else { "is not in the kernel either" };
                self.progress(pace.phase, None, &self.cell(cell.number), &format!("`{name}` was asked for and {what}"));
            }
            Event::CellStarted { cell } => {
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

    fn finished(&self, kind: &str, end: &End, began: Instant) {
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

/// The interpreter to probe executors with where they name none.
///
/// # Errors
/// When there is none.
pub(crate) async fn python_here(given: Option<&Path>) -> Result<std::path::PathBuf, Fault> {
    match nbhoist_executor::python::find(given).await {
        Ok(python) => Ok(python.path),
        Err(_) if given.is_none() => nbhoist_executor::python::find_base(None).await.map(|python| python.path).map_err(Fault::failed),
        Err(error) => Err(Fault::failed(error)),
    }
}

/// The files that the analysis could name.
fn files(plan: &nbhoist_analyzer::report::Plan) -> Vec<nbhoist_executor::migrate::DataFile> {
    let known = plan.files.iter().filter(|file| file.resolved);
    let data = |file: &nbhoist_analyzer::report::BlockFile| nbhoist_executor::migrate::DataFile {
        path: file.path.clone(),
        read: file.read,
        written: file.written,
    };
    known.map(data).collect()
}
