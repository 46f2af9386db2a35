//! A worker behind a program of somebody else's: `nbhoist-executor-NAME`, found on `PATH` as git and cargo find theirs.
//! What such a program has to do is written down in `docs/executor-plugins.md`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::command::{piped, quietly};
use crate::backend::{Backend, BackendError, Connection, Errand, Task};

/// The version of the plugin protocol that is spoken.
pub const PROTOCOL: u64 = 1;

/// How long a plugin may take to describe itself.
const DESCRIBING: Duration = Duration::from_mins(2);

/// A plugin and what it connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginBackend {
    /// The last part of the program's name.
    pub plugin: String,
    /// What it connects to, in words that only it understands.
    pub uri: String,
    /// More of those.
    pub options: BTreeMap<String, String>,
    /// The interpreter there.
    pub python: PathBuf,
    /// The folder of its program; it is looked for on `PATH` when not given.
    pub folder: Option<PathBuf>,
}

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Description {
    /// The version of the plugin protocol.
    pub protocol: u64,
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Whether a place stays when the stream to it is cut, and can be found again by its session.
    #[serde(default)]
    pub sessions: bool,
    /// The options that it knows, with what they mean.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl PluginBackend {
    /// The name of its program.
    pub fn program(&self) -> String {
        let name = format!("nbhoist-executor-{}", self.plugin);
        self.folder.as_ref().map_or_else(|| name.clone(), |folder| folder.join(&name).to_string_lossy().into_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        let options = serde_json::to_string(&self.options).unwrap_or_default();
        command.env("NBHOIST_OPTIONS", options);
        command
    }

    /// Asks the plugin what it is.
    ///
    /// # Errors
    /// When it cannot be started or does not speak the protocol.
    pub async fn describe(&self) -> Result<Description, BackendError> {
        let program = self.program();
        let service = |why: String| BackendError::Service { what: format!("`{program} describe` is not understood"), why };
        let mut command = self.command();
        command.arg("describe").stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(DESCRIBING, command.output()).await;
        let output = output.map_err(|_| service(format!("it did not answer within {} s", DESCRIBING.as_secs())))?;
        let output = output.map_err(|error| BackendError::Start { program: program.clone(), error })?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(service(format!("{} {stderr}", crate::process::describe(output.status))));
        }
        let description: Description = serde_json::from_slice(&output.stdout).map_err(|error| service(error.to_string()))?;
        if description.protocol != PROTOCOL {
            return Err(service(format!(
                "it speaks version {} of the plugin protocol, and version {PROTOCOL} is needed",
                description.protocol
            )));
        }
        Ok(description)
    }

    /// The command that becomes the byte stream.
    pub(crate) fn connecting(&self, errand: &Errand) -> Command {
        let mut command = self.command();
        command.args(["connect", &self.uri, "--session", &errand.session]);
        if !errand.lease.is_zero() {
            command.args(["--lease", &errand.lease.as_secs().max(1).to_string()]);
        }
        if errand.again {
            command.arg("--again");
        }
        command.arg("--").arg(&self.python).args(["-u", "-c", &errand.line]);
        command
    }

    /// The command that gives a place back.
    pub(crate) fn closing(&self, session: &str) -> Command {
        let mut command = self.command();
        command.args(["close", &self.uri, "--session", session]);
        command
    }
}

impl Backend for PluginBackend {
    fn name(&self) -> &str {
        &self.plugin
    }

    fn connect<'a>(&'a self, errand: &'a Errand) -> Task<'a, Result<Connection, BackendError>> {
        Box::pin(async {
            // A version that is not understood is refused before anything moves.
            if !errand.again {
                self.describe().await?;
            }
            piped(&self.program(), &mut self.connecting(errand))
        })
    }

    fn close<'a>(&'a self, session: &'a str) -> Task<'a, ()> {
        Box::pin(async move {
            quietly(&mut self.closing(session)).await;
        })
    }
}
