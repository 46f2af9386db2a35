//! A worker behind any command whose standard input and output are a byte stream to it: ssh, srun, kubectl exec, docker.
//!
//! In the command, an argument that is `{python}` becomes the interpreter and one that is `{worker}` becomes `-c` and the
//! line that starts the worker. Inside a longer argument they are quoted for a POSIX shell, because a shell will read them:
//! `["ssh", "big", "{python} -u {worker}"]`. `{session}` is a name for what belongs to one block, of letters and digits.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::backend::{Backend, BackendError, Connection, Errand, Peer, Task};
use crate::process::{Ending, Supervised};

/// A command template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandBackend {
    /// The name in messages.
    pub name: String,
    /// Program and arguments, with `{python}` and `{worker}`.
    pub command: Vec<String>,
    /// What `{python}` stands for.
    pub python: String,
    /// Where the program starts; the current directory when not given.
    pub directory: Option<PathBuf>,
    /// What gives the place back when a session is over, with `{session}`.
    pub close: Option<Vec<String>>,
}

impl CommandBackend {
    /// A template with this name.
    pub fn new(name: &str, command: Vec<String>, python: &Path) -> Self {
        let python = python.to_string_lossy().into_owned();
        Self { name: name.to_owned(), command, python, directory: None, close: None }
    }

    /// The program and its arguments.
    ///
    /// # Errors
    /// When the template is empty or starts no worker.
    pub fn arguments(&self, errand: &Errand) -> Result<Vec<String>, BackendError> {
        if self.command.is_empty() {
            return Err(BackendError::EmptyCommand);
        }
        if !self.command.iter().any(|argument| argument.contains("{worker}")) {
            return Err(BackendError::NoWorker { command: self.command.clone() });
        }
        Ok(self.command.iter().flat_map(|argument| self.substitute(argument, errand)).collect())
    }

    fn substitute(&self, argument: &str, errand: &Errand) -> Vec<String> {
        match argument {
            "{python}" => vec![self.python.clone()],
            "{worker}" => vec!["-c".to_owned(), errand.line.clone()],
            _ => {
                let worker = format!("-c {}", quoted(&errand.line));
                let argument = argument.replace("{session}", &errand.session).replace("{python}", &quoted(&self.python));
                vec![argument.replace("{worker}", &worker)]
            }
        }
    }
}

impl Backend for CommandBackend {
    fn name(&self) -> &str {
        &self.name
    }

    fn connect<'a>(&'a self, errand: &'a Errand) -> Task<'a, Result<Connection, BackendError>> {
        Box::pin(async {
            let arguments = self.arguments(errand)?;
            let (program, rest) = arguments.split_first().ok_or(BackendError::EmptyCommand)?;
            let mut command = Command::new(program);
            command.args(rest);
            if let Some(directory) = &self.directory {
                command.current_dir(directory);
            }
            piped(program, &mut command)
        })
    }

    fn close<'a>(&'a self, session: &'a str) -> Task<'a, ()> {
        Box::pin(async move {
            let Some((program, rest)) = self.close.as_deref().and_then(<[String]>::split_first) else { return };
            let mut command = Command::new(program);
            command.args(rest.iter().map(|argument| argument.replace("{session}", session)));
            quietly(&mut command).await;
        })
    }
}

/// Starts a program whose standard input and output are the byte stream.
pub(crate) fn piped(program: &str, command: &mut Command) -> Result<Connection, BackendError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let started = Supervised::spawn(command);
    let (process, pipes) = started.map_err(|error| BackendError::Start { program: program.to_owned(), error })?;
    let (Some(writer), Some(reader)) = (pipes.stdin, pipes.stdout) else {
        return Err(BackendError::NoPipes);
    };
    widen(&writer);
    widen(&reader);
    Ok(Connection { reader: Box::new(reader), writer: Box::new(writer), peer: Box::new(process) })
}

/// How long a program that gives something back may take.
const CLEANING: Duration = Duration::from_mins(1);

/// Runs a program to its end and gives what it printed, when it ended well and in time.
pub(crate) async fn quietly(command: &mut Command) -> Option<String> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(CLEANING, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Peer for Supervised {
    fn ended(&self) -> Task<'_, Ending> {
        Box::pin(Self::ended(self))
    }

    fn kill(&self) {
        self.watch().kill();
    }
}

/// Lets a pipe hold more, so that bundles cross it in fewer turns. Where that is not allowed, it stays as it is.
#[cfg(target_os = "linux")]
fn widen(pipe: &impl std::os::fd::AsFd) {
    const WIDE: usize = 1 << 20;
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, WIDE);
}

#[cfg(not(target_os = "linux"))]
fn widen<T>(_: &T) {}

/// `text` as one word for a POSIX shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Archive;

    fn worker() -> Errand {
        Errand::worker("a1", Archive::new(&[]).unwrap().worker_line())
    }

    fn backend(command: &[&str]) -> CommandBackend {
        let command = command.iter().map(|argument| (*argument).to_owned()).collect();
        CommandBackend::new("command", command, Path::new("/opt/my python"))
    }

    #[test]
    fn whole_arguments_are_put_in_as_they_are() {
        let arguments = backend(&["srun", "-Jnbhoist-{session}", "{python}", "-u", "{worker}"]).arguments(&worker()).unwrap();
        assert_eq!(arguments[..5], ["srun", "-Jnbhoist-a1", "/opt/my python", "-u", "-c"]);
        assert_eq!(arguments[5], worker().line);
        assert_eq!(arguments.len(), 6);
    }

    #[test]
    fn parts_of_an_argument_are_quoted_for_a_shell() {
        let arguments = backend(&["sh", "-c", "printf '%s\\n' {python} {worker}"]).arguments(&worker()).unwrap();
        let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().unwrap();
        let expected = format!("/opt/my python\n-c\n{}\n", worker().line);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }

    #[test]
    fn command_without_a_worker_is_refused() {
        assert!(matches!(backend(&[]).arguments(&worker()), Err(BackendError::EmptyCommand)));
        assert!(matches!(backend(&["ssh", "host"]).arguments(&worker()), Err(BackendError::NoWorker { .. })));
    }
}
