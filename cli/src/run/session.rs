//! One headless run: all code cells in order in a kernel of its own, some blocks of them elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nbhoist_analyzer::notebook::{Cell, Notebook};
use nbhoist_analyzer::report::Plan;
use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::{CellRef, Event, OnEvent};
use nbhoist_executor::executors::Executor;
use nbhoist_executor::kernel::{Exception, ExecuteOutcome, Kernel, Origin as _};
use nbhoist_executor::migrate::stay::{self, Came};
use nbhoist_executor::migrate::{Again, BlockCell, DataFile, MigrateError, Migration, Report, Stay, migrate, prepare};

use super::live::{Auto, Live};
use super::signals::Signals;
use crate::error::Failure;

/// How long an interrupted cell may take to end before its kernel is ended.
const GRACE: Duration = Duration::from_secs(10);
/// How often a cell's deadline is looked at.
const TICK: Duration = Duration::from_millis(100);

/// What a cell makes in less time than this is small, or is made again as fast, seconds.
const WORTH_WEIGHING: f64 = 0.05;

/// What to run and how.
pub(crate) struct Job<'a> {
    pub(crate) notebook: &'a Notebook,
    /// Name of the notebook in messages.
    pub(crate) name: String,
    /// The working directory.
    pub(crate) folder: PathBuf,
    pub(crate) python: PathBuf,
    /// Blocks that run elsewhere; each is a run of consecutive code cells, in order.
    pub(crate) moves: Vec<Move>,
    /// Decides about the cells that are in no block.
    pub(crate) auto: Option<Auto<'a>>,
    /// The longest a cell may take.
    pub(crate) timeout: Option<Duration>,
    /// Names that are weighed when a cell has bound or changed them.
    pub(crate) weighed: BTreeMap<u32, Vec<String>>,
}

/// A block that runs elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) plan: Plan,
    pub(crate) executor: Executor,
    /// Why it moves, in one sentence; empty where it was only asked for.
    pub(crate) because: String,
    /// Whether everything that the block binds comes back: any cell may follow where a person is at the keyboard.
    pub(crate) everything: bool,
    /// Whether the result goes into the kernel even where it has moved on meanwhile.
    pub(crate) force: bool,
    /// What need not come home.
    pub(crate) stay: Option<Stay>,
    /// What is made again there in place of being sent.
    pub(crate) again: Option<Again>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ended {
    /// All cells ran.
    Done,
    /// A cell raised an exception.
    Failed { cell: u32, exception: Exception },
    /// A cell took longer than it may.
    TimedOut { cell: u32 },
    /// Ctrl-C.
    Interrupted { cell: Option<u32> },
}

/// A cell that ran.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CellRun {
    pub(crate) number: u32,
    /// Name of the executor; `here` for the kernel.
    pub(crate) executor: String,
    pub(crate) ok: bool,
    /// Seconds.
    pub(crate) seconds: f64,
}

/// A block that was moved.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) executor: String,
    pub(crate) cells: Vec<u32>,
    pub(crate) report: Report,
    /// Why, in one sentence; empty where it was only asked for.
    pub(crate) because: String,
    /// From the first question to the kernel until its state was back, seconds.
    pub(crate) seconds: f64,
}

/// What came out of a run.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) cells: Vec<CellRun>,
    pub(crate) moved: Vec<Moved>,
    pub(crate) ended: Ended,
    /// Time to start the kernel, seconds.
    pub(crate) start: f64,
    /// What names weighed last, bytes.
    pub(crate) sizes: BTreeMap<String, u64>,
    /// Names of those values that are blocks of memory.
    pub(crate) blocks: BTreeSet<String>,
    /// What came home because a cell named it.
    pub(crate) came: Vec<Came>,
}

impl Outcome {
    pub(crate) const fn nothing() -> Self {
        Self {
            cells: Vec::new(),
            moved: Vec::new(),
            ended: Ended::Done,
            start: 0.0,
            sizes: BTreeMap::new(),
            blocks: BTreeSet::new(),
            came: Vec::new(),
        }
    }
}

