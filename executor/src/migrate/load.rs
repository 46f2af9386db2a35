//! The way there: the kernel packs the inputs while the worker starts, and what is packed is sent meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::again::Made;
use super::error::{MigrateError, Refused};
use super::journey::{Journey, Stop, guard, timed};
use super::stay::Away;
use super::{Migration, versions};
use crate::ahead::{Claimed, Start, Surroundings};
use crate::codec::Codec;
use crate::event::{Event, OnEvent, Phase, strings};
use crate::executors::Executor;
use crate::frames::Frame;
use crate::kernel::KernelError;
use crate::seal::Key;
use crate::transfer::{self, Load, Sent, TransferError, Written};
use crate::worker::{Worker, WorkerError};

/// State smaller than this is sent without asking what is there already, bytes.
const WORTH_ASKING: u64 = 1 << 20;

/// What the kernel says before anything is packed.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Surveyed {
    /// Rough sizes of the inputs, bytes.
    #[serde(default)]
    names: BTreeMap<String, u64>,
    namespace_bytes: Option<u64>,
    python: String,
    #[serde(default)]
    packages: BTreeMap<String, String>,
    pub(super) execution_count: u32,
    surroundings: KernelSurroundings,
}

/// What the kernel stands in, and what it has loaded.
#[derive(Debug, serde::Deserialize)]
pub(super) struct KernelSurroundings {
    directory: Option<String>,
    #[serde(default)]
    path: Vec<String>,
    #[serde(default)]
    environment: Value,
    #[serde(default)]
    pub(super) modules: Vec<String>,
}

impl KernelSurroundings {
    /// What an answer of the kernel's says of them.
    pub(super) fn of(answer: &Value) -> Option<Self> {
        serde_json::from_value(answer.get("surroundings")?.clone()).ok()
    }

    /// The same as it is at an executor.
    pub(super) fn at(&self, executor: &Executor) -> Surroundings {
        Surroundings {
            directory: executor.directory_there(self.directory.as_deref()),
            path: self.path.iter().map(|entry| executor.there(entry)).collect(),
            environment: self.environment.clone(),
        }
    }
}

/// What a capture gives.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Captured {
    #[serde(default)]
    imports: Vec<String>,
    bytes: u64,
    #[serde(default)]
    sizes: BTreeMap<String, u64>,
    #[serde(default)]
    ambient: Value,
    #[serde(default)]
    path: Vec<String>,
    pub(super) directory: Option<String>,
    #[serde(flatten)]
    pub(super) away: Away,
}

impl Captured {
    fn surroundings(&self, executor: &Executor) -> Surroundings {
        let environment = self.ambient.get("environment").cloned().unwrap_or_default();
        let (directory, path) = (self.directory.clone(), self.path.clone());
        KernelSurroundings { directory, path, environment, modules: Vec::new() }.at(executor)
    }

    /// The requests that bring the worker to where the kernel is: directory and environment, then imports where nothing has to come before.
    fn requests(&self, executor: &Executor, request: &Migration, count: u32) -> Vec<Frame> {
        let surroundings = self.surroundings(executor);
        let begin = Frame::new("begin")
            .with("directory", surroundings.directory)
            .with("path", surroundings.path)
            .with("ambient", self.ambient.clone())
            .with("count", count);
        // A module may be among the files that the block reads, which go first.
        if request.files.is_empty() { vec![begin, self.imports(request)] } else { vec![begin] }
    }

    fn imports(&self, request: &Migration) -> Frame {
        let lines: Vec<_> = self.imports.iter().chain(&request.imports).cloned().collect();
        Frame::new("imports").with("lines", lines)
    }
}

