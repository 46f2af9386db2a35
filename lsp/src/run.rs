//! Jobs that use a kernel: moving a block, running a cell. They answer at once and tell the rest by notifications.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nbhoist_analyzer::measurements::Signature;
use nbhoist_analyzer::placement::Work;
use nbhoist_analyzer::report::Plan;
use nbhoist_analyzer::words::{bytes, named, seconds};
use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::{CellRef, Event, Phase};
use nbhoist_executor::executors::Executor;
use nbhoist_executor::history::Record;
use nbhoist_executor::kernel::Exception;
use nbhoist_executor::migrate::{BlockCell, MigrateError, Migration, Report, Stay, migrate};
use serde_json::Value;

use crate::cost::Moved;
use crate::document::{Source, Uri};
use crate::error::Fault;
use crate::jobs::Job;
use crate::pool::fence_async;
use crate::session::Session;
use crate::snapshot::Snapshot;
use crate::status;
use crate::ticket::Ticket;
use crate::told::{End, Pace, Told};

/// Why an exception ended a cell that was told to stop.
const STOPPED: &str = "KeyboardInterrupt";

/// Why a job ended that did nothing yet.
const NOT_BEGUN: &str = "stopped before it began";

/// Why a job ended whose kernel was restarted or ended.
const TAKEN_AWAY: &str = "the kernel was ended meanwhile";

/// What a cell makes in less time than this is small, or is made again as fast, seconds.
const WORTH_WEIGHING: f64 = 0.05;

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
    /// Whether it may be taken back.
    pub(crate) undoable: bool,
    /// What need not come home.
    pub(crate) stay: Option<Stay>,
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

impl Session {
    /// Begins to move a block.
    ///
    /// # Errors
    /// When nothing may be moved.
    pub(crate) fn begin_migration(self: &Arc<Self>, block: Block, job: Job, ticket: Ticket) -> Result<(), Fault> {
        self.trusted()?;
        let told = Told::new(job.name(), &block.snapshot, &block.cells, Some(block.executor.name.clone()), &self.outbox);
        let session = Arc::clone(self);
        tokio::spawn(async move {
            let began = Instant::now();
            let end = session.ended(&told, Box::pin(session.move_block(&block, &told, job.cancel(), ticket))).await;
            drop(job);
            session.note_moved(&block, &told, &end, began.elapsed().as_secs_f64());
            told.finished("migrate", &end, began);
        });
        Ok(())
    }

    /// Begins to run a cell in the notebook's kernel.
    pub(crate) fn begin_execution(self: &Arc<Self>, here: Here, job: Job, ticket: Ticket) {
        let told = Told::new(job.name(), &here.snapshot, &[here.cell], None, &self.outbox);
        let session = Arc::clone(self);
        tokio::spawn(async move {
            let began = Instant::now();
            let end = session.ended(&told, Box::pin(session.run_here(&here, &told, job.cancel(), ticket))).await;
            drop(job);
            for (cell, ok, seconds, _) in &end.cells {
                session.note_run(&here.snapshot.source, *cell, &here.source, *seconds, *ok);
            }
            told.finished("execute", &end, began);
        });
    }

    /// Notes an ordinary run of a cell with this text. The history is written behind the caller's back.
    pub(crate) fn note_run(self: &Arc<Self>, source: &Source, cell: u32, text: &str, seconds: f64, ok: bool) {
        let record = self.record_of(source, cell, text, seconds, ok);
        self.measured().ran(&source.uri, &record);
        if let Some(snapshot) = self.last_snapshot(&source.uri).filter(|_| ok) {
            self.lives.ran(&snapshot, cell, None, (seconds, seconds), BTreeMap::new(), Vec::new());
        }
        self.remember(&source.uri, vec![record], BTreeMap::new());
        if ok && seconds >= WORTH_WEIGHING {
            self.weigh_what_changed(&source.uri, cell);
        }
    }

