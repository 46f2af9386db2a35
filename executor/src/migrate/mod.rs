//! Moves a block of cells out of a live kernel: its inputs travel to a worker, the cells run there, what they bound and
//! changed comes back.
//!
//! The kernel changes in one step at the very end. Whatever goes wrong before leaves it as it was.

mod again;
mod error;
mod files;
mod home;
mod journey;
mod load;
mod report;
mod run;
pub mod stay;
mod translate;
mod versions;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

pub use self::again::Again;
pub use self::error::{Clash, Difference, MigrateError, Refused};
pub use self::report::{CellOutcome, Report, Seconds};

use self::again::Made;
use self::journey::{Ended, Journey};
use self::load::KernelSurroundings;
use crate::ahead::Start;
use crate::cancel::Cancel;
use crate::event::{CellRef, Event, OnEvent, Phase};
use crate::executors::Executor;
use crate::jobs::Job;
use crate::kernel::{KernelError, Origin};
use crate::spool::Spool;

/// How long a kernel may take to forget a migration; one that runs another cell meanwhile forgets it later.
const RELEASE: Duration = Duration::from_secs(5);

/// How long a kernel may take to say what a worker for its next block should resemble.
const MOMENT: Duration = Duration::from_secs(2);

/// A cell of a block.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BlockCell {
    /// Which one.
    pub cell: CellRef,
    /// Its text.
    pub source: String,
}

/// A file, directory or pattern (`data/*.csv`) that a block reads or writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DataFile {
    /// As the source gives it.
    pub path: String,
    /// Whether the block reads it.
    pub read: bool,
    /// Whether the block writes it.
    pub written: bool,
}

/// What to move, as the plan says.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Migration {
    /// The cells, in the order in which they run.
    pub cells: Vec<BlockCell>,
    /// Names the block needs from outside itself.
    pub inputs: Vec<String>,
    /// Names the block binds or changes that something after it may read.
    pub returns: Vec<String>,
    /// Import statements that the block needs, one a line.
    pub imports: Vec<String>,
    /// Whether everything that the block binds comes back, read by later cells or not.
    pub everything: bool,
    /// Whether the result goes into the kernel even where it has moved on meanwhile.
    pub force: bool,
    /// Whether the result may be taken out of the kernel again until the next cell runs there; what it replaces stays in memory until then.
    #[serde(default)]
    pub undoable: bool,
    /// Directory for the files with state; the system's one for temporary files when not given.
    pub spool: Option<PathBuf>,
    /// Files that the block reads and writes, as far as the analysis knows them.
    pub files: Vec<DataFile>,
    /// The notebook, for the record of a block that can be found again.
    pub notebook: Option<PathBuf>,
    /// What need not come home; everything comes where that is not said.
    #[serde(default)]
    pub stay: Option<Stay>,
    /// What is made again at the executor in place of being sent.
    #[serde(default)]
    pub again: Option<Again>,
}

/// Returns that may stay at the executor, where that changes nothing but the time: the kernel gets a handle for each, and fetches it before a
/// cell touches it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stay {
    /// Their names.
    pub names: Vec<String>,
    /// Numbers of the cells that make each of them, to be run again when it is lost.
    pub cells: BTreeMap<String, Vec<u32>>,
    /// The program that fetches one, for the kernel to start: `nbhoist`, which has a command `fetch`.
    pub command: Vec<String>,
    /// Whether the cell that fetches a large one says so.
    pub aloud: bool,
}

impl Stay {
    /// These names, fetched by the program that is running; nothing when there are none. `cells` says which cells make a value.
    pub fn new(names: Vec<String>, cells: impl Fn(&str) -> Vec<u32>, aloud: bool) -> Option<Self> {
        let program = std::env::current_exe().ok()?.to_str()?.to_owned();
        let cells = names.iter().map(|name| (name.clone(), cells(name))).collect();
        (!names.is_empty()).then(|| Self { names, cells, command: vec![program], aloud })
    }
}

/// Starts a worker for the next block ahead, where the executor is to be kept warm, and has it import what the kernel has imported for the
/// user. One that is there already imports what is new.
pub async fn prepare(kernel: &mut dyn Origin, executor: &Executor) {
    if !prepares(executor) || !kernel.is_alive() {
        return;
    }
    let question = json!({ "names": [], "seconds": 0, "modules": true });
    let asking = async { KernelSurroundings::of(&kernel.call("survey", &question, None).await.ok()?) };
    // A kernel that has other work is left alone.
    if let Ok(Some(surroundings)) = tokio::time::timeout(MOMENT, asking).await {
        prepare_like(kernel, executor, &surroundings).await;
    }
}

/// Whether workers are started ahead there. An environment like the kernel's is looked for only when a block moves: that takes long.
const fn prepares(executor: &Executor) -> bool {
    executor.warm && !executor.sync
}

