//! The steps of a migration, in order.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::Migration;
use super::again::Made;
use super::error::MigrateError;
use super::home::unless_kept;
use super::load::Captured;
use super::report::Report;
use crate::ahead::{Quiet, Start};
use crate::backend::Backend;
use crate::backends;
use crate::cancel::Cancel;
use crate::event::{Event, OnEvent, Phase};
use crate::executors::Executor;
use crate::jobs::{Job, Recorded};
use crate::kernel::{Death, Origin};
use crate::parity;
use crate::seal::Key;
use crate::spool::Spool;
use crate::worker::Worker;

/// More requests than a process makes.
const LEFT_OUT: u64 = 1_000_000;

/// A migration under way.
pub(super) struct Journey<'a> {
    pub(super) kernel: &'a mut dyn Origin,
    pub(super) executor: &'a Executor,
    pub(super) request: &'a Migration,
    pub(super) on_event: OnEvent<'a>,
    pub(super) cancel: &'a Cancel,
    pub(super) death: Death,
    /// Keeps workers for later blocks from starting meanwhile.
    pub(super) quiet: Quiet,
    /// Names the migration towards the kernel.
    pub(super) id: &'a str,
    pub(super) spool: &'a Path,
    /// What the frames in its files are sealed with.
    pub(super) key: &'a Key,
    /// What the executor has made again of the inputs.
    pub(super) made: Made,
    /// Whether the spool holds a result that nobody else has.
    pub(super) spool_stays: bool,
    /// What the kernel said when the result went in.
    pub(super) home: Option<Value>,
    pub(super) report: Report,
    pub(super) phase: Phase,
    /// Number of the cell that runs.
    pub(super) running: Option<u32>,
}

/// What is left of a migration when its steps are over.
pub(super) struct Ended {
    pub(super) report: Report,
    pub(super) spool_stays: bool,
    pub(super) home: Option<Value>,
}

impl<'a> Journey<'a> {
    pub(super) fn new(
        kernel: &'a mut dyn Origin,
        executor: &'a Executor,
        request: &'a Migration,
        on_event: OnEvent<'a>,
        cancel: &'a Cancel,
        id: &'a str,
        spool: &'a Spool,
    ) -> Self {
        let (death, quiet) = (kernel.death(), kernel.ahead().quiet());
        let report = Report::default();
        Self {
            kernel,
            executor,
            request,
            on_event,
            cancel,
            death,
            quiet,
            id,
            spool: spool.path(),
            key: spool.key(),
            made: Made::new(),
            spool_stays: false,
            home: None,
            report,
            phase: Phase::Probe,
            running: None,
        }
    }

    pub(super) fn end(self) -> Ended {
        Ended { report: self.report, spool_stays: self.spool_stays, home: self.home }
    }

    pub(super) async fn travel(&mut self) -> Result<(), MigrateError> {
        let mut place = None;
        let done = Box::pin(self.carry(&mut place)).await;
        if let Some(worker) = place {
            self.part(worker, &done).await;
        }
        done
    }

    /// Everything from the first question to the results; `place` is where the worker is left.
    async fn carry(&mut self, place: &mut Option<Worker>) -> Result<(), MigrateError> {
        let surveyed = self.survey().await?;
        let (captured, count) = (Box::pin(self.load(&surveyed, place)).await?, surveyed.execution_count);
        let Some(worker) = place else { return Ok(()) };
        self.work(worker, &captured, count).await
    }

    /// What the worker does once it has all it needs. From here on it is held when the link is cut.
    async fn work(&mut self, worker: &mut Worker, captured: &Captured, count: u32) -> Result<(), MigrateError> {
        let armed = guard(self.cancel, &self.death, worker.arm()).await;
        self.unless_stopped(armed)?;
        let ids = self.send_cells(worker, count).await?;
        let record = self.record(worker, count, &ids);
        self.run(worker, count, &ids).await?;
        let home = self.bring_home(worker, count, Some(&captured.away)).await;
        unless_kept(home, record)?;
        self.fetch_files(worker, captured.directory.as_deref()).await
    }

