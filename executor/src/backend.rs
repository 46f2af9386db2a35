//! What drives one kind of place: it opens a byte stream to a worker there.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::process::Ending;
use crate::runtime;

/// The bytes that a worker writes.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// The bytes that a worker reads.
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A future that a backend returns.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A kind of place where a worker can run.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// Its name in messages, such as `local`.
    fn name(&self) -> &str;

    /// Starts Python there, with its standard input and output as the byte stream.
    ///
    /// # Errors
    /// When nothing can be started there.
    fn connect<'a>(&'a self, errand: &'a Errand) -> Task<'a, Result<Connection, BackendError>>;

    /// Gives back what was taken for a session, such as a job of a scheduler. What is gone already is no error.
    fn close<'a>(&'a self, session: &'a str) -> Task<'a, ()> {
        let _ = session;
        Box::pin(std::future::ready(()))
    }
}

/// How long a worker that holds itself may take to listen: an interpreter on a busy node, on a shared disk.
const STARTING: Duration = Duration::from_mins(1);

/// What Python is to do at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// What the interpreter is given with `-c`.
    pub line: String,
    /// Names the place, so that a later stream leads to the same one; letters and digits only.
    pub session: String,
    /// How long the place is held while no stream leads to it; not at all when zero.
    pub lease: Duration,
    /// Whether the place is there already.
    pub again: bool,
}

impl Errand {
    /// A worker that ends with its stream.
    pub(crate) fn worker(session: &str, line: String) -> Self {
        Self { line, session: session.to_owned(), lease: Duration::ZERO, again: false }
    }

    /// A worker that is held when the stream is cut.
    pub(crate) fn held(session: &str, lease: Duration) -> Self {
        let line = held_line(&format!("hold('{session}')"));
        Self { line, session: session.to_owned(), lease, again: false }
    }

    /// One more stream to a worker that is held.
    pub(crate) fn again(session: &str, lease: Duration) -> Self {
        let line = held_line(&format!("again('{session}')"));
        Self { line, session: session.to_owned(), lease, again: true }
    }

    /// The first stream to a worker that holds itself and is starting now.
    pub(crate) fn starting(session: &str, lease: Duration) -> Self {
        let line = held_line(&format!("again('{session}', {})", STARTING.as_secs()));
        Self { line, session: session.to_owned(), lease, again: false }
    }
}

fn held_line(call: &str) -> String {
    runtime::script_line(runtime::lease_script(), call)
}

/// A byte stream to a worker. Dropping it ends the worker.
pub struct Connection {
    /// From the worker.
    pub reader: Reader,
    /// To the worker.
    pub writer: Writer,
    /// The other end of the stream, to see it end and to end it.
    pub peer: Box<dyn Peer>,
}

/// The other end of a byte stream.
pub trait Peer: Send + Sync {
    /// Waits until it has ended, and says how.
    fn ended(&self) -> Task<'_, Ending>;

    /// Ends it at once.
    fn kill(&self);
}

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The program could not be started.
    #[error("cannot start {program:?}: {error}; check the command of this executor in your settings")]
    Start {
        /// The program.
        program: String,
        /// What happened.
        error: std::io::Error,
    },
    /// The command is empty.
    #[error("the executor's command is empty; give it a program, such as [\"{{python}}\", \"-u\", \"{{worker}}\"]")]
    EmptyCommand,
    /// The command starts no worker.
    #[error("the executor's command {command:?} has no {{worker}}; put it where the interpreter's `-c SCRIPT` belongs")]
    NoWorker {
        /// The command.
        command: Vec<String>,
    },
    /// A service refuses or fails.
    #[error("{what}: {why}")]
    Service {
        /// What was asked for, of whom.
        what: String,
        /// What it answered, and what to do.
        why: String,
    },
    /// The pipes are missing.
    #[error("the worker's process was started without pipes")]
    NoPipes,
}