/// Runs the job. The kernel is gone when this returns, however it returns.
pub(crate) async fn run(job: &Job<'_>, signals: &Signals, on_event: OnEvent<'_>) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let folder = std::path::absolute(&job.folder).unwrap_or_else(|_| job.folder.clone());
    let starting = Kernel::start(&job.python, &folder, &[]);
    let mut outcome = Outcome::nothing();
    let mut kernel = tokio::select! {
        kernel = starting => kernel.map_err(|error| Failure::from_text(&error.to_string()).at(&job.name))?,
        () = signals.first.cancelled() => {
            outcome.ended = Ended::Interrupted { cell: None };
            return Ok(outcome);
        }
    };
    outcome.start = started.elapsed().as_secs_f64();
    let result = tokio::select! {
        result = run_cells(job, &mut kernel, signals, on_event, &mut outcome) => Some(result),
        // The cell does not listen: the kernel is ended under it.
        () = signals.second.cancelled() => None,
    };
    match result {
        Some(result) => {
            clear(job, &mut kernel, &outcome).await;
            kernel.shutdown().await;
            result?;
        }
        None => outcome.ended = Ended::Interrupted { cell: None },
    }
    Ok(outcome)
}

/// Removes what the run has left elsewhere: nobody can ask for it when its kernel has ended.
async fn clear(job: &Job<'_>, kernel: &mut Kernel, outcome: &Outcome) {
    let places: BTreeSet<&str> =
        outcome.moved.iter().filter(|moved| !moved.report.stayed.is_empty()).map(|moved| &*moved.executor).collect();
    let (Some(auto), false) = (job.auto, places.is_empty() || !kernel.is_alive()) else { return };
    let folder = stay::stays(kernel).await.folder;
    for place in places {
        if let Ok(executor) = crate::executors::named(place, auto.settings) {
            stay::clear(kernel, &executor, &folder).await;
        }
    }
}

async fn run_cells(
    job: &Job<'_>,
    kernel: &mut Kernel,
    signals: &Signals,
    on_event: OnEvent<'_>,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let cells: Vec<&Cell> = job.notebook.code_cells().filter(|cell| runs(cell)).collect();
    let mut live = job.auto.map(Live::new);
    let mut index = 0;
    while let Some(cell) = cells.get(index) {
        let fixed = job.moves.iter().find(|block| block.plan.cells.contains(&cell.number)).cloned();
        let block = match live.as_mut().filter(|_| fixed.is_none()) {
            Some(live) => live.next(&cells, index, outcome, &kernel.ahead().ready().into_iter().collect())?.inspect(|block| {
                let (cells, executor) = (block.plan.cells.clone(), block.executor.name.clone());
                on_event(Event::Moves { cells, executor, because: block.because.clone() });
            }),
            None => fixed,
        };
        let ended = if let Some(block) = &block {
            let members: Vec<&Cell> = cells[index..].iter().copied().take_while(|cell| block.plan.cells.contains(&cell.number)).collect();
            index += members.len();
            move_block(job, block, &members, kernel, signals, on_event, outcome).await?
        } else {
            index += 1;
            let ended = run_here(job, cell, kernel, signals, on_event, outcome).await?;
            // The worker of the next block starts while the cells before it run; what they import, it imports.
            if index == 1 || cell.source.contains("import") {
                let later = |block: &&Move| block.plan.cells.iter().any(|number| *number > cell.number);
                let fixed = job.moves.iter().find(later).map(|block| block.executor.clone());
                if let Some(executor) = fixed.or_else(|| live.as_ref()?.likely(&cells[index..])) {
                    prepare(kernel, &executor).await;
                }
            }
            ended
        };
        if ended != Ended::Done {
            outcome.ended = ended;
            break;
        }
    }
    Ok(())
}

/// Blank cells and those tagged `skip-execution` are passed over, as Jupyter's own runner does.
pub(crate) fn runs(cell: &Cell) -> bool {
    !cell.source.trim().is_empty() && !cell.tags.iter().any(|tag| tag == "skip-execution")
}

fn reference(cell: &Cell) -> CellRef {
    CellRef { number: cell.number, id: cell.id.clone() }
}

