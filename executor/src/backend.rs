//! What drives one kind of place: it opens a byte stream to a worker there.

use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::process::Ending;

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

    /// Starts a worker that waits for the runtime's archive on its standard input.
    ///
    /// # Errors
    /// When nothing can be started there.
    fn connect(&self) -> Task<'_, Result<Connection, BackendError>>;
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
    /// The pipes are missing.
    #[error("the worker's process was started without pipes")]
    NoPipes,
}