async fn prepare_like(kernel: &mut dyn Origin, executor: &Executor, surroundings: &KernelSurroundings) {
    if let Ok(archive) = kernel.archive().await {
        let start = Start::new(executor, kernel.interpreter(), archive);
        kernel.ahead().start(&start, &surroundings.at(executor), &surroundings.modules);
    }
}

/// Moves a block. A cell that ends with an exception ends the block; what it and the cells before it changed comes back, as
/// it would have stayed had they run in the kernel, and the report has the exception. Cancelling raises
/// `KeyboardInterrupt` in the running cell and leaves the kernel as it was.
///
/// # Errors
/// When the block cannot move or its result cannot be put into the kernel; see [`MigrateError`].
pub async fn migrate(
    kernel: &mut dyn Origin,
    executor: &Executor,
    request: &Migration,
    on_event: OnEvent<'_>,
    cancel: &Cancel,
) -> Result<Report, MigrateError> {
    let mut request = request.clone();
    let made = match &request.again {
        Some(again) if executor.cache => again::make(kernel, executor, again, &mut *on_event, cancel).await?,
        _ => Made::new(),
    };
    loop {
        let attempted = attempt(kernel, executor, &request, &made, &mut *on_event, cancel).await;
        match attempted {
            Ok((report, surroundings)) => {
                if let Some(surroundings) = surroundings {
                    prepare_like(kernel, executor, &surroundings).await;
                }
                return Ok(report);
            }
            // Nothing has run yet. What an input reads by name when it is unpacked, such as the functions in a model's formula, goes along.
            Err(MigrateError::Unpickle { missing: Some(name), .. }) if !request.inputs.contains(&name) => {
                on_event(Event::Note { text: format!("an input reads `{name}` when it is unpacked; it goes along") });
                request.inputs.push(name);
            }
            Err(error) => return Err(error),
        }
    }
}

/// One try; also what the next worker is to resemble, where one is to be started ahead.
async fn attempt(
    kernel: &mut dyn Origin,
    executor: &Executor,
    request: &Migration,
    made: &Made,
    on_event: OnEvent<'_>,
    cancel: &Cancel,
) -> Result<(Report, Option<KernelSurroundings>), MigrateError> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let spool = new_spool(request)?;
    let mut journey = Journey::new(kernel, executor, request, &mut *on_event, cancel, &id, &spool);
    journey.made.clone_from(made);
    let travelled = journey.travel().await;
    let ended = journey.end();
    let surroundings = ended.home.as_ref().and_then(KernelSurroundings::of);
    arrive(kernel, &id, spool, ended, travelled, on_event).await.map(|report| (report, surroundings))
}

/// Takes over a block that another process left running, in the kernel that it came from.
///
/// # Errors
/// As [`migrate`]; when the worker is gone, that it died.
pub async fn take_over(
    kernel: &mut dyn Origin,
    executor: &Executor,
    job: &Job,
    on_event: OnEvent<'_>,
    cancel: &Cancel,
) -> Result<Report, MigrateError> {
    let spool = new_spool(&job.request)?;
    let mut journey = Journey::new(kernel, executor, &job.request, &mut *on_event, cancel, &job.id, &spool);
    let travelled = journey.take_over(job).await;
    let ended = journey.end();
    arrive(kernel, &job.id, spool, ended, travelled, on_event).await
}

fn new_spool(request: &Migration) -> Result<Spool, MigrateError> {
    Spool::new(request.spool.as_deref()).map_err(|error| MigrateError::Io {
        path: request.spool.clone().unwrap_or_else(std::env::temp_dir),
        phase: Phase::Probe,
        error,
    })
}

/// The kernel forgets the migration, which it has when the result is home, and the spool goes unless it holds what nobody else has.
async fn arrive(
    kernel: &mut dyn Origin,
    id: &str,
    spool: Spool,
    ended: Ended,
    travelled: Result<(), MigrateError>,
    on_event: OnEvent<'_>,
) -> Result<Report, MigrateError> {
    let goes_on = matches!(travelled, Err(MigrateError::NoRoom { .. }));
    if kernel.is_alive() && !goes_on && ended.home.is_none() {
        let released = forget(kernel, id).await;
        if let (Err(error), true) = (released, travelled.is_ok()) {
            on_event(Event::Note { text: format!("the kernel did not free what it kept for the block: {error}") });
        }
    }
    if ended.spool_stays {
        spool.stay();
    }
    travelled.map(|()| ended.report)
}

/// Has the kernel let go of what it keeps for a migration.
async fn forget(kernel: &mut dyn Origin, id: &str) -> Result<(), KernelError> {
    let release = json!({ "migration": id });
    let released = tokio::time::timeout(RELEASE, kernel.call("release", &release, None)).await;
    released.map_or(Ok(()), |released| released.map(|_| ()))
}
