//! The steps of a migration, in order.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::error::{Difference, MigrateError, Refused};
use super::home::unless_kept;
use super::report::Report;
use super::{Migration, versions};
use crate::backend::Backend;
use crate::backends;
use crate::cancel::Cancel;
use crate::codec::Codec;
use crate::event::{Event, OnEvent, Phase, strings};
use crate::executors::Executor;
use crate::frames::Frame;
use crate::jobs::{Job, Recorded};
use crate::kernel::{Death, KernelError, Origin};
use crate::parity;
use crate::transfer::{self, TransferError};
use crate::worker::{Hello, Worker};

/// How long the kernel may take to measure the names that the block does not need, seconds.
const PATIENCE: f64 = 10.0;

/// More requests than a process makes.
const LEFT_OUT: u64 = 1_000_000;

/// State smaller than this is sent without asking what is there already, bytes.
const WORTH_ASKING: u64 = 1 << 20;

/// A migration under way.
pub(super) struct Journey<'a> {
    pub(super) kernel: &'a mut dyn Origin,
    pub(super) executor: &'a Executor,
    pub(super) request: &'a Migration,
    pub(super) on_event: OnEvent<'a>,
    pub(super) cancel: &'a Cancel,
    pub(super) death: Death,
    /// Names the migration towards the kernel.
    pub(super) id: &'a str,
    pub(super) spool: &'a Path,
    /// Whether the spool holds a result that nobody else has.
    pub(super) spool_stays: bool,
    pub(super) report: Report,
    pub(super) phase: Phase,
    /// Number of the cell that runs.
    pub(super) running: Option<u32>,
}

/// What the kernel says of the inputs.
#[derive(Debug, serde::Deserialize)]
struct Probed {
    #[serde(default)]
    names: BTreeMap<String, ProbedName>,
    namespace_bytes: Option<u64>,
    #[serde(default = "yes")]
    namespace_complete: bool,
    python: String,
    #[serde(default)]
    packages: BTreeMap<String, String>,
    execution_count: u32,
}

#[derive(Debug, serde::Deserialize)]
struct ProbedName {
    #[serde(default)]
    kind: String,
    bytes: Option<u64>,
    travels: bool,
    why: Option<String>,
    path: Option<String>,
}

const fn yes() -> bool {
    true
}

/// What a capture gives.
#[derive(Debug, serde::Deserialize)]
struct Captured {
    #[serde(default)]
    imports: Vec<String>,
    bytes: u64,
    #[serde(default)]
    ambient: Value,
    #[serde(default)]
    path: Vec<String>,
    directory: Option<String>,
}

impl<'a> Journey<'a> {
    pub(super) fn new(
        kernel: &'a mut dyn Origin,
        executor: &'a Executor,
        request: &'a Migration,
        on_event: OnEvent<'a>,
        cancel: &'a Cancel,
        id: &'a str,
        spool: &'a Path,
    ) -> Self {
        let death = kernel.death();
        let report = Report::default();
        Self {
            kernel,
            executor,
            request,
            on_event,
            cancel,
            death,
            id,
            spool,
            spool_stays: false,
            report,
            phase: Phase::Probe,
            running: None,
        }
    }

    pub(super) async fn travel(&mut self) -> Result<(), MigrateError> {
        let (mut worker, probed) = self.prepare().await?;
        let done = self.carry(&mut worker, &probed).await;
        part(worker, &done).await;
        done
    }

    /// Everything from the first comparison to the results, with a worker that is there.
    async fn carry(&mut self, worker: &mut Worker, probed: &Probed) -> Result<(), MigrateError> {
        let count = probed.execution_count;
        self.refuse_differences(versions::python(&probed.python, &worker.hello.python).into_iter().collect())?;
        self.note_inputs(probed)?;
        let captured = self.capture().await?;
        self.check_packages(probed, &worker.hello).await?;
        self.transfer(worker, &captured, count).await?;
        self.work(worker, &captured, count).await
    }

