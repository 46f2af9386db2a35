//! `[executors.NAME]`: places that can run a block.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nbhoist_analyzer::placement::Price;

/// The code that drives a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A worker process on this machine.
    Local,
    /// A worker over `ssh HOST`.
    Ssh,
    /// A worker over a command of the user's own.
    Command,
    /// A worker in a job of Slurm.
    Slurm,
    /// A kernel of a Jupyter server.
    Jupyter,
    /// The program `nbhoist-executor-NAME`.
    Plugin(String),
}

impl Backend {
    /// The word used in configuration.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Local => "local",
            Self::Ssh => "ssh",
            Self::Command => "command",
            Self::Slurm => "slurm",
            Self::Jupyter => "jupyter",
            Self::Plugin(name) => name,
        }
    }

    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "local" => Self::Local,
            "ssh" => Self::Ssh,
            "command" => Self::Command,
            "slurm" => Self::Slurm,
            "jupyter" => Self::Jupyter,
            name => Self::Plugin(name.to_owned()),
        }
    }
}

/// A place that can run a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Executor {
    /// Its name.
    pub name: String,
    /// What drives it.
    pub backend: Backend,
    /// The Python there; `None` for the one of the kernel (`local`) or `python3`.
    pub python: Option<PathBuf>,
    /// The command that leads to a worker, with `{python}` and `{worker}` in it.
    pub command: Option<Vec<String>>,
    /// The host of `ssh`.
    pub host: Option<String>,
    /// The address of a server or of what a plugin connects to.
    pub uri: Option<String>,
    /// The working folder there.
    pub directory: Option<PathBuf>,
    /// More arguments of `ssh`, or of `srun` and `sbatch`.
    pub arguments: Vec<String>,
    /// What a plugin is told beside the address.
    pub options: BTreeMap<String, String>,
    /// The command that gives a place back, with `{session}` in it.
    pub close: Option<Vec<String>>,
    /// How long a block goes on there while the link is cut; `None` for what the backend can do.
    pub lease: Option<Duration>,
    /// Whether what was sent there is kept there; `None` for what the backend usually does.
    pub cache: Option<bool>,
    /// Whether the worker of the next block is started ahead; `None` for what the backend usually does.
    pub warm: Option<bool>,
    /// Whether the kernel's environment is built there.
    pub sync: bool,
    /// Directories here that are seen there under another name.
    pub paths: BTreeMap<String, String>,
    /// The kernel that a Jupyter server starts.
    pub kernel: Option<String>,
    /// The environment variable that holds a Jupyter server's token.
    pub token_env: Option<String>,
    /// The command that prints a Jupyter server's token.
    pub token_command: Option<Vec<String>>,
    /// How many times as fast as this machine its processors are.
    pub speed: Option<f64>,
    /// The same for work on its graphics processor.
    pub gpu_speed: Option<f64>,
    /// Its memory, bytes.
    pub memory: Option<u64>,
    /// The rate of the link, bytes per second.
    pub bandwidth: Option<f64>,
    /// The round trip, seconds.
    pub latency: Option<f64>,
    /// How long a worker takes to be ready, seconds.
    pub startup: Option<f64>,
    /// What an hour there costs.
    pub price: Option<Price>,
}

/// How long a block goes on while the link is cut, unless configured otherwise.
const LEASE: Duration = Duration::from_mins(10);

impl Executor {
    /// The worker process on this machine.
    pub fn local() -> Self {
        Self::new("local", Backend::Local)
    }

    pub(crate) fn new(name: &str, backend: Backend) -> Self {
        Self {
            name: name.to_owned(),
            backend,
            python: None,
            command: None,
            host: None,
            uri: None,
            directory: None,
            arguments: Vec::new(),
            options: BTreeMap::new(),
            close: None,
            lease: None,
            cache: None,
            warm: None,
            sync: false,
            paths: BTreeMap::new(),
            kernel: None,
            token_env: None,
            token_command: None,
            speed: None,
            gpu_speed: None,
            memory: None,
            bandwidth: None,
            latency: None,
            startup: None,
            price: None,
        }
    }

    /// How long a block goes on there while the link is cut. Of a command nobody knows whether it leads to the same place twice.
    pub(crate) fn lease(&self) -> Duration {
        let usual = if matches!(self.backend, Backend::Local | Backend::Command) { Duration::ZERO } else { LEASE };
        self.lease.unwrap_or(usual)
    }

    /// What is missing for it to work.
    pub(crate) fn problem(&self) -> Option<String> {
        if matches!(self.name.as_str(), "here" | "auto") {
            return Some("has a name that stands for something else: call it differently".to_owned());
        }
        if self.name == "local" && self.backend != Backend::Local {
            return Some("must keep the backend `local`: give the other place its own name".to_owned());
        }
        match self.backend {
            Backend::Ssh if self.host.is_none() => Some("needs a `host`".to_owned()),
            Backend::Command if self.command.is_none() => Some("needs a `command`".to_owned()),
            Backend::Jupyter if self.uri.is_none() => Some("needs a `uri`".to_owned()),
            _ => None,
        }
    }
}