    /// Notes where the block is, so that another process can find it. A note that cannot be written costs no more than that.
    fn record(&mut self, worker: &Worker, count: u32, ids: &[u64]) -> Option<(Job, Recorded)> {
        if self.executor.lease.is_zero() {
            return None;
        }
        let job = Job::new(self.id, self.executor, self.request, self.kernel.connection(), worker, count, ids);
        match job.record() {
            Ok(record) => Some((job, record)),
            Err(error) => {
                let text = format!("the block goes on when the link is cut, but cannot be found from another process: {error}");
                (self.on_event)(Event::Note { text });
                None
            }
        }
    }

    /// Goes on where another process stopped.
    pub(super) async fn take_over(&mut self, job: &Job) -> Result<(), MigrateError> {
        self.enter(Phase::Connect);
        let python = self.kernel.interpreter().to_path_buf();
        let backend = backends::backend(self.executor, &python);
        // Requests of the processes before are not asked again: names that they supplied, results that they asked for.
        let last = std::time::UNIX_EPOCH.elapsed().map_or(LEFT_OUT, |since| since.as_millis() as u64);
        let attaching = Worker::resume(backend, job.hello.clone(), &job.session, &job.key, self.executor.lease, last);
        let mut worker = self.unless_stopped(guard(self.cancel, &self.death, attaching).await)?;
        let record = job.record().ok().map(|record| (job.clone(), record));
        let done = async {
            self.run(&mut worker, job.count, &job.ids).await?;
            self.bring_home(&mut worker, job.count, None).await
        };
        let done = done.await;
        let done = unless_kept(done, record);
        self.part(worker, &done).await;
        done
    }

    /// How a worker is started, with the interpreter of an environment like the kernel's where that is wanted.
    pub(super) async fn start(&mut self) -> Result<Start, MigrateError> {
        let archive = self.kernel.archive().await.map_err(|error| self.kernel_error(error))?;
        let python = self.kernel.interpreter().to_path_buf();
        let mut start = Start::new(self.executor, &python, archive);
        if self.executor.sync {
            start.executor.python = Some(self.synced(&start.backend, &python).await?);
            start.backend = backends::backend(&start.executor, &python);
        }
        Ok(start)
    }

    /// The interpreter there of an environment like the kernel's.
    async fn synced(&mut self, backend: &Arc<dyn Backend>, here: &Path) -> Result<PathBuf, MigrateError> {
        self.enter(Phase::Connect);
        let on_event = &mut *self.on_event;
        let mut told = |text| on_event(Event::Note { text });
        let built = async { parity::ensure(backend.as_ref(), here, &mut told).await.map_err(Unbuilt) };
        match guard(self.cancel, &self.death, built).await {
            Ok(python) => Ok(python),
            Err(Stop::Failed(Unbuilt(why))) => Err(MigrateError::Environment { executor: self.executor.name.clone(), why }),
            Err(Stop::Cancelled) => Err(MigrateError::Cancelled { phase: self.phase }),
            Err(Stop::KernelDied(why)) => Err(MigrateError::KernelDied { phase: self.phase, why }),
        }
    }

    /// Lets a worker go: it ends, unless it keeps a result.
    async fn part(&mut self, mut worker: Worker, done: &Result<(), MigrateError>) {
        match done {
            Ok(()) if self.executor.warm => self.kernel.ahead().end_later(worker),
            Ok(()) => worker.finish().await,
            Err(MigrateError::Cancelled { .. }) => worker.leave().await,
            Err(MigrateError::NoRoom { .. }) => drop(worker),
            // It would be held for nobody.
            Err(_) => worker.close().await,
        }
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        (self.on_event)(Event::Phase(phase));
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.spool.join(name)
    }
}

/// Why there is no environment, in words.
struct Unbuilt(String);

/// Why a step did not end by itself.
pub(super) enum Stop<E> {
    Cancelled,
    KernelDied(String),
    Failed(E),
}

/// Does a step unless the user cancels or the kernel dies meanwhile.
pub(super) async fn guard<T, E>(cancel: &Cancel, death: &Death, step: impl Future<Output = Result<T, E>>) -> Result<T, Stop<E>> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Stop::Cancelled),
        why = death.seen() => Err(Stop::KernelDied(why)),
        done = step => done.map_err(Stop::Failed),
    }
}

pub(super) async fn timed<T>(step: impl Future<Output = T>) -> (T, f64) {
    let started = Instant::now();
    let done = step.await;
    (done, started.elapsed().as_secs_f64())
}