impl Journey<'_> {
    /// Asks the kernel what is to be known before anything is packed.
    pub(super) async fn survey(&mut self) -> Result<Surveyed, MigrateError> {
        self.enter(Phase::Probe);
        let on_event = &mut *self.on_event;
        let mut busy =
            || on_event(Event::Note { text: "the kernel is busy with another cell; the block moves when that has ended".to_owned() });
        let names = json!({ "names": self.request.inputs });
        let (surveyed, seconds) = timed(self.kernel.call_in_turn("survey", &names, self.cancel, &mut busy)).await;
        self.report.seconds.probe = seconds;
        let surveyed: Surveyed = understood("survey", surveyed).map_err(|error| self.kernel_error(error))?;
        self.report.namespace_bytes = surveyed.namespace_bytes;
        Ok(surveyed)
    }

    /// Brings the inputs to a worker, which is left in `place`.
    pub(super) async fn load(&mut self, surveyed: &Surveyed, place: &mut Option<Worker>) -> Result<Captured, MigrateError> {
        let start = self.start().await?;
        let wanted = surveyed.surroundings.at(self.executor);
        let claimed = self.kernel.ahead().claim(&start, &wanted);
        let (mut captured, mut sent, way) = self.capture_and_send(surveyed, &start, claimed, place).await?;
        self.report.shipped_bytes = captured.bytes;
        self.report.inputs.clone_from(&captured.sizes);
        if way.ahead && captured.surroundings(self.executor) != wanted {
            // Something ran between the question and the capture: what was imported ahead might have come up differently.
            sent = self.send_again(surveyed, &start, &captured, place).await?;
        }
        if let Some(worker) = place {
            if !versions::equal(&surveyed.packages, &worker.hello.packages) {
                captured.away.all_come_home();
            }
            self.finish_loading(worker, &captured, sent).await?;
        }
        self.report.seconds.transfer = way.connected.elapsed().as_secs_f64();
        // It may be large, and nobody reads it again. Giving its memory back takes a while, for which nobody waits.
        tokio::spawn(tokio::fs::remove_file(self.file("inputs")));
        Ok(captured)
    }

    /// Packs the inputs in the kernel; meanwhile finds a worker and sends what is packed already.
    async fn capture_and_send(
        &mut self,
        surveyed: &Surveyed,
        start: &Start,
        claimed: Option<Claimed>,
        place: &mut Option<Worker>,
    ) -> Result<(Captured, Sent, Way), MigrateError> {
        self.enter(Phase::Connect);
        let (argument, path, begun) = (self.capture_argument(), self.file("inputs"), Instant::now());
        let (written, total, (tell, between)) = (Written::default(), AtomicU64::new(0), oneshot::channel());
        let mut way = Way { connected: begun, ahead: false };
        let parcel =
            Parcel { path: &path, key: self.key, written: &written, total: &total, surveyed, executor: self.executor, made: &self.made };
        let (on_event, quiet) = (&mut *self.on_event, &mut self.quiet);
        let (captured, sent) = {
            let sending = guard(self.cancel, &self.death, async {
                let (worker, ahead) = connect(start, claimed).await?;
                // From now on: the one that is taken over may still have been starting.
                quiet.begin();
                way = Way { connected: Instant::now(), ahead };
                parcel.send(place.insert(worker), between, on_event).await
            });
            let capturing = timed(self.kernel.call("capture", &argument, Some(self.cancel)));
            tokio::pin!(capturing, sending);
            let mut sent = None;
            let (captured, seconds) = tokio::select! {
                biased;
                captured = &mut capturing => captured,
                // It cannot have ended well: the kernel is not left in the middle all the same.
                failed = &mut sending => {
                    sent = Some(failed);
                    capturing.await
                }
            };
            self.report.seconds.capture = seconds;
            let captured = understood::<Captured>("capture", captured);
            if let (Ok(captured), None) = (&captured, &sent) {
                total.store(captured.bytes, Ordering::Relaxed);
                written.set();
                let _ = tell.send(captured.requests(self.executor, self.request, surveyed.execution_count));
                sent = Some(sending.await);
            }
            (captured, sent)
        };
        self.report.seconds.connect = way.connected.duration_since(begun).as_secs_f64();
        let captured = match captured {
            Ok(captured) => captured,
            Err(error) => return Err(self.not_captured(error).await),
        };
        self.phase = if place.is_some() { Phase::Transfer } else { Phase::Connect };
        let sent = sent.unwrap_or(Err(Stop::Cancelled));
        Ok((captured, self.unless_stopped(sent)?, way))
    }

    fn capture_argument(&self) -> Value {
        let sources: Vec<_> = self.request.cells.iter().map(|cell| &cell.source).collect();
        json!({ "migration": self.id, "names": self.request.inputs, "file": self.file("inputs"), "key": self.key, "sources": sources,
            "place": self.executor.name, "stay": self.may_stay() })
    }

    /// Why the inputs could not be packed. Packing ends at the first that cannot travel; the user wants to know of all.
    async fn not_captured(&mut self, error: KernelError) -> MigrateError {
        self.phase = Phase::Capture;
        let error = self.kernel_error(error);
        if !matches!(error, MigrateError::RefusedTravel(_)) {
            return error;
        }
        let argument = json!({ "names": self.request.inputs, "seconds": 0 });
        let Ok(answer) = self.kernel.call("probe", &argument, Some(self.cancel)).await else { return error };
        let names = answer.get("names").cloned().and_then(|names| serde_json::from_value::<BTreeMap<String, Looked>>(names).ok());
        // A name that is not there is the block's own affair: it may never come to read it.
        let refused = names.into_iter().flatten().filter(|(_, looked)| !looked.travels && looked.kind != "absent");
        let refused: Vec<_> = refused
            .map(|(name, looked)| Refused {
                name,
                path: looked.path,
                reason: looked.why.unwrap_or_else(|| "it cannot be packed".to_owned()),
            })
            .collect();
        if refused.is_empty() { error } else { MigrateError::RefusedTravel(refused) }
    }

    /// Sends to a new worker what lies in the file, in place of one that does not fit.
    async fn send_again(
        &mut self,
        surveyed: &Surveyed,
        start: &Start,
        captured: &Captured,
        place: &mut Option<Worker>,
    ) -> Result<Sent, MigrateError> {
        if let Some(mut worker) = place.take() {
            worker.close().await;
        }
        let (path, total, (tell, between)) = (self.file("inputs"), AtomicU64::new(captured.bytes), oneshot::channel());
        let parcel = Parcel {
            path: &path,
            key: self.key,
            written: &Written::whole(),
            total: &total,
            surveyed,
            executor: self.executor,
            made: &self.made,
        };
        let _ = tell.send(captured.requests(self.executor, self.request, surveyed.execution_count));
        let on_event = &mut *self.on_event;
        let sending = async {
            let worker = place.insert(start.worker().await?);
            parcel.send(worker, between, on_event).await
        };
        let sent = guard(self.cancel, &self.death, sending).await;
        self.unless_stopped(sent)
    }

    /// Has the worker load what it was sent.
    async fn finish_loading(&mut self, worker: &mut Worker, captured: &Captured, sent: Sent) -> Result<(), MigrateError> {
        self.phase = Phase::Transfer;
        self.report.shipped_wire_bytes = sent.wire;
        self.report.made_again_bytes = sent.made;
        let mut between = sent.between.iter().copied();
        let (begin, imports) = (between.next().unwrap_or_default(), between.next());
        let begun = guard(self.cancel, &self.death, worker.answer(begin)).await;
        let begun = self.unless_stopped(begun)?;
        for text in strings(begun.header.get("notes")) {
            (self.on_event)(Event::Note { text });
        }
        self.send_files(worker, captured.directory.as_deref()).await?;
        let importing = async {
            match imports {
                Some(imports) => worker.answer(imports).await,
                None => worker.request(captured.imports(self.request)).await,
            }
        };
        let imported = guard(self.cancel, &self.death, importing).await;
        let imported = self.unless_stopped(imported)?;
        self.report.failed_imports = failed_imports(&imported);
        let loading = async {
            let id = transfer::end(sent, worker, &[]).await?;
            Ok::<_, TransferError>(worker.answer(id).await?)
        };
        let loaded = guard(self.cancel, &self.death, loading).await;
        self.unless_stopped(loaded)?;
        self.take_in(worker, &captured.away).await
    }
}

