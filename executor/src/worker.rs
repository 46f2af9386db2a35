//! The client's end of a worker: frames out, frames in, and what its death looks like.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::backend::{Backend, BackendError};
use crate::frames::{self, Frame};
use crate::link::Link;
use crate::process::Ending;
use crate::runtime::Archive;
use crate::seal::Key;

/// Version of the protocol that is spoken.
const PROTOCOL: u64 = 3;

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hello {
    /// Version of the protocol.
    pub protocol: u64,
    /// Python version, such as `3.11.4`.
    pub python: String,
    /// Process number there.
    #[serde(default)]
    pub pid: u64,
    /// Whole processors that it may use, 0 for less than one.
    #[serde(default)]
    pub processors: Option<u32>,
    /// Version of IPython, when it is there.
    #[serde(default)]
    pub ipython: Option<String>,
    /// Codecs it can decode.
    #[serde(default)]
    pub codecs: Vec<String>,
    /// Versions of the packages there whose objects may travel.
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
}

/// A request that a worker could not fulfil.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Failure {
    /// `unpickle`, `pickle`, `memory` or `internal`.
    pub kind: String,
    /// One sentence.
    pub error: String,
    /// The traceback there.
    pub detail: String,
    /// The name to blame, when it is one.
    pub name: Option<String>,
    /// A name that was read there and is not bound.
    pub missing: Option<String>,
}

/// What can go wrong with a worker.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] BackendError),
    /// It is gone.
    #[error("the worker died ({0})")]
    Died(Ending),
    /// It does not speak the protocol.
    #[error("the worker does not speak the protocol: {0}")]
    Protocol(String),
    /// It reports a failure.
    #[error("{}", .0.error)]
    Failed(Failure),
}

/// A connected worker. Dropping it ends it, unless it is held.
pub(crate) struct Worker {
    /// What it said of itself.
    pub(crate) hello: Hello,
    link: Link,
    notes: mpsc::UnboundedReceiver<String>,
    last_id: u64,
    /// Answers to requests that nobody waits for yet.
    early: BTreeMap<u64, Frame>,
}

impl Worker {
    /// Starts a worker, sends it the runtime and exchanges greetings; `codecs` are what it may send in. With a `lease` that is not
    /// zero it can be held from [`Self::arm`] on.
    pub(crate) async fn start(backend: Arc<dyn Backend>, archive: &Archive, codecs: &[&str], lease: Duration) -> Result<Self, WorkerError> {
        let (sender, notes) = mpsc::unbounded_channel();
        let mut link = Link::open(backend, archive, lease, sender).await?;
        link.send(Frame::new("hello").with("protocol", PROTOCOL).with("codecs", codecs)).await?;
        let frame = link.receive().await?;
        let hello: Hello = serde_json::from_value(Value::Object(frame.header))
            .map_err(|error| WorkerError::Protocol(format!("its greeting is not understood: {error}")))?;
        if hello.protocol != PROTOCOL {
            let spoken = hello.protocol;
            return Err(WorkerError::Protocol(format!("it speaks version {spoken}, and version {PROTOCOL} is needed")));
        }
        Ok(Self { hello, link, notes, last_id: 0, early: BTreeMap::new() })
    }

    /// Attaches to a worker that another process left, and has everything told once more that its block showed. `last_id` is the number
    /// of the last request that it was sent.
    pub(crate) async fn resume(
        backend: Arc<dyn Backend>,
        hello: Hello,
        session: &str,
        key: &Key,
        lease: Duration,
        last_id: u64,
    ) -> Result<Self, WorkerError> {
        let (sender, notes) = mpsc::unbounded_channel();
        let link = Link::reopen(backend, session, key, lease, sender).await?;
        Ok(Self { hello, link, notes, last_id, early: BTreeMap::new() })
    }

    /// A number for a request that has an answer.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, frame: Frame) -> Result<(), WorkerError> {
        // What is too long would break the stream; it is told here, where it can be blamed on somebody.
        frames::check(&frame).map_err(|error| WorkerError::Protocol(error.to_string()))?;
        self.link.send(frame).await
    }

    /// The next frame. Dropping the future loses nothing.
    pub(crate) async fn receive(&mut self) -> Result<Frame, WorkerError> {
        self.link.receive().await
    }

    /// The next frame, or something to tell the user meanwhile. Dropping the future loses nothing.
    pub(crate) async fn receive_or_note(&mut self) -> Result<Result<Frame, String>, WorkerError> {
        tokio::select! {
            biased;
            Some(note) = self.notes.recv() => Ok(Err(note)),
            frame = self.link.receive() => frame.map(Ok),
        }
    }

    /// Sends a request that is answered by `ok`.
    pub(crate) async fn request(&mut self, frame: Frame) -> Result<Frame, WorkerError> {
        let id = self.ask(frame).await?;
        self.answer(id).await
    }

    /// Sends a request whose answer is waited for later; gives its number.
    pub(crate) async fn ask(&mut self, frame: Frame) -> Result<u64, WorkerError> {
        let id = self.next_id();
        self.send(frame.with("id", id)).await?;
        Ok(id)
    }

    /// Waits for the answer to a request; frames that nobody asked for are passed over.
    pub(crate) async fn answer(&mut self, id: u64) -> Result<Frame, WorkerError> {
        if let Some(frame) = self.early.remove(&id) {
            return accept(frame);
        }
        loop {
            let frame = self.receive().await?;
            match frame.header.get("id").and_then(Value::as_u64) {
                Some(answered) if answered == id => return accept(frame),
                Some(other) if matches!(frame.op(), "ok" | "failed") => drop(self.early.insert(other, frame.clone())),
                _ => {}
            }
            // A failure without an id is about the stream itself.
            if frame.op() == "failed" && !frame.header.contains_key("id") {
                return accept(frame);
            }
        }
    }

    /// From now on a cut of the stream is not the end of the worker, when it can be held.
    pub(crate) async fn arm(&mut self) -> Result<(), WorkerError> {
        self.link.arm().await
    }

    /// The name under which it is held.
    pub(crate) fn session(&self) -> &str {
        self.link.session()
    }

    /// What its streams are sealed with.
    pub(crate) fn key(&self) -> &Key {
        self.link.key()
    }

    /// Asks the worker to end, and ends it when it does not.
    pub(crate) async fn finish(mut self) {
        self.link.finish().await;
    }

    /// Asks the worker to end, and waits no longer for that than somebody who cancelled.
    pub(crate) async fn leave(&mut self) {
        self.link.leave().await;
    }

    /// Ends the worker at once, also one that would be held.
    pub(crate) async fn close(&mut self) {
        self.link.close().await;
    }
}

/// An answer, or the failure that it reports.
pub(crate) fn accept(frame: Frame) -> Result<Frame, WorkerError> {
    if frame.op() != "failed" {
        return Ok(frame);
    }
    let failure = serde_json::from_value(Value::Object(frame.header.clone()));
    Err(WorkerError::Failed(failure.unwrap_or_else(|_| Failure { error: Value::Object(frame.header).to_string(), ..Failure::default() })))
}
