//! A worker over the system's OpenSSH: the user's own configuration, keys and agent; one connection for many workers.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::command::{self, CommandBackend};
use crate::backend::{Backend, BackendError, Connection, Errand, Task};
use crate::cache;

/// How long a connection may take to come up before a worker goes without sharing it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest path of a socket that every system takes, less what ssh appends while it creates one.
const SOCKET: usize = 80;

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshBackend {
    /// As on ssh's command line: a name of the user's configuration, or `user@host`.
    pub host: String,
    /// More arguments, such as `-F FILE`.
    pub options: Vec<String>,
    /// The interpreter there.
    pub python: PathBuf,
}

impl SshBackend {
    /// ssh with what holds for every call. It never asks: a question would hang behind the progress display.
    fn ssh(&self) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15"]).args(&self.options);
        command
    }

    /// Where connections are shared: `None` when the user's own configuration sees to that, or it cannot be done here.
    async fn control(&self) -> Option<PathBuf> {
        let told = command::quietly(self.ssh().args(["-G", "--", &self.host])).await?;
        if told.lines().any(|line| line.strip_prefix("controlpath ").is_some_and(|path| path != "none")) {
            return None;
        }
        let folder = cache::directory().join("ssh");
        cache::create_private(&folder).ok()?;
        let path = folder.join("%C");
        (path.as_os_str().len() + 40 < SOCKET + 20).then_some(path)
    }

    /// Makes the shared connection, when there is none. It stays for a minute after its last use. It is made by a call of its own,
    /// because a connection in the background would keep a worker's standard error open.
    async fn share(&self, control: &std::path::Path) {
        let path = format!("ControlPath={}", control.display());
        if command::quietly(self.ssh().args(["-o", &path, "-O", "check", "--", &self.host]).stderr(Stdio::null())).await.is_some() {
            return;
        }
        let mut command = self.ssh();
        command.args(["-o", &path, "-o", "ControlMaster=yes", "-o", "ControlPersist=60", "-f", "-N", "--", &self.host]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Whether it works out shows in the call that follows, which tells why not.
        let _ = tokio::time::timeout(PATIENCE, command.status()).await;
    }

    fn template(&self, control: Option<&std::path::Path>) -> CommandBackend {
        let mut words: Vec<String> = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15"].map(str::to_owned).to_vec();
        words.extend(self.options.iter().cloned());
        if let Some(control) = control {
            words.extend(["-o".to_owned(), format!("ControlPath={}", control.display())]);
        }
        words.extend(["--".to_owned(), self.host.clone(), "exec {python} -u {worker}".to_owned()]);
        CommandBackend::new("ssh", words, &self.python)
    }
}

impl Backend for SshBackend {
    fn name(&self) -> &'static str {
        "ssh"
    }

    fn connect<'a>(&'a self, errand: &'a Errand) -> Task<'a, Result<Connection, BackendError>> {
        Box::pin(async {
            let control = self.control().await;
            if let Some(control) = &control {
                self.share(control).await;
            }
            self.template(control.as_deref()).connect(errand).await
        })
    }
}