    /// Asks the kernel, when it is ours and has nothing else to do, what the names weigh that a cell binds or changes.
    fn weigh_what_changed(self: &Arc<Self>, uri: &Uri, cell: u32) {
        let Some(snapshot) = self.last_snapshot(uri) else { return };
        let Some(report) = snapshot.analysis.cells.get(cell.saturating_sub(1) as usize) else { return };
        let names: Vec<String> = report.defines.iter().chain(&report.mutates).map(|fact| fact.name.clone()).collect();
        let (session, uri) = (Arc::clone(self), Arc::clone(uri));
        tokio::spawn(async move {
            let slot = session.kernels.slot(&uri);
            let sizes = match slot.kernel.try_lock() {
                Ok(mut place) => match place.as_mut().filter(|kernel| kernel.is_alive()) {
                    Some(kernel) => kernel.sizes(&names).await.sizes,
                    None => return,
                },
                Err(_) => return,
            };
            sizes.iter().for_each(|(name, bytes)| session.measured().weighed(&uri, name, *bytes));
            if !sizes.is_empty() {
                session.remember(&uri, Vec::new(), sizes);
            }
        });
    }

    fn record_of(&self, source: &Source, cell: u32, text: &str, seconds: f64, ok: bool) -> Record {
        let snapshot = self.last_snapshot(&source.uri);
        // What an older text led one to expect says nothing about this one.
        let same = snapshot.as_deref().filter(|known| known.source.cell(cell).is_some_and(|(cell, _)| cell.source == text));
        let index = cell.saturating_sub(1) as usize;
        let known = self.measured().of(&source.uri);
        let report = same.and_then(|known| known.analysis.cells.get(index));
        Record {
            cell: status::key(source, cell),
            signature: Signature::of(text),
            seconds,
            ok,
            executor: None,
            cold: same.and_then(|known| known.analysis.cold.get(index).copied().flatten()),
            input_bytes: report.zip(known).and_then(|(report, known)| known.input_bytes(report)),
        }
    }

    fn remember(self: &Arc<Self>, uri: &Uri, records: Vec<Record>, sizes: BTreeMap<String, u64>) {
        let (session, notebook) = (Arc::clone(self), Arc::clone(uri));
        self.pool.submit(move || {
            if session.last_snapshot(&notebook).is_none_or(|known| known.settings.history) {
                session.remembered.record(&notebook, &records, &sizes);
            }
        });
        self.measured_more(uri);
        self.status_changed(uri);
    }

    /// The end of a job. One that panics ends, too: its client waits for that, and others wait for its kernel.
    async fn ended(&self, told: &Told, work: impl Future<Output = End>) -> End {
        match fence_async(work).await {
            Ok(end) => end,
            Err(panicked) => {
                let slot = self.kernels.slot(&told.notebook);
                if let Ok(place) = slot.kernel.try_lock() {
                    slot.free(place.as_ref(), None, &self.outbox);
                }
                End::error(panicked)
            }
        }
    }