async fn run_here(
    job: &Job<'_>,
    cell: &Cell,
    kernel: &mut Kernel,
    signals: &Signals,
    on_event: OnEvent<'_>,
    outcome: &mut Outcome,
) -> Result<Ended, Failure> {
    let number = cell.number;
    let interrupter = kernel.interrupter();
    let reference = reference(cell);
    let failed =
        |error: nbhoist_executor::kernel::KernelError| Failure::from_text(&error.to_string()).at(format!("{}:cell {number}", job.name));
    let started = Instant::now();
    let mut timed_out = false;
    let done: ExecuteOutcome = {
        let execution = kernel.execute(&reference, &cell.source, true, on_event);
        tokio::pin!(execution);
        let deadline = async {
            match job.timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = &mut execution => done.map_err(failed)?,
            () = signals.first.cancelled() => {
                interrupter.interrupt();
                execution.await.map_err(failed)?
            }
            () = deadline => {
                timed_out = true;
                interrupter.interrupt();
                match tokio::time::timeout(GRACE, execution).await {
                    Ok(done) => done.map_err(failed)?,
                    Err(_) => return Ok(Ended::TimedOut { cell: number }),
                }
            }
        }
    };
    let seconds = if done.seconds > 0.0 { done.seconds } else { started.elapsed().as_secs_f64() };
    let fetched = came_home(kernel, on_event, outcome).await;
    let seconds = (seconds - fetched).max(0.0);
    outcome.cells.push(CellRun { number, executor: "here".to_owned(), ok: done.ok, seconds });
    if signals.first.is_cancelled() {
        return Ok(Ended::Interrupted { cell: Some(number) });
    }
    if timed_out {
        return Ok(Ended::TimedOut { cell: number });
    }
    if done.ok
        && let Some(names) = job.weighed.get(&number)
    {
        // What they were bound to before says nothing of what they are now.
        names.iter().for_each(|name| _ = outcome.blocks.remove(name));
        if seconds >= WORTH_WEIGHING {
            let weighed = kernel.sizes(names).await;
            outcome.blocks.extend(weighed.blocks);
            outcome.sizes.extend(weighed.sizes);
        }
    }
    Ok(after(cell, done.ok, done.error))
}

/// Notes what a cell has brought home; gives the seconds that took.
async fn came_home(kernel: &mut Kernel, on_event: OnEvent<'_>, outcome: &mut Outcome) -> f64 {
    if outcome.moved.iter().all(|moved| moved.report.stayed.is_empty()) {
        return 0.0;
    }
    let came = stay::stays(kernel).await.came;
    for one in &came {
        let (size, time) = (crate::terminal::bytes(one.bytes), crate::terminal::seconds(one.seconds));
        on_event(Event::Note { text: format!("`{}` came home from `{}`: {size} in {time}", one.name, one.place) });
    }
    let seconds = came.iter().map(|one| one.seconds).sum();
    outcome.came.extend(came);
    seconds
}

/// Whether the run goes on behind a cell; one tagged `raises-exception` may raise one.
fn after(cell: &Cell, ok: bool, error: Option<Exception>) -> Ended {
    if ok || cell.tags.iter().any(|tag| tag == "raises-exception") {
        return Ended::Done;
    }
    let unknown = || Exception { ename: "Error".to_owned(), evalue: "the cell did not end well".to_owned(), traceback: Vec::new() };
    Ended::Failed { cell: cell.number, exception: error.unwrap_or_else(unknown) }
}

