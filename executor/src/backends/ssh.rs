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

    /// What ssh's configuration says about the host.
    async fn configuration(&self) -> Option<String> {
        command::quietly(self.ssh().args(["-G", "--", &self.host])).await
    }

    /// Where connections are shared: `None` when the user's own configuration sees to that, or it cannot be done here.
    async fn control(&self) -> Option<PathBuf> {
        let told = self.configuration().await?;
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
        if let Some(ciphers) = self.quicker_ciphers().await {
            command.args(["-o", &format!("Ciphers={ciphers}")]);
        }
        command.args(["-o", &path, "-o", "ControlMaster=yes", "-o", "ControlPersist=60", "-f", "-N", "--", &self.host]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Whether it works out shows in the call that follows, which tells why not.
        let _ = tokio::time::timeout(PATIENCE, command.status()).await;
    }

    /// The ciphers in an order of our own, where the user's configuration left them as they are: a processor with instructions for AES takes
    /// a third less for a connection whose two ends it serves (7.0 to 4.0 and 5.2 to 4.1 s of CPU for a gigabyte, `OpenSSH` 9.2), and state is large.
    async fn quicker_ciphers(&self) -> Option<String> {
        if !has_aes() {
            return None;
        }
        let chosen = self.configuration().await?;
        let usual = command::quietly(Command::new("ssh").args(["-G", "-F", "none", "--", &self.host])).await?;
        let of = |told: &str| told.lines().find_map(|line| line.strip_prefix("ciphers ").map(str::to_owned));
        let ciphers = of(&chosen).filter(|ciphers| of(&usual).as_ref() == Some(ciphers))?;
        Some(aes_first(&ciphers))
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

/// Whether the processor has instructions for AES.
fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

/// The same ciphers with AES in Galois/counter mode before the others.
fn aes_first(ciphers: &str) -> String {
    let (mut first, others): (Vec<&str>, Vec<&str>) = ciphers.split(',').partition(|name| name.ends_with("-gcm@openssh.com"));
    first.extend(others);
    first.join(",")
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

#[cfg(test)]
mod tests {
    use super::aes_first;

    #[test]
    fn no_cipher_is_added_or_lost() {
        let usual = "chacha20-poly1305@openssh.com,aes128-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com";
        assert_eq!(aes_first(usual), "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr");
        assert_eq!(aes_first("aes128-ctr"), "aes128-ctr");
    }
}
