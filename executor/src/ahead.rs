//! A worker that is started ahead: while the user thinks or cells run in the kernel, the next block's worker starts and imports what the
//! session has imported. It has run nothing, so it is as clean as one that is started when it is needed.
//!
//! It is used only where it resembles what would be started then: the same executor and interpreter, the same directory, search path and
//! environment, and at the place no package installed since. Otherwise a worker is started as usual.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::backend::Backend;
use crate::backends;
use crate::executors::Executor;
use crate::frames::Frame;
use crate::runtime::Archive;
use crate::worker::{Worker, WorkerError};

/// How long a worker is kept for a block that may not come.
const LIMIT: Duration = Duration::from_mins(10);

/// How long workers that have done their work may take to end when the session does.
const SETTLE: Duration = Duration::from_secs(5);

/// What decides how libraries come up, as it is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Surroundings {
    /// The working directory.
    pub(crate) directory: Option<String>,
    /// `sys.path`.
    pub(crate) path: Vec<String>,
    /// Variables that the kernel set and unset.
    pub(crate) environment: Value,
}

/// What a worker is started with.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The executor, with the interpreter that was found or built for it.
    pub(crate) executor: Executor,
    /// The kernel's interpreter.
    pub(crate) python: PathBuf,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) archive: Arc<Archive>,
}

impl Start {
    /// At the executor as it is configured.
    pub(crate) fn new(executor: &Executor, python: &Path, archive: Arc<Archive>) -> Self {
        let backend = backends::backend(executor, python);
        Self { executor: executor.clone(), python: python.to_path_buf(), backend, archive }
    }

    /// Starts a worker and greets it.
    pub(crate) async fn worker(&self) -> Result<Worker, WorkerError> {
        let codecs: &[&str] = if self.executor.worth_compressing() { &["zstd", "zlib", "raw"] } else { &["raw"] };
        Worker::start(Arc::clone(&self.backend), &self.archive, codecs, self.executor.lease).await
    }

    fn is_like(&self, other: &Self) -> bool {
        let (one, two) = (&self.executor, &other.executor);
        let places = [one, two].map(|place| (&place.backend, &place.python, &place.directory, place.lease, place.worth_compressing()));
        places[0] == places[1] && self.python == other.python
    }
}

/// How long a worker that is ready may take to say so.
const ANSWER: Duration = Duration::from_secs(5);

type Starting = JoinHandle<Result<Worker, WorkerError>>;

/// One that is starting or has started.
struct Spare {
    number: u64,
    start: Start,
    surroundings: Surroundings,
    modules: Vec<String>,
    starting: Option<Starting>,
}

impl Drop for Spare {
    fn drop(&mut self) {
        // What has started goes with its result.
        if let Some(starting) = &self.starting {
            starting.abort();
        }
    }
}

/// A worker that was started ahead and is wanted now.
pub(crate) struct Claimed(Starting);

impl Claimed {
    /// Waits until it has started; `None` when it failed.
    async fn ready(self) -> Option<Worker> {
        self.0.await.ok()?.ok()
    }

    /// The worker when it has started, if it lives and what it imported is what an import would find now.
    pub(crate) async fn fresh(self) -> Option<Worker> {
        let mut worker = self.ready().await?;
        let asked = tokio::time::timeout(ANSWER, worker.request(Frame::new("fresh"))).await;
        let fresh = asked.ok()?.ok()?.header.get("fresh").and_then(Value::as_bool).unwrap_or(false);
        fresh.then_some(worker)
    }
}

/// The workers of a session beside the one that runs a block.
#[derive(Default)]
pub struct Ahead {
    spare: Arc<Mutex<Option<Spare>>>,
    ending: Vec<JoinHandle<()>>,
    number: u64,
}

impl Ahead {
    /// Starts a worker for the next block and has it import `modules`. One that is there already and fits imports what is new.
    pub(crate) fn start(&mut self, start: Start, surroundings: Surroundings, modules: Vec<String>) {
        let mut spare = lock(&self.spare);
        let fits = |spare: &mut Spare| spare.start.is_like(&start) && spare.surroundings == surroundings;
        let before = spare.take_if(fits);
        if before.as_ref().is_some_and(|before| before.modules == modules) {
            *spare = before;
            return;
        }
        let before = before.and_then(|mut before| before.starting.take());
        self.number += 1;
        let number = self.number;
        let starting = tokio::spawn(started(before, start.clone(), surroundings.clone(), modules.clone()));
        *spare = Some(Spare { number, start, surroundings, modules, starting: Some(starting) });
        tokio::spawn(expire(Arc::downgrade(&self.spare), number));
    }

    /// Takes the worker that was started for this executor and these surroundings.
    pub(crate) fn claim(&mut self, start: &Start, surroundings: &Surroundings) -> Option<Claimed> {
        let mut found = lock(&self.spare).take_if(|spare| spare.start.is_like(start) && spare.surroundings == *surroundings)?;
        found.starting.take().map(Claimed)
    }

    /// Name of the executor whose worker is up with what it is to import, so that a block need not wait for it.
    pub fn ready(&self) -> Option<String> {
        let spare = lock(&self.spare);
        let up = spare.as_ref().filter(|spare| spare.starting.as_ref().is_some_and(JoinHandle::is_finished));
        up.map(|spare| spare.start.executor.name.clone())
    }

    /// Lets a worker end in the background.
    pub(crate) fn end_later(&mut self, worker: Worker) {
        self.ending.retain(|ending| !ending.is_finished());
        self.ending.push(tokio::spawn(worker.finish()));
    }

    /// Ends everything, at the end of the session.
    pub(crate) async fn settle(&mut self) {
        let starting = lock(&self.spare).take().and_then(|mut spare| spare.starting.take());
        match starting {
            Some(starting) if starting.is_finished() => {
                if let Some(worker) = Claimed(starting).ready().await {
                    self.end_later(worker);
                }
            }
            Some(starting) => starting.abort(),
            None => {}
        }
        let ending = std::mem::take(&mut self.ending);
        let all = async {
            for ending in ending {
                let _ = ending.await;
            }
        };
        let _ = tokio::time::timeout(SETTLE, all).await;
    }
}

async fn started(before: Option<Starting>, start: Start, surroundings: Surroundings, modules: Vec<String>) -> Result<Worker, WorkerError> {
    let before = match before {
        Some(before) => Claimed(before).ready().await,
        None => None,
    };
    let mut worker = match before {
        Some(worker) => worker,
        None => start.worker().await?,
    };
    worker.request(warm(&surroundings, &modules)).await?;
    Ok(worker)
}

async fn expire(spare: Weak<Mutex<Option<Spare>>>, number: u64) {
    tokio::time::sleep(LIMIT).await;
    if let Some(spare) = spare.upgrade() {
        drop(lock(&spare).take_if(|spare| spare.number == number));
    }
}

fn lock(place: &Mutex<Option<Spare>>) -> MutexGuard<'_, Option<Spare>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

fn warm(surroundings: &Surroundings, modules: &[String]) -> Frame {
    let frame = Frame::new("warm").with("directory", surroundings.directory.clone()).with("path", surroundings.path.clone());
    frame.with("environment", surroundings.environment.clone()).with("modules", modules.to_vec())
}