    /// What the worker does once it has all it needs. From here on it is held when the link is cut.
    async fn work(&mut self, worker: &mut Worker, captured: &Captured, count: u32) -> Result<(), MigrateError> {
        worker.arm().await.map_err(|error| self.worker_error(error))?;
        let ids = self.send_cells(worker, count).await?;
        let record = self.record(worker, count, &ids);
        self.run(worker, count, &ids).await?;
        let home = self.bring_home(worker, count).await;
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
        let attaching = Worker::resume(backend, job.hello.clone(), &job.session, self.executor.lease, last);
        let mut worker = self.unless_stopped(guard(self.cancel, &self.death, attaching).await)?;
        let record = job.record().ok().map(|record| (job.clone(), record));
        let done = async {
            self.run(&mut worker, job.count, &job.ids).await?;
            self.bring_home(&mut worker, job.count).await
        };
        let done = done.await;
        let done = unless_kept(done, record);
        part(worker, &done).await;
        done
    }

    /// Asks the kernel about the inputs while the worker starts, and compares the two.
    async fn prepare(&mut self) -> Result<(Worker, Probed), MigrateError> {
        self.enter(Phase::Probe);
        let on_event = &mut *self.on_event;
        let mut busy =
            || on_event(Event::Note { text: "the kernel is busy with another cell; the block moves when that has ended".to_owned() });
        self.kernel.idle(self.cancel, &mut busy).await.map_err(|error| self.kernel_error(error))?;
        let archive = self.kernel.archive().await.map_err(|error| self.kernel_error(error))?;
        let python = self.kernel.interpreter().to_path_buf();
        let backend = self.backend(&python).await?;
        let codecs: &[&str] = if self.executor.worth_compressing() { &["zstd", "zlib", "raw"] } else { &["raw"] };

        let names = json!({ "names": self.request.inputs, "seconds": PATIENCE });
        let probing = timed(self.kernel.call("probe", &names, Some(self.cancel)));
        let connecting = timed(guard(self.cancel, &self.death, Worker::start(backend, &archive, codecs, self.executor.lease)));
        let ((probed, probe), (worker, connect)) = tokio::join!(probing, connecting);
        self.report.seconds.probe = probe;
        self.report.seconds.connect = connect;
        let probed: Probed = self.understood("probe", probed)?;
        self.enter(Phase::Connect);
        Ok((self.unless_stopped(worker)?, probed))
    }

    /// The executor's backend, with the interpreter of an environment like the kernel's where that is wanted.
    async fn backend(&mut self, here: &Path) -> Result<Arc<dyn Backend>, MigrateError> {
        let backend = backends::backend(self.executor, here);
        if !self.executor.sync {
            return Ok(backend);
        }
        self.enter(Phase::Connect);
        let on_event = &mut *self.on_event;
        let mut told = |text| on_event(Event::Note { text });
        let built = async { parity::ensure(backend.as_ref(), here, &mut told).await.map_err(Unbuilt) };
        match guard(self.cancel, &self.death, built).await {
            Ok(python) => Ok(backends::backend(&Executor { python: Some(python), ..self.executor.clone() }, here)),
            Err(Stop::Failed(Unbuilt(why))) => Err(MigrateError::Environment { executor: self.executor.name.clone(), why }),
            Err(Stop::Cancelled) => Err(MigrateError::Cancelled { phase: self.phase }),
            Err(Stop::KernelDied(why)) => Err(MigrateError::KernelDied { phase: self.phase, why }),
        }
    }

    /// Refuses to move what would not load there.
    fn refuse_differences(&self, differences: Vec<Difference>) -> Result<(), MigrateError> {
        if differences.is_empty() {
            return Ok(());
        }
        Err(MigrateError::VersionMismatch { executor: self.executor.name.clone(), differences })
    }

    fn note_inputs(&mut self, probed: &Probed) -> Result<(), MigrateError> {
        self.report.namespace_bytes = probed.namespace_bytes.filter(|_| probed.namespace_complete);
        let refused = probed
            .names
            .iter()
            // A name that is not there is the block's own affair: it may never come to read it.
            .filter(|(_, probed)| !probed.travels && probed.kind != "absent")
            .map(|(name, probed)| Refused {
                name: name.clone(),
                path: probed.path.clone(),
                reason: probed.why.clone().unwrap_or_else(|| "it cannot be packed".to_owned()),
            });
        let refused: Vec<_> = refused.collect();
        if !refused.is_empty() {
            return Err(MigrateError::RefusedTravel(refused));
        }
        let sizes = probed.names.iter().filter_map(|(name, probed)| Some((name.clone(), probed.bytes?)));
        self.report.inputs = sizes.collect();
        Ok(())
    }

