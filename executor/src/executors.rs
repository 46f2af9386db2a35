//! Executors: the configured places that can run a block, and what a probe finds there.

mod probe;

use std::path::PathBuf;

pub use probe::{Probe, probe};

/// A configured place that can run a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Executor {
    /// Its name in settings and on the command line.
    pub name: String,
    /// What drives it.
    pub backend: BackendConfig,
    /// Interpreter there; that of the kernel when not given.
    pub python: Option<PathBuf>,
    /// What is known of the way there.
    pub link: Link,
    /// How much faster than this machine it runs Python code (2.0: in half the time), when it is known.
    pub speed: Option<f64>,
}

impl Executor {
    /// Another process on this machine.
    pub fn local() -> Self {
        Self { name: "local".to_owned(), backend: BackendConfig::Local, python: None, link: Link::default(), speed: Some(1.0) }
    }
}

/// What drives an executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendConfig {
    /// A worker process on this machine.
    Local,
    /// A worker behind a command.
    Command {
        /// Program and arguments, with `{python}` and `{worker}`.
        command: Vec<String>,
    },
}

/// The way to an executor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// Bytes per second, when it is known.
    pub bandwidth: Option<f64>,
    /// Seconds for a message there and back, when it is known.
    pub latency: Option<f64>,
}

/// A link slower than this is worth compressing for, bytes per second: zstd at its fastest packs more than this.
const FAST: f64 = 200e6;

impl Executor {
    /// Whether bytes on their way there are worth compressing. A link of unknown speed counts as slow.
    pub(crate) fn worth_compressing(&self) -> bool {
        match (&self.backend, self.link.bandwidth) {
            (_, Some(bandwidth)) => bandwidth < FAST,
            (BackendConfig::Local, None) => false,
            (BackendConfig::Command { .. }, None) => true,
        }
    }
}
