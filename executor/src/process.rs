//! Child processes that end with us: an own process group, a kept end of standard error, a watched exit.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

/// How much of standard error is kept, bytes.
const TAIL: usize = 16 << 10;

/// How long the rest of standard error is waited for after the exit: a grandchild may hold it open.
const DRAIN: Duration = Duration::from_millis(500);

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its exit status in words, such as `exit code 3` or `killed by signal 9 (SIGKILL)`.
    pub status: String,
    /// The end of its standard error.
    pub stderr: String,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.status)?;
        let stderr = self.stderr.trim();
        if stderr.is_empty() { Ok(()) } else { write!(formatter, "; its last words:\n{stderr}") }
    }
}

/// A running child. Dropping it kills its whole process group.
#[derive(Debug)]
pub(crate) struct Supervised {
    watch: Watch,
    stderr: Arc<Mutex<VecDeque<u8>>>,
}

/// Sees a child end, or ends it, from anywhere.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    group: Option<u32>,
    ending: watch::Receiver<Option<Ending>>,
}

impl Watch {
    /// Waits until the process has ended.
    pub(crate) async fn ended(&self) -> Ending {
        let mut ending = self.ending.clone();
        let ended = ending.wait_for(Option::is_some).await.ok().and_then(|ending| ending.clone());
        ended.unwrap_or_else(|| Ending { status: "ended unobserved".to_owned(), stderr: String::new() })
    }

    /// Kills the group, unless the child has already ended (its number may belong to another process by then).
    pub(crate) fn kill(&self) {
        if self.ending.borrow().is_none() {
            self.signal();
        }
    }

    #[cfg(unix)]
    fn signal(&self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = self.group.and_then(|group| i32::try_from(group).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // It fails only when the group is gone, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn signal(&self) {}
}

/// The pipes of a child.
pub(crate) struct Pipes {
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
}

impl Supervised {
    /// Starts `command` in its own process group, with standard error kept. The caller sets standard input and output.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn spawn(command: &mut Command) -> std::io::Result<(Self, Pipes)> {
        command.stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipes = Pipes { stdin: child.stdin.take(), stdout: child.stdout.take() };
        let group = child.id();
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, ending) = watch::channel(None);
        tokio::spawn(supervise(child, Arc::clone(&stderr), sender));
        Ok((Self { watch: Watch { group, ending }, stderr }, pipes))
    }

    /// Process number, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.watch.group
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&self) -> Ending {
        self.watch.ended().await
    }

    /// The end of its standard error so far.
    pub(crate) fn stderr(&self) -> String {
        tail(&self.stderr)
    }

    /// A handle that sees it end and can end it.
    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.watch.kill();
    }
}

async fn supervise(mut child: Child, kept: Arc<Mutex<VecDeque<u8>>>, ending: watch::Sender<Option<Ending>>) {
    let stderr = child.stderr.take();
    let mut drain = tokio::spawn(drain(stderr, Arc::clone(&kept)));
    let status = child.wait().await;
    let _ = tokio::time::timeout(DRAIN, &mut drain).await;
    let status = status.map_or_else(|error| error.to_string(), describe);
    ending.send_replace(Some(Ending { status, stderr: tail(&kept) }));
}

async fn drain(stream: Option<impl AsyncRead + Unpin>, kept: Arc<Mutex<VecDeque<u8>>>) {
    let Some(mut stream) = stream else { return };
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&chunk[..count]);
        let excess = kept.len().saturating_sub(TAIL);
        kept.drain(..excess);
    }
}

fn tail(kept: &Mutex<VecDeque<u8>>) -> String {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes: Vec<u8> = kept.iter().copied().collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An exit status in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let known = match signal {
            6 => " (SIGABRT)",
            9 => " (SIGKILL; out of memory, perhaps)",
            11 => " (SIGSEGV)",
            15 => " (SIGTERM)",
            _ => "",
        };
        return format!("killed by signal {signal}{known}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}
