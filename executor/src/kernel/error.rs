//! What can go wrong between us and a kernel.

use std::path::PathBuf;

/// Why a kernel could not be started, reached or used.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The interpreter could not be started.
    #[error("cannot start a kernel with {python}: {error}")]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// The kernel ended before it was ready.
    #[error("the kernel started with {python} ended before it was ready: {why}")]
    StartFailed {
        /// The interpreter.
        python: PathBuf,
        /// Its exit status and last words.
        why: String,
    },
    /// The kernel did not get ready.
    #[error("the kernel did not get ready within {seconds} s{stderr}")]
    StartSlow {
        /// How long it had.
        seconds: u64,
        /// What it wrote to standard error, on a line of its own.
        stderr: String,
    },
    /// The connection file does not do.
    #[error("{path} is not a usable connection file: {why}; `jupyter --runtime-dir` shows where those of running kernels are")]
    ConnectionFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The kernel encrypts.
    #[error(
        "the kernel of {path} speaks CURVE-encrypted ZeroMQ (`curve_publickey`), which is not supported; \
         start it without encryption, on this machine or through a tunnel"
    )]
    Encrypted {
        /// The connection file.
        path: PathBuf,
    },
    /// Nobody answers.
    #[error("no kernel answers at {address}: it has ended, or the connection file is an old one; start the kernel again")]
    NotThere {
        /// Where it should be.
        address: String,
    },
    /// It is no Python kernel.
    #[error("this is a kernel for {language}, and nbhoist moves state of Python kernels only")]
    NotPython {
        /// Its language.
        language: String,
    },
    /// The kernel died.
    #[error("the kernel died: {why}; what it held in memory is lost, restart it and run the notebook again")]
    Died {
        /// How, in words.
        why: String,
    },
    /// A call of the runtime was refused.
    #[error("{0}")]
    Call(Box<CallError>),
    /// The kernel said something that cannot be understood.
    #[error("the kernel answered a request in a way that is not understood: {0}")]
    Protocol(String),
    /// The messages' transport failed.
    #[error("the connection to the kernel failed: {0}")]
    Transport(String),
    /// cloudpickle is nowhere.
    #[error("nbhoist needs cloudpickle to carry objects: {0}")]
    Cloudpickle(crate::environment::EnvironmentError),
    /// A file for the kernel could not be written.
    #[error("cannot write {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// The caller gave up.
    #[error("interrupted")]
    Cancelled,
}

impl From<jupyter_zmq_client::RuntimeError> for KernelError {
    fn from(error: jupyter_zmq_client::RuntimeError) -> Self {
        Self::Transport(error.to_string())
    }
}

/// An error that the runtime in the kernel reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, thiserror::Error)]
#[serde(default)]
#[error("{text}")]
pub struct CallError {
    /// A word for the kind of error.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// The name to blame, when it is one.
    pub name: Option<String>,
    /// Where inside its value the culprit is.
    pub path: Option<String>,
    /// The traceback, for a bug report.
    pub detail: Option<String>,
    /// A name that was read there and is not bound.
    pub missing: Option<String>,
}
