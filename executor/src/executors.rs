//! Executors: the configured places that can run a block, and what a probe finds there.

mod probe;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::backends::jupyter::TokenSource;
pub use probe::{Known, Probe, probe};

/// A configured place that can run a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Executor {
    /// Its name in settings and on the command line.
    pub name: String,
    /// What drives it.
    pub backend: BackendConfig,
    /// Interpreter there; that of the kernel when not given.
    pub python: Option<PathBuf>,
    /// The working directory there; the kernel's when not given.
    pub directory: Option<PathBuf>,
    /// What is known of the way there.
    pub link: Link,
    /// How long a worker is held there while no link leads to it; zero where it ends with its link.
    pub lease: Duration,
    /// Whether what was sent there is kept there, so that it need not be sent again.
    pub cache: bool,
    /// Whether the worker of the next block is started ahead, with the session's libraries imported.
    pub warm: bool,
    /// Whether the kernel's environment is built there, instead of refusing a block when versions differ.
    pub sync: bool,
    /// Directories here that are seen there under another name.
    pub paths: Vec<(String, String)>,
    /// How much faster than this machine it runs Python code (2.0: in half the time), when it is known.
    pub speed: Option<f64>,
}

impl Executor {
    /// An executor of which no more is known.
    pub fn new(name: &str, backend: BackendConfig) -> Self {
        let local = backend == BackendConfig::Local;
        let speed = local.then_some(1.0);
        // A place that is waited for or paid for is not taken before it is wanted.
        let warm = matches!(backend, BackendConfig::Ssh { .. });
        Self {
            name: name.to_owned(),
            backend,
            python: None,
            directory: None,
            link: Link::default(),
            lease: Duration::ZERO,
            cache: !local,
            warm,
            sync: false,
            paths: Vec::new(),
            speed,
        }
    }

    /// Another process on this machine.
    pub fn local() -> Self {
        Self::new("local", BackendConfig::Local)
    }
}

/// What drives an executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendConfig {
    /// A worker process on this machine.
    Local,
    /// A worker behind a command.
    Command {
        /// Program and arguments, with `{python}`, `{worker}` and `{session}`.
        command: Vec<String>,
        /// What gives the place back, with `{session}`.
        close: Option<Vec<String>>,
    },
    /// A worker over ssh.
    Ssh {
        /// The host, as on ssh's command line.
        host: String,
        /// More arguments of ssh.
        options: Vec<String>,
    },
    /// A worker in a job of Slurm.
    Slurm {
        /// Options of `srun` and `sbatch`.
        options: Vec<String>,
    },
    /// A worker beside a kernel of a Jupyter server.
    Jupyter {
        /// The address.
        uri: String,
        /// The kernel to start; the server's usual one when not given.
        kernel: Option<String>,
        /// Where the token comes from.
        token: TokenSource,
    },
    /// A worker behind a program `nbhoist-executor-NAME`.
    Plugin {
        /// The last part of its name.
        plugin: String,
        /// What it connects to.
        uri: String,
        /// More that it is told.
        options: BTreeMap<String, String>,
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
    /// A path of this machine as it is seen there.
    pub(crate) fn there(&self, path: &str) -> String {
        let below = |(here, there): &(String, String)| Some(format!("{there}{}", path.strip_prefix(here.trim_end_matches('/'))?));
        let mapped = self.paths.iter().filter_map(below).find(|mapped| !mapped.is_empty());
        mapped.unwrap_or_else(|| path.to_owned())
    }

    /// The working directory there, for a kernel that works in `here`.
    pub(crate) fn directory_there(&self, here: Option<&str>) -> Option<String> {
        let chosen = self.directory.as_ref().map(|directory| directory.to_string_lossy().into_owned());
        chosen.or_else(|| Some(self.there(here?)))
    }

    /// Whether bytes on their way there are worth compressing. A link of unknown speed counts as slow.
    pub(crate) fn worth_compressing(&self) -> bool {
        match (&self.backend, self.link.bandwidth) {
            (_, Some(bandwidth)) => bandwidth < FAST,
            (BackendConfig::Local, None) => false,
            (_, None) => true,
        }
    }
}
