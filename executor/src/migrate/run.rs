//! Running the cells at the worker: events on their way, names supplied late, interrupts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::Instant as Deadline;

use super::again::Made;
use super::error::MigrateError;
use super::journey::{Journey, guard};
use super::report::CellOutcome;
use crate::codec::Codec;
use crate::event::{self, CellRef, Event, Phase};
use crate::frames::Frame;
use crate::kernel::{Exception, KernelError};
use crate::transfer::{self, Load, Written};
use crate::worker::{Worker, WorkerError, accept};

/// When an interrupt that had no effect is sent again.
const AGAIN: Duration = Duration::from_secs(5);

/// When a worker of which nothing is heard after an interrupt is given up: it would say at once that it is there, so the link stands still.
const SILENT: Duration = Duration::from_secs(4);

/// When a worker that does not heed interrupts is killed, from the first one on.
const KILL: Duration = Duration::from_secs(20);

impl Journey<'_> {
    /// Sends all cells at once, so that the block goes on when the link is cut; gives the numbers of the requests.
    pub(super) async fn send_cells(&mut self, worker: &mut Worker, count: u32) -> Result<Vec<u64>, MigrateError> {
        let mut ids = Vec::new();
        for (cell, count) in self.request.cells.iter().zip(count..) {
            let id = worker.next_id();
            let name = cell.cell.id.clone().unwrap_or_else(|| cell.cell.number.to_string());
            let run = Frame::new("run").with("id", id).with("cell", name).with("number", cell.cell.number).with("chain", true);
            let run = run.with("source", cell.source.as_str()).with("count", count);
            let sent = guard(self.cancel, &self.death, worker.send(run)).await;
            self.unless_stopped(sent)?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// Hears the cells run until one ends with an exception.
    pub(super) async fn run(&mut self, worker: &mut Worker, count: u32, ids: &[u64]) -> Result<(), MigrateError> {
        self.enter(Phase::Run);
        self.quiet.end_soon(worker.hello.processors);
        let started = Instant::now();
        let request = self.request;
        for ((cell, count), id) in request.cells.iter().zip(count..).zip(ids.iter().copied()) {
            self.running = Some(cell.cell.number);
            let outcome = self.run_cell(worker, &cell.cell, count, id).await?;
            self.running = None;
            let ok = outcome.ok;
            self.report.cells.push(outcome);
            if !ok {
                break;
            }
        }
        self.report.seconds.run = started.elapsed().as_secs_f64();
        Ok(())
    }

    async fn run_cell(&mut self, worker: &mut Worker, cell: &CellRef, count: u32, id: u64) -> Result<CellOutcome, MigrateError> {
        (self.on_event)(Event::CellStarted { cell: cell.clone() });
        let death = self.death.clone();
        let mut interrupts = Interrupts::default();
        let mut exception = None;
        loop {
            let frame = tokio::select! {
                frame = worker.receive_or_note() => match frame.map_err(|error| self.worker_error(error))? {
                    Ok(frame) => accept(frame).map_err(|error| self.worker_error(error))?,
                    Err(text) => {
                        (self.on_event)(Event::Note { text });
                        continue;
                    }
                },
                why = death.seen() => return Err(MigrateError::KernelDied { phase: self.phase, why }),
                () = interrupts.due(self.cancel) => {
                    if interrupts.hopeless() {
                        return Err(MigrateError::Cancelled { phase: self.phase });
                    }
                    // Where nothing passes, nothing can be sent either.
                    if let Ok(sent) = tokio::time::timeout(SILENT, interrupt(worker)).await {
                        sent.map_err(|error| self.worker_error(error))?;
                    }
                    continue;
                }
            };
            interrupts.heard();
            if frame.op() == "done" && frame.header.get("id").and_then(Value::as_u64) == Some(id) {
                if self.cancel.is_cancelled() {
                    return Err(MigrateError::Cancelled { phase: self.phase });
                }
                return Ok(self.done(cell, &frame, count, exception));
            }
            if frame.op() == "fault" {
                self.fault(worker, cell, &frame).await?;
                continue;
            }
            if let Some(event) = event::output(frame.op(), &frame.header, cell) {
                if let Event::Error { ename, evalue, traceback, .. } = &event {
                    exception = Some(Exception { ename: ename.clone(), evalue: evalue.clone(), traceback: traceback.clone() });
                }
                (self.on_event)(event);
            }
        }
    }

    fn done(&mut self, cell: &CellRef, frame: &Frame, count: u32, error: Option<Exception>) -> CellOutcome {
        let ok = frame.header.get("ok").and_then(Value::as_bool).unwrap_or(false);
        let seconds = frame.header.get("seconds").and_then(Value::as_f64).unwrap_or_default();
        (self.on_event)(Event::CellDone { cell: cell.clone(), ok, seconds, execution_count: Some(count) });
        CellOutcome { number: cell.number, ok, seconds, execution_count: Some(count), error }
    }

    /// Answers a read of a name that was not among the inputs. The kernel is idle, so it answers at once.
    async fn fault(&mut self, worker: &mut Worker, cell: &CellRef, frame: &Frame) -> Result<(), MigrateError> {
        let name = frame.header.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let file = self.file(&format!("fault-{}", self.report.faults.len()));
        let argument = json!({ "migration": self.id, "name": name, "file": file, "key": self.key });
        let mut imports = Value::Array(Vec::new());
        let absent = match self.kernel.call("supply", &argument, Some(self.cancel)).await {
            Ok(answer) if self.is_there(worker, cell, &name, &answer).await? => return Ok(()),
            Ok(answer) if answer.get("absent").is_some_and(|absent| is_listed(absent, &name)) => Some(None),
            Ok(answer) => {
                let bytes = answer.get("bytes").and_then(Value::as_u64).unwrap_or_default();
                self.report.shipped_bytes += bytes;
                imports = answer.get("imports").cloned().unwrap_or(imports);
                self.report.inputs.insert(name.clone(), bytes);
                None
            }
            Err(KernelError::Call(error)) => Some(Some(error.text)),
            Err(error) => return Err(self.kernel_error(error)),
        };
        let supplied = absent.is_none();
        (self.on_event)(Event::Fault { cell: cell.clone(), name: name.clone(), supplied });
        if let Some(why) = absent {
            let answer = Frame::new("absent").with("name", name).with("error", why);
            let sent = guard(self.cancel, &self.death, worker.send(answer)).await;
            return self.unless_stopped(sent);
        }
        self.report.faults.push(name);
        let codec = if self.executor.worth_compressing() { Codec::best(&worker.hello.codecs) } else { Codec::Raw };
        // Its answer comes among the frames of the running cell.
        let extra = [("fault", true.into()), ("imports", imports)];
        let (written, made, check) = (Written::whole(), Made::new(), |_: &[u8]| Vec::new());
        let load = Load { path: &file, key: self.key, written: &written, codec, made: &made, cached: false, check: &check, between: None };
        let sending = async {
            let sent = transfer::send_buffers(load, worker, &mut |_| {}).await?;
            let wire = sent.wire;
            transfer::end(sent, worker, &extra).await.map(|_| wire)
        };
        let sent = guard(self.cancel, &self.death, sending).await;
        self.report.shipped_wire_bytes += self.unless_stopped(sent)?;
        let _ = tokio::fs::remove_file(&file).await;
        Ok(())
    }
}

fn is_listed(absent: &Value, name: &str) -> bool {
    match absent {
        Value::Bool(absent) => *absent,
        Value::Array(names) => names.iter().any(|absent| absent.as_str() == Some(name)),
        _ => false,
    }
}

/// Interrupts the running cell, and asks what a worker that is there answers at once, whatever its cell does.
async fn interrupt(worker: &mut Worker) -> Result<(), WorkerError> {
    worker.send(Frame::new("interrupt")).await?;
    worker.ask(Frame::new("known").with("names", Vec::<String>::new())).await.map(|_| ())
}

/// When the next interrupt is due: at once, again after [`AGAIN`], and from [`KILL`] on there is no hope, or from [`SILENT`] on when nothing
/// was heard since.
#[derive(Debug, Default)]
struct Interrupts {
    first: Option<Deadline>,
    sent: u32,
    is_heard: bool,
}

impl Interrupts {
    /// Waits for the cancellation, then for the time of the next interrupt.
    async fn due(&mut self, cancel: &crate::cancel::Cancel) {
        cancel.cancelled().await;
        let first = *self.first.get_or_insert_with(Deadline::now);
        match self.sent {
            0 => {}
            _ if !self.is_heard => tokio::time::sleep_until(first + SILENT).await,
            1 => tokio::time::sleep_until(first + AGAIN).await,
            _ => tokio::time::sleep_until(first + KILL).await,
        }
        self.sent += 1;
    }

    /// Something came.
    fn heard(&mut self) {
        self.is_heard = self.sent > 0;
    }

    fn hopeless(&self) -> bool {
        let patience = if self.is_heard { KILL } else { SILENT };
        self.first.is_some_and(|first| first.elapsed() >= patience)
    }
}
