//! Workers that are started ahead: while the user thinks or cells run in the kernel, the next block's worker starts and imports what the
//! session has imported. It has run nothing, so it is as clean as one that is started when it is needed. A session that has moved
//! several blocks keeps two, so that a block right after another one need not wait.
//!
//! One is used only where it resembles what would be started then: the same executor and interpreter, the same directory, search path and
//! environment, and at the place no package installed since. Otherwise a worker is started as usual.
//!
//! Where a block has one processor or less, none starts while it runs: the block would take longer by what the start takes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::backend::Backend;
use crate::backends;
use crate::executors::Executor;
use crate::frames::Frame;
use crate::runtime::Archive;
use crate::worker::{Worker, WorkerError};

/// Blocks after which a session keeps two workers ahead.
const SEVERAL: u64 = 2;

/// How long the second one waits after another has started: nobody looks for it before the first has been taken, and the block that takes that may
/// come at once.
const AFTER: Duration = Duration::from_secs(2);

/// A place with so many processors has one to spare while a block runs.
const TO_SPARE: u32 = 2;

/// A block that has run so long may run on for as long as a worker takes to start.
const SHORT: Duration = Duration::from_secs(1);

/// Modules that are imported at a time, so that a start can be interrupted.
const BATCH: usize = 50;

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
    /// Told when it is wanted, so that it waits no longer for a better time to start.
    wanted: Arc<Notify>,
    starting: Option<Starting>,
}

impl Spare {
    fn suits(&self, start: &Start, surroundings: &Surroundings) -> bool {
        self.start.is_like(start) && self.surroundings == *surroundings
    }

    fn is_up(&self) -> bool {
        self.starting.as_ref().is_some_and(JoinHandle::is_finished)
    }
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
    /// The one that started first comes first.
    spares: Arc<Mutex<Vec<Spare>>>,
    /// Held by the one that starts: two at once would both be late.
    starts: Arc<tokio::sync::Mutex<()>>,
    /// Whether a block runs that would be disturbed.
    quiet: watch::Sender<bool>,
    ending: Vec<JoinHandle<()>>,
    number: u64,
    claims: u64,
}

impl Ahead {
    /// Starts a worker for the next block, or two, and has them import `modules`. Those that are there already and fit import what is new,
    /// the others go.
    pub(crate) fn start(&mut self, start: &Start, surroundings: &Surroundings, modules: &[String]) {
        let wanted = if self.claims < SEVERAL { 1 } else { 2 };
        let mut spares = lock(&self.spares);
        spares.retain(|spare| spare.suits(start, surroundings));
        spares.truncate(wanted);
        for at in 0..wanted {
            if spares.get(at).is_some_and(|spare| spare.modules == modules) {
                continue;
            }
            let before = spares.get_mut(at).and_then(|spare| spare.starting.take());
            self.number += 1;
            let number = self.number;
            let (start, surroundings, modules) = (start.clone(), surroundings.clone(), modules.to_vec());
            let turn = Arc::clone(&self.starts);
            let quiet = self.quiet.subscribe();
            let told = Arc::new(Notify::new());
            let patient = (at > 0).then(|| patience(Arc::clone(&self.starts), Arc::clone(&told)));
            let starting = started(before, turn, quiet, start.clone(), surroundings.clone(), modules.clone());
            let starting = tokio::spawn(async move {
                if let Some(patient) = patient {
                    patient.await;
                }
                starting.await
            });
            let spare = Spare { number, start, surroundings, modules, wanted: told, starting: Some(starting) };
            match spares.get_mut(at) {
                Some(old) => *old = spare,
                None => spares.push(spare),
            }
            tokio::spawn(expire(Arc::downgrade(&self.spares), number));
        }
    }

    /// What keeps workers from starting while a block is on its way; so far it keeps none.
    pub(crate) fn quiet(&self) -> Quiet {
        Quiet { quiet: self.quiet.clone(), ending: None }
    }

    /// Takes a worker that was started for this executor and these surroundings, of several the first that is up.
    pub(crate) fn claim(&mut self, start: &Start, surroundings: &Surroundings) -> Option<Claimed> {
        self.claims += 1;
        let mut spares = lock(&self.spares);
        let suits = |spare: &Spare| spare.suits(start, surroundings);
        let found = spares.iter().position(|spare| spare.is_up() && suits(spare)).or_else(|| spares.iter().position(suits))?;
        let mut spare = spares.remove(found);
        spare.wanted.notify_one();
        spare.starting.take().map(Claimed)
    }

