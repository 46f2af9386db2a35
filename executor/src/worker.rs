//! The client's end of a worker: frames out, frames in, and what its death looks like.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::backend::{Backend, BackendError, Peer, Writer};
use crate::frames::{self, Frame, FrameError, FrameReader};
use crate::process::Ending;
use crate::runtime::Archive;

/// Version of the protocol that is spoken.
const PROTOCOL: u64 = 1;

/// How many frames may wait to be handled; each has up to 4 MiB.
const QUEUE: usize = 4;

/// How long a worker whose stream ended may take to end, and one that was asked to end may take to go.
const PARTING: Duration = Duration::from_secs(3);

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Hello {
    /// Version of the protocol.
    pub protocol: u64,
    /// Python version, such as `3.11.4`.
    pub python: String,
    /// Process number there.
    #[serde(default)]
    pub pid: u64,
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

/// A connected worker. Dropping it ends it.
pub(crate) struct Worker {
    /// What it said of itself.
    pub(crate) hello: Hello,
    writer: Writer,
    incoming: mpsc::Receiver<Result<Frame, FrameError>>,
    peer: Box<dyn Peer>,
    reading: JoinHandle<()>,
    last_id: u64,
}

impl Worker {
    /// Starts a worker, sends it the runtime and exchanges greetings; `codecs` are what it may send in.
    pub(crate) async fn start(backend: &dyn Backend, archive: &Archive, codecs: &[&str]) -> Result<Self, WorkerError> {
        let connection = backend.connect().await?;
        let (sender, incoming) = mpsc::channel(QUEUE);
        let reading = tokio::spawn(read(FrameReader::new(connection.reader), sender));
        let hello = Hello { protocol: 0, python: String::new(), pid: 0, ipython: None, codecs: Vec::new(), packages: BTreeMap::new() };
        let mut worker = Self { hello, writer: connection.writer, incoming, peer: connection.peer, reading, last_id: 0 };
        if worker.writer.write_all(&archive.with_length()).await.is_err() {
            return Err(worker.died().await);
        }
        worker.send(Frame::new("hello").with("protocol", PROTOCOL).with("codecs", codecs)).await?;
        let frame = worker.receive().await?;
        worker.hello = serde_json::from_value(Value::Object(frame.header))
            .map_err(|error| WorkerError::Protocol(format!("its greeting is not understood: {error}")))?;
        if worker.hello.protocol != PROTOCOL {
            let spoken = worker.hello.protocol;
            return Err(WorkerError::Protocol(format!("it speaks version {spoken}, and version {PROTOCOL} is needed")));
        }
        Ok(worker)
    }

    /// A number for a request that has an answer.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, frame: Frame) -> Result<(), WorkerError> {
        let sent = async {
            frames::write(&mut self.writer, &frame).await?;
            Ok::<_, FrameError>(self.writer.flush().await?)
        };
        match sent.await {
            Ok(()) => Ok(()),
            Err(FrameError::Io(_)) => Err(self.died().await),
            Err(error) => Err(WorkerError::Protocol(error.to_string())),
        }
    }

    /// The next frame. Dropping the future loses nothing.
    pub(crate) async fn receive(&mut self) -> Result<Frame, WorkerError> {
        match self.incoming.recv().await {
            Some(Ok(frame)) => Ok(frame),
            Some(Err(FrameError::Truncated { .. } | FrameError::Io(_))) | None => Err(self.died().await),
            Some(Err(error)) => Err(WorkerError::Protocol(error.to_string())),
        }
    }

    /// Sends a request that is answered by `ok`.
    pub(crate) async fn request(&mut self, frame: Frame) -> Result<Frame, WorkerError> {
        let id = self.next_id();
        self.send(frame.with("id", id)).await?;
        self.answer(id).await
    }

    /// Waits for the answer to a request; frames that nobody asked for are passed over.
    pub(crate) async fn answer(&mut self, id: u64) -> Result<Frame, WorkerError> {
        loop {
            let frame = self.receive().await?;
            if frame.header.get("id").and_then(Value::as_u64) == Some(id) {
                return accept(frame);
            }
            // A failure without an id is about the stream itself.
            if frame.op() == "failed" && !frame.header.contains_key("id") {
                return accept(frame);
            }
        }
    }

    /// Asks the worker to end, and ends it when it does not.
    pub(crate) async fn finish(mut self) {
        if self.send(Frame::new("exit")).await.is_ok() {
            let _ = tokio::time::timeout(PARTING, self.peer.ended()).await;
        }
        self.peer.kill();
    }

    /// Ends the worker at once.
    pub(crate) fn kill(&self) {
        self.peer.kill();
    }

    /// Why the stream ended. What it held before its end, a message of another program, say, tells more than the end.
    async fn died(&mut self) -> WorkerError {
        while let Ok(frame) = self.incoming.try_recv() {
            match frame {
                Ok(_) | Err(FrameError::Truncated { .. } | FrameError::Io(_)) => {}
                Err(error) => return WorkerError::Protocol(error.to_string()),
            }
        }
        let ending = match tokio::time::timeout(PARTING, self.peer.ended()).await {
            Ok(ending) => ending,
            Err(_) => Ending { status: "its stream ended, though its process did not".to_owned(), stderr: String::new() },
        };
        WorkerError::Died(ending)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.reading.abort();
        self.peer.kill();
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

async fn read(mut frames: FrameReader<crate::backend::Reader>, sender: mpsc::Sender<Result<Frame, FrameError>>) {
    loop {
        let Some(frame) = frames.next().await.transpose() else {
            return;
        };
        let failed = frame.is_err();
        if sender.send(frame).await.is_err() || failed {
            return;
        }
    }
}
