//! A plugin under test: programs that are started through it.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::backend::Errand;
use crate::backends::plugin::PluginBackend;

/// How long a place may take until its program has started: a scheduler has its own pace.
const START: Duration = Duration::from_mins(2);

/// How long anything else may take.
pub(super) const MOMENT: Duration = Duration::from_secs(30);

/// A plugin under test.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The plugin and what it connects to.
    pub backend: PluginBackend,
}

/// How to reach a place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    pub(super) lease: u64,
    pub(super) again: bool,
}

/// What a program and the plugin left.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
    pub(super) status: ExitStatus,
}

impl Subject {
    /// A plugin's process that runs a Python script at a place.
    pub(super) fn start(&self, session: &str, way: Way, script: &str, arguments: &[&str]) -> Result<Running, String> {
        let errand =
            Errand { line: script.to_owned(), session: session.to_owned(), lease: Duration::from_secs(way.lease), again: way.again };
        let mut command = self.backend.connecting(&errand);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", self.backend.program()))?;
        Ok(Running { child })
    }

    /// Runs a script to its end, with `input` on its standard input, which is closed then.
    pub(super) async fn run(&self, session: &str, way: Way, script: &str, arguments: &[&str], input: &[u8]) -> Result<Left, String> {
        let mut running = self.start(session, way, script, arguments)?;
        let mut stdin = running.child.stdin.take();
        let writing = async {
            if let Some(mut stdin) = stdin.take() {
                let _ = stdin.write_all(input).await;
            }
        };
        let ((), left) = tokio::join!(writing, running.left());
        left
    }

    /// The plugin's process with these arguments, run to its end.
    pub(super) async fn other(&self, command: &mut Command) -> Result<Left, String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", self.backend.program()))?;
        Running { child }.left().await
    }

    /// Gives a place back, whatever comes of it.
    pub(super) async fn close(&self, session: &str) -> Result<Left, String> {
        self.other(&mut self.backend.closing(session)).await
    }
}

/// A plugin's process.
pub(super) struct Running {
    child: Child,
}

impl Running {
    /// Writes something and keeps the stream open.
    pub(super) async fn write(&mut self, data: &[u8]) -> Result<(), String> {
        let stdin = self.child.stdin.as_mut().ok_or("its standard input is closed")?;
        let written = async {
            stdin.write_all(data).await?;
            stdin.flush().await
        };
        written.await.map_err(|error| format!("its standard input cannot be written: {error}"))
    }

    /// Reads exactly so many bytes.
    pub(super) async fn read(&mut self, count: usize, patience: Duration) -> Result<Vec<u8>, String> {
        let stdout = self.child.stdout.as_mut().ok_or("its standard output is closed")?;
        let mut data = vec![0; count];
        match tokio::time::timeout(patience, stdout.read_exact(&mut data)).await {
            Ok(Ok(_)) => Ok(data),
            Ok(Err(_)) => Err("its standard output ended too early".to_owned()),
            Err(_) => Err(format!("{count} bytes did not come within {} s", patience.as_secs())),
        }
    }

    /// Reads a line, from a program that has just been started.
    pub(super) async fn line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        loop {
            match self.read(1, START).await?[0] {
                b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
                byte => line.push(byte),
            }
        }
    }

    /// Kills the plugin as a crash would.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }

    /// Waits for the end and gives what was left.
    pub(super) async fn left(mut self) -> Result<Left, String> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let ending = async {
            if let (Some(mut out), Some(mut err)) = (out, err) {
                let _ = tokio::join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr));
            }
            self.child.wait().await
        };
        match tokio::time::timeout(START, ending).await {
            Ok(Ok(status)) => Ok(Left { stdout, stderr: String::from_utf8_lossy(&stderr).into_owned(), status }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it did not end within {} s", START.as_secs())),
        }
    }
}