/// Moves a block of cells out of the kernel.
pub(crate) async fn move_block(
    job: &Job<'_>,
    block: &Move,
    cells: &[&Cell],
    kernel: &mut Kernel,
    signals: &Signals,
    on_event: OnEvent<'_>,
    outcome: &mut Outcome,
) -> Result<Ended, Failure> {
    let numbers: Vec<u32> = cells.iter().map(|cell| cell.number).collect();
    let request = Migration {
        everything: block.everything,
        force: block.force,
        notebook: std::path::absolute(&job.name).ok(),
        stay: block.stay.clone(),
        again: block.again.clone(),
        ..migration(&block.plan, cells)
    };
    let started = Instant::now();
    let cancel = Cancel::new();
    let running: Arc<Mutex<Option<(u32, Instant)>>> = Arc::default();
    let watched = Arc::clone(&running);
    let mut observe = |event: Event| {
        if let Ok(mut watched) = watched.lock() {
            match &event {
                Event::CellStarted { cell } => *watched = Some((cell.number, Instant::now())),
                Event::CellDone { .. } => *watched = None,
                _ => {}
            }
        }
        on_event(event);
    };
    let mut timed_out = None;
    let result = {
        let migration = migrate(kernel, &block.executor, &request, &mut observe, &cancel);
        tokio::pin!(migration);
        tokio::select! {
            result = &mut migration => result,
            () = signals.first.cancelled() => {
                cancel.cancel();
                migration.await
            }
            cell = overdue(&running, job.timeout) => {
                timed_out = Some(cell);
                cancel.cancel();
                migration.await
            }
        }
    };
    if let Some(cell) = timed_out {
        return Ok(Ended::TimedOut { cell });
    }
    let report = match result {
        Ok(report) => report,
        Err(MigrateError::Cancelled { .. }) => return Ok(Ended::Interrupted { cell: numbers.first().copied() }),
        Err(error) => {
            let place = format!("{}:{}", job.name, crate::cells::named(&numbers));
            return Err(Failure::from_text(&error.to_string()).at(place));
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    let ended = record(&report, cells, &block.executor.name, outcome);
    let because = block.because.clone();
    outcome.moved.push(Moved { executor: block.executor.name.clone(), cells: numbers, report, because, seconds });
    Ok(if signals.first.is_cancelled() { Ended::Interrupted { cell: None } } else { ended })
}

/// What a plan says of its cells, as it is asked of an executor.
pub(crate) fn migration(plan: &Plan, cells: &[&Cell]) -> Migration {
    Migration {
        cells: cells.iter().map(|cell| BlockCell { cell: reference(cell), source: cell.source.clone() }).collect(),
        inputs: plan.inputs.iter().map(|input| input.name.clone()).collect(),
        returns: plan.returns.iter().map(|entry| entry.name.clone()).collect(),
        imports: plan.imports.clone(),
        files: files(plan),
        ..Migration::default()
    }
}

/// The files that the analysis could name.
pub(crate) fn files(plan: &Plan) -> Vec<DataFile> {
    let known = plan.files.iter().filter(|file| file.resolved);
    known.map(|file| DataFile { path: file.path.clone(), read: file.read, written: file.written }).collect()
}

/// Notes how the cells of a block went.
fn record(report: &Report, cells: &[&Cell], executor: &str, outcome: &mut Outcome) -> Ended {
    let mut ended = Ended::Done;
    for done in &report.cells {
        let (number, ok, seconds) = (done.number, done.ok, done.seconds);
        outcome.cells.push(CellRun { number, executor: executor.to_owned(), ok, seconds });
        if let Some(cell) = cells.iter().find(|cell| cell.number == number)
            && ended == Ended::Done
        {
            ended = after(cell, ok, done.error.clone());
        }
    }
    ended
}

/// Waits until the running cell is over its time, and says which it is.
async fn overdue(running: &Mutex<Option<(u32, Instant)>>, limit: Option<Duration>) -> u32 {
    let Some(limit) = limit else { return std::future::pending().await };
    loop {
        tokio::time::sleep(TICK).await;
        let current = running.lock().ok().and_then(|running| *running);
        if let Some((cell, since)) = current
            && since.elapsed() >= limit
        {
            return cell;
        }
    }
}

/// The block's code cells cut into runs of consecutive ones: what stands between must run in between.
pub(crate) fn segments(notebook: &Notebook, block: &[u32]) -> Vec<Vec<u32>> {
    let mut segments: Vec<Vec<u32>> = Vec::new();
    let mut open = false;
    for cell in notebook.code_cells().filter(|cell| runs(cell)) {
        let member = block.contains(&cell.number);
        match (member, open, segments.last_mut()) {
            (true, true, Some(segment)) => segment.push(cell.number),
            (true, ..) => segments.push(vec![cell.number]),
            _ => {}
        }
        open = member;
    }
    segments
}

/// The interpreter to run the notebook with.
pub(crate) async fn find_python(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let python = nbhoist_executor::python::find(given).await;
    python.map(|python| python.path).map_err(|error| Failure::from_text(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_where_other_cells_stand_between() {
        let script = "# %%\na\n# %% [markdown]\n# b\n# %%\nc\n# %%\n\n# %%\nd\n# %%\ne\n";
        let notebook = nbhoist_analyzer::percent::read(script);
        assert_eq!(segments(&notebook, &[1, 3, 5]), [vec![1, 3, 5]]);
        assert_eq!(segments(&notebook, &[1, 5, 6]), [vec![1], vec![5, 6]]);
        assert_eq!(segments(&notebook, &[2]), Vec::<Vec<u32>>::new());
    }
}