    async fn move_block(&self, block: &Block, told: &Told, cancel: &Cancel, ticket: Ticket) -> End {
        if let Some(refusal) = &block.plan.refusal {
            let place = refusal.because.first().map(|because| format!(" (cell {}: {})", because.cell, because.text)).unwrap_or_default();
            return End::error(format!("{} must stay here: {}{place}", named(&block.cells), refusal.text));
        }
        let slot = self.kernels.slot(&told.notebook);
        let abort = ticket.abort.clone();
        if ticket.waits() {
            told.progress(Phase::Probe, None, &Value::Null, "waiting until the job before it has ended");
        }
        let waiting = async {
            let mut place = ticket.called().await;
            self.revive(&slot, &mut place).await;
            if place.is_some() || self.abilities().kernel {
                return Ok(place);
            }
            drop(place);
            self.find_kernel(&told.notebook, None).await?;
            Ok::<_, Fault>(slot.queue().called().await)
        };
        let mut place = tokio::select! {
            // A kernel that is free at once must not win against a job that is over.
            biased;
            () = cancel.cancelled() => return End::cancelled(NOT_BEGUN),
            () = abort.cancelled() => return End::cancelled(TAKEN_AWAY),
            place = waiting => match place {
                Ok(place) => place,
                Err(fault) => return End::error(fault),
            },
        };
        let Some(kernel) = place.as_mut() else {
            return End::error(
                "this notebook has no kernel to move cells out of; attach to one, or start one, and run the cells before the block",
            );
        };
        let request = migration(block);
        slot.busy(cancel, &self.outbox);
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
            return End::cancelled(TAKEN_AWAY);
        };
        let count = moved.as_ref().ok().and_then(|report| report.cells.last()?.execution_count);
        slot.free(place.as_ref(), count, &self.outbox);
        ended(block, moved)
    }

    async fn run_here(&self, here: &Here, told: &Told, cancel: &Cancel, ticket: Ticket) -> End {
        let slot = self.kernels.slot(&told.notebook);
        let abort = ticket.abort.clone();
        let mut place = tokio::select! {
            biased;
            () = cancel.cancelled() => return End::cancelled(NOT_BEGUN),
            () = abort.cancelled() => return End::cancelled(TAKEN_AWAY),
            place = ticket.called() => place,
        };
        let Some(kernel) = place.as_mut() else {
            return End::error("this notebook has no kernel; start one with `nbhoist/startKernel`");
        };
        slot.busy(cancel, &self.outbox);
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
            return End::cancelled(TAKEN_AWAY);
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
    fn note_moved(self: &Arc<Self>, block: &Block, told: &Told, end: &End, spent: f64) {
        let Some(report) = &end.report else { return self.status_changed(&told.notebook) };
        let speed = self.remembered.speed(&block.executor.name).unwrap_or(1.0);
        let mut records = Vec::new();
        for (cell, ok, seconds, _) in &end.cells {
            let Some((known, _)) = block.snapshot.source.cell(*cell) else { continue };
            let record = self.record_of(&block.snapshot.source, *cell, &known.source, *seconds, *ok);
            records.push(Record { executor: Some(block.executor.name.clone()), ..record });
        }
        let mut measured = self.measured();
        records.iter().for_each(|record| measured.learn(&told.notebook, record, speed));
        let all: BTreeMap<String, u64> = report.sizes().collect();
        for (name, size) in &all {
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
            measured.moved(&told.notebook, &status::key(&block.snapshot.source, *cell), moved);
        }
        drop(measured);
        self.lives.came_home(&told.notebook, &report.returns.keys().cloned().collect::<Vec<_>>());
        let stayed: Vec<String> = report.stayed.keys().cloned().collect();
        let places = block.snapshot.settings.placement(&block.executor.name, &self.remembered.places()).places;
        let factor = places.first().map_or(1.0, |place| place.speed(Work::Cpu));
        // What moving the block added counts for its first cell.
        let mut added = (spent - report.seconds.run).max(0.0);
        for (cell, ok, seconds, _) in &end.cells {
            if *ok {
                let place = Some((block.executor.name.as_str(), factor));
                self.lives.ran(
                    &block.snapshot,
                    *cell,
                    place,
                    (*seconds, seconds + std::mem::take(&mut added)),
                    all.clone(),
                    stayed.clone(),
                );
            }
        }
        self.remember(&told.notebook, records, all);
    }
}

/// What the executor is asked to do. With a person at the keyboard everything that the block binds comes home, or stays with a handle here.
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
        undoable: block.undoable,
        spool: None,
        files: files(&block.plan),
        notebook: None,
        stay: block.stay.clone(),
        again: None,
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
        None => {
            let stayed: Vec<_> = report.stayed.iter().map(|(name, size)| format!("; `{name}` ({}) stays there", bytes(*size))).collect();
            let stayed = stayed.concat();
            format!("{} ran on {place} in {}; {there} there, {back} back{stayed}", named(&block.cells), seconds(report.seconds.run))
        }
        Some((cell, error)) => {
            let evalue = error.evalue.lines().next().unwrap_or_default();
            format!("cell {cell} raised {}: {evalue}; what was changed until then is in the kernel", error.ename)
        }
    };
    let outcome = if failure.is_none() { "done" } else { "failed" };
    End { outcome, message, failure, report: Some(report), cells }
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
