//! A probe: what there is at an executor, and how fast the way there is.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use super::Executor;
use crate::frames::Frame;
use crate::runtime::Archive;
use crate::worker::{Worker, WorkerError};
use crate::{backends, environment};

/// How much is sent to measure the bandwidth, in frames of 1 MiB.
const LOAD: usize = 8;

/// What was found at an executor.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Python version there.
    pub python: String,
    /// Version of IPython there, when it is installed.
    pub ipython: Option<String>,
    /// Versions of packages there.
    pub packages: BTreeMap<String, String>,
    /// Processors that a worker may use.
    pub processors: Option<u64>,
    /// Free memory, bytes.
    pub memory: Option<u64>,
    /// Free space in the directory for temporary files, bytes.
    pub disk: Option<u64>,
    /// Time until a worker was ready, seconds.
    pub start: f64,
    /// Time of a message there and back, seconds.
    pub latency: f64,
    /// Bytes per second on the way there.
    pub bandwidth: f64,
    /// Seconds for a small piece of work of each kind: `interpreter`, `memory`, `arrays` where numpy is there.
    pub work: BTreeMap<String, f64>,
}

/// What the pieces of work take on the machine that has speed 1, seconds.
const REFERENCE: [(&str, f64); 3] = [("interpreter", 0.006), ("memory", 0.003), ("arrays", 0.015)];

impl Probe {
    /// How fast the machine is, the kinds of work taken together (geometric mean); one of speed 2 takes half the time of one of speed 1.
    pub fn speed(&self) -> Option<f64> {
        let ratios = REFERENCE.iter().filter_map(|(kind, seconds)| Some(seconds / self.work.get(*kind).filter(|took| **took > 0.0)?));
        let logs: Vec<f64> = ratios.map(f64::ln).collect();
        (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
    }

    /// What is worth remembering of it.
    pub fn known(&self) -> Known {
        Known {
            speed: self.speed(),
            start: Some(self.start),
            latency: Some(self.latency),
            bandwidth: Some(self.bandwidth),
            memory: self.memory,
        }
    }
}

/// What is remembered of a place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// See [`Probe::speed`].
    pub speed: Option<f64>,
    /// Time until a worker is ready, seconds.
    pub start: Option<f64>,
    /// Time of a message there and back, seconds.
    pub latency: Option<f64>,
    /// Bytes per second on the way there.
    pub bandwidth: Option<f64>,
    /// Free memory, bytes.
    pub memory: Option<u64>,
}

/// Starts a worker at the executor and asks it; `python` is used where the executor names no interpreter.
///
/// # Errors
/// When no worker can be started there, or it does not answer.
pub async fn probe(executor: &Executor, python: &Path) -> Result<Probe, WorkerError> {
    let backend = backends::backend(executor, python);
    let sources = environment::cloudpickle_sources(python).await.map_err(|error| WorkerError::Protocol(error.to_string()))?;
    let archive = Archive::new(&sources).map_err(|error| WorkerError::Protocol(error.to_string()))?;
    let started = Instant::now();
    let mut worker = Worker::start(backend, &archive, &["raw"], Duration::ZERO).await?;
    let start = started.elapsed().as_secs_f64();
    let begin = Frame::new("begin").with("directory", Value::Null).with("path", Value::Array(Vec::new()));
    worker.request(begin.with("ambient", Value::Object(serde_json::Map::new())).with("count", 1)).await?;
    let latency = round_trip(&mut worker).await?;
    let facts = said(&mut worker, FACTS).await?;
    let work = said(&mut worker, include_str!("calibrate.py")).await?;
    let bandwidth = load(&mut worker, latency).await?;
    let hello = worker.hello.clone();
    worker.finish().await;
    let number = |key: &str| facts.get(key).and_then(Value::as_u64);
    Ok(Probe {
        python: hello.python,
        ipython: hello.ipython,
        packages: hello.packages,
        processors: number("processors"),
        memory: number("memory"),
        disk: number("disk"),
        start,
        latency,
        bandwidth,
        work: serde_json::from_value(work).unwrap_or_default(),
    })
}

/// The best of three empty requests.
async fn round_trip(worker: &mut Worker) -> Result<f64, WorkerError> {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let started = Instant::now();
        worker.request(Frame::new("imports").with("lines", Value::Array(Vec::new()))).await?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// A pickle of an empty mapping, which asks for no buffer: the load beside it is received and dropped.
const EMPTY: &[u8] = b"\x80\x05}.";

async fn load(worker: &mut Worker, latency: f64) -> Result<f64, WorkerError> {
    let payload = Bytes::from(vec![0; 1 << 20]);
    let buffer = |index: u64, raw: usize, last: bool, payload: Bytes| {
        let frame = Frame::new("buffer").with("index", index).with("raw", raw).with("codec", "raw");
        frame.with("last", last).with_payload(payload)
    };
    let started = Instant::now();
    worker.send(buffer(0, EMPTY.len(), true, Bytes::from_static(EMPTY))).await?;
    for part in 1..=LOAD {
        worker.send(buffer(1, LOAD << 20, part == LOAD, payload.clone())).await?;
    }
    // Whether the worker likes the bundle does not matter; its answer says that all has arrived.
    let answer = worker.request(Frame::new("bundle").with("buffers", 2).with("names", Value::Array(Vec::new()))).await;
    if let Err(error) = answer
        && !matches!(error, WorkerError::Failed(_))
    {
        return Err(error);
    }
    let seconds = (started.elapsed().as_secs_f64() - latency).max(1e-6);
    Ok((LOAD << 20) as f64 / seconds)
}

/// Prints one line of JSON, also where `sched_getaffinity` or `/proc` is missing.
const FACTS: &str = "\
def facts():
    import json, os, shutil, tempfile
    said = {}
    try:
        said['processors'] = len(os.sched_getaffinity(0))
    except AttributeError:
        said['processors'] = os.cpu_count()
    try:
        with open('/proc/meminfo') as lines:
            free = [line for line in lines if line.startswith('MemAvailable:')]
        said['memory'] = int(free[0].split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    try:
        said['disk'] = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError:
        pass
    print(json.dumps(said))
facts()
";

/// What a script prints, which is JSON.
async fn said(worker: &mut Worker, script: &str) -> Result<Value, WorkerError> {
    let id = worker.next_id();
    let run = Frame::new("run").with("id", id).with("cell", Value::Null).with("number", 1).with("source", script).with("count", 1);
    worker.send(run).await?;
    let mut text = String::new();
    loop {
        let frame = crate::worker::accept(worker.receive().await?)?;
        match frame.op() {
            "stream" => text.push_str(frame.header.get("text").and_then(Value::as_str).unwrap_or_default()),
            "done" => break,
            _ => {}
        }
    }
    Ok(serde_json::from_str(text.trim()).unwrap_or(Value::Null))
}