    async fn capture(&mut self) -> Result<Captured, MigrateError> {
        self.enter(Phase::Capture);
        let sources: Vec<_> = self.request.cells.iter().map(|cell| &cell.source).collect();
        let argument = json!({
            "migration": self.id,
            "names": self.request.inputs,
            "file": self.file("inputs"),
            "sources": sources,
        });
        let (captured, seconds) = timed(self.kernel.call("capture", &argument, Some(self.cancel))).await;
        self.report.seconds.capture = seconds;
        let captured: Captured = self.understood("capture", captured)?;
        self.report.shipped_bytes = captured.bytes;
        Ok(captured)
    }

    /// Which packages' objects travel is known when they are packed.
    async fn check_packages(&mut self, probed: &Probed, hello: &Hello) -> Result<(), MigrateError> {
        let pickle = transfer::pickle(&self.file("inputs")).await;
        let pickle = pickle.map_err(|error| self.transfer_error(error))?;
        self.refuse_differences(versions::packages(&probed.packages, &hello.packages, &pickle))
    }

    async fn transfer(&mut self, worker: &mut Worker, captured: &Captured, count: u32) -> Result<(), MigrateError> {
        self.enter(Phase::Transfer);
        let started = Instant::now();
        let path: Vec<_> = captured.path.iter().map(|entry| self.there(entry)).collect();
        let begin = Frame::new("begin")
            .with("directory", self.directory_there(captured.directory.as_deref()))
            .with("path", path)
            .with("ambient", captured.ambient.clone())
            .with("count", count);
        let lines: Vec<_> = captured.imports.iter().chain(&self.request.imports).cloned().collect();
        let imports = Frame::new("imports").with("lines", lines);
        let begun = guard(self.cancel, &self.death, worker.request(begin)).await;
        let begun = self.unless_stopped(begun)?;
        for text in strings(begun.header.get("notes")) {
            (self.on_event)(Event::Note { text });
        }
        self.send_files(worker, captured.directory.as_deref()).await?;
        let imported = guard(self.cancel, &self.death, worker.request(imports)).await;
        let imported = self.unless_stopped(imported)?;
        self.report.failed_imports = failed_imports(&imported);

        let path = self.file("inputs");
        let codec = if self.executor.worth_compressing() { Codec::best(&worker.hello.codecs) } else { Codec::Raw };
        let cached = self.executor.cache && captured.bytes >= WORTH_ASKING;
        let on_event = &mut *self.on_event;
        let mut sent = |done| on_event(Event::Progress { phase: Phase::Transfer, done, total: Some(captured.bytes) });
        let sending = async {
            let (id, wire) = transfer::send(&path, worker, codec, cached, &[], &mut sent).await?;
            worker.answer(id).await?;
            Ok::<_, TransferError>(wire)
        };
        let sent = guard(self.cancel, &self.death, sending).await;
        self.report.shipped_wire_bytes = self.unless_stopped(sent)?;
        self.report.seconds.transfer = started.elapsed().as_secs_f64();
        // It may be large, and nobody reads it again.
        let _ = tokio::fs::remove_file(&path).await;
        Ok(())
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        (self.on_event)(Event::Phase(phase));
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.spool.join(name)
    }

    /// The answer of a kernel call in the shape that is expected.
    fn understood<T: serde::de::DeserializeOwned>(&self, function: &str, answer: Result<Value, KernelError>) -> Result<T, MigrateError> {
        let answer = answer.map_err(|error| self.kernel_error(error))?;
        let error = |error| KernelError::Protocol(format!("{function}: {error}"));
        serde_json::from_value(answer).map_err(error).map_err(|error| self.kernel_error(error))
    }
}

/// Lets a worker go: it ends, unless it keeps a result.
async fn part(mut worker: Worker, done: &Result<(), MigrateError>) {
    match done {
        Ok(()) | Err(MigrateError::Cancelled { .. }) => worker.finish().await,
        Err(MigrateError::NoRoom { .. }) => drop(worker),
        // It would be held for nobody.
        Err(_) => worker.close().await,
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

fn failed_imports(answer: &Frame) -> Vec<(String, String)> {
    let failed = answer.header.get("failed").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    failed.iter().map(|failed| (text(failed, "line"), text(failed, "error"))).collect()
}