    /// Name of the executor whose worker is up with what it is to import, so that a block need not wait for it.
    pub fn ready(&self) -> Option<String> {
        lock(&self.spares).iter().find(|spare| spare.is_up()).map(|spare| spare.start.executor.name.clone())
    }

    /// Lets a worker end in the background.
    pub(crate) fn end_later(&mut self, worker: Worker) {
        self.ending.retain(|ending| !ending.is_finished());
        self.ending.push(tokio::spawn(worker.finish()));
    }

    /// Ends everything, at the end of the session.
    pub(crate) async fn settle(&mut self) {
        let spares = std::mem::take(&mut *lock(&self.spares));
        for starting in spares.into_iter().filter_map(|mut spare| spare.starting.take()) {
            if !starting.is_finished() {
                starting.abort();
            } else if let Some(worker) = Claimed(starting).ready().await {
                self.end_later(worker);
            }
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

/// As long as it lives, it can have workers that start wait where a block would be disturbed.
#[derive(Debug)]
pub(crate) struct Quiet {
    quiet: watch::Sender<bool>,
    ending: Option<JoinHandle<()>>,
}

impl Quiet {
    /// State travels, for which somebody waits: it takes every processor here and there.
    pub(crate) fn begin(&mut self) {
        self.stay();
        self.quiet.send_replace(true);
    }

    /// A block runs on so many processors. One that ends in a moment is not worth the start of a worker, which would go on beside its way home.
    pub(crate) fn end_soon(&mut self, processors: Option<u32>) {
        self.begin();
        if processors.is_none_or(|processors| processors >= TO_SPARE) {
            let quiet = self.quiet.clone();
            self.ending = Some(tokio::spawn(async move {
                tokio::time::sleep(SHORT).await;
                quiet.send_replace(false);
            }));
        }
    }

    fn stay(&mut self) {
        if let Some(ending) = self.ending.take() {
            ending.abort();
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.stay();
        self.quiet.send_replace(false);
    }
}

/// Waits until no block would be disturbed.
async fn unheard(quiet: &mut watch::Receiver<bool>) {
    // An error says that the session has ended, which aborts this anyway.
    let _ = quiet.wait_for(|quiet| !quiet).await;
}

/// Waits until none has started for a while, or until this one is `wanted`.
async fn patience(starts: Arc<tokio::sync::Mutex<()>>, wanted: Arc<Notify>) {
    let calm = async {
        loop {
            tokio::time::sleep(AFTER).await;
            if starts.try_lock().is_ok() {
                return;
            }
            drop(starts.lock().await);
        }
    };
    tokio::select! {
        () = calm => {}
        () = wanted.notified() => {}
    }
}

async fn started(
    before: Option<Starting>,
    turn: Arc<tokio::sync::Mutex<()>>,
    mut quiet: watch::Receiver<bool>,
    start: Start,
    surroundings: Surroundings,
    modules: Vec<String>,
) -> Result<Worker, WorkerError> {
    let before = match before {
        Some(before) => Claimed(before).ready().await,
        None => None,
    };
    let _turn = turn.lock().await;
    unheard(&mut quiet).await;
    let mut worker = match before {
        Some(worker) => worker,
        None => start.worker().await?,
    };
    worker.request(warm(&surroundings, &[])).await?;
    for batch in modules.chunks(BATCH) {
        unheard(&mut quiet).await;
        worker.request(warm(&surroundings, batch)).await?;
    }
    Ok(worker)
}

async fn expire(spares: Weak<Mutex<Vec<Spare>>>, number: u64) {
    tokio::time::sleep(LIMIT).await;
    if let Some(spares) = spares.upgrade() {
        lock(&spares).retain(|spare| spare.number != number);
    }
}

fn lock(place: &Mutex<Vec<Spare>>) -> MutexGuard<'_, Vec<Spare>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

fn warm(surroundings: &Surroundings, modules: &[String]) -> Frame {
    let frame = Frame::new("warm").with("directory", surroundings.directory.clone()).with("path", surroundings.path.clone());
    frame.with("environment", surroundings.environment.clone()).with("modules", modules.to_vec())
}