/// When there was a worker, and whether it had been started ahead.
struct Way {
    connected: Instant,
    ahead: bool,
}

/// What the kernel says of an input after packing has failed.
#[derive(Debug, serde::Deserialize)]
struct Looked {
    #[serde(default)]
    kind: String,
    travels: bool,
    why: Option<String>,
    path: Option<String>,
}

/// The inputs on their way.
struct Parcel<'a> {
    path: &'a Path,
    key: &'a Key,
    written: &'a Written,
    /// How many bytes they have; 0 as long as that is not known.
    total: &'a AtomicU64,
    surveyed: &'a Surveyed,
    executor: &'a Executor,
    made: &'a Made,
}

impl Parcel<'_> {
    /// Sends the buffers to a worker to which they can go.
    async fn send(
        &self,
        worker: &mut Worker,
        between: oneshot::Receiver<Vec<Frame>>,
        on_event: OnEvent<'_>,
    ) -> Result<Sent, TransferError> {
        let hello = worker.hello.clone();
        if let Some(difference) = versions::python(&self.surveyed.python, &hello.python) {
            return Err(TransferError::Differs(vec![difference]));
        }
        on_event(Event::Phase(Phase::Capture));
        on_event(Event::Phase(Phase::Transfer));
        let mut told = |done| {
            let total = Some(self.total.load(Ordering::Relaxed)).filter(|total| *total > 0);
            on_event(Event::Progress { phase: Phase::Transfer, done, total });
        };
        let check = |pickle: &[u8]| versions::packages(&self.surveyed.packages, &hello.packages, pickle);
        let load = Load {
            path: self.path,
            key: self.key,
            written: self.written,
            codec: if self.executor.worth_compressing() { Codec::best(&hello.codecs) } else { Codec::Raw },
            made: self.made,
            cached: self.executor.cache && self.surveyed.names.values().sum::<u64>() >= WORTH_ASKING,
            check: &check,
            between: Some(between),
        };
        transfer::send_buffers(load, worker, &mut told).await
    }
}

/// A worker that was started ahead and is as good as new, or a new one; and whether it was started ahead.
async fn connect(start: &Start, claimed: Option<Claimed>) -> Result<(Worker, bool), WorkerError> {
    if let Some(claimed) = claimed
        && let Some(worker) = claimed.fresh().await
    {
        return Ok((worker, true));
    }
    Ok((start.worker().await?, false))
}

fn failed_imports(answer: &Frame) -> Vec<(String, String)> {
    let failed = answer.header.get("failed").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    failed.iter().map(|failed| (text(failed, "line"), text(failed, "error"))).collect()
}

/// The answer of a call in the shape that is expected.
fn understood<T: serde::de::DeserializeOwned>(function: &str, answer: Result<Value, KernelError>) -> Result<T, KernelError> {
    serde_json::from_value(answer?).map_err(|error| KernelError::Protocol(format!("{function}: {error}")))
}
