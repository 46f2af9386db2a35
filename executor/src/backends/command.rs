//! A worker behind any command whose standard input and output are a byte stream to it: ssh, srun, kubectl exec, docker.
//!
//! In the command, an argument that is `{python}` becomes the interpreter and one that is `{worker}` becomes `-c` and the
//! line that starts the worker. Inside a longer argument they are quoted for a POSIX shell, because a shell will read them:
//! `["ssh", "big", "{python} -u {worker}"]`.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::backend::{Backend, BackendError, Connection, Peer, Task};
use crate::process::{Ending, Supervised};
use crate::runtime;

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
}

impl CommandBackend {
    /// The program and its arguments.
    ///
    /// # Errors
    /// When the template is empty or starts no worker.
    pub fn arguments(&self) -> Result<Vec<String>, BackendError> {
        if self.command.is_empty() {
            return Err(BackendError::EmptyCommand);
        }
        if !self.command.iter().any(|argument| argument.contains("{worker}")) {
            return Err(BackendError::NoWorker { command: self.command.clone() });
        }
        Ok(self.command.iter().flat_map(|argument| self.substitute(argument)).collect())
    }

    fn substitute(&self, argument: &str) -> Vec<String> {
        match argument {
            "{python}" => vec![self.python.clone()],
            "{worker}" => vec!["-c".to_owned(), runtime::worker_line().to_owned()],
            _ => {
                let worker = format!("-c {}", quoted(runtime::worker_line()));
                vec![argument.replace("{python}", &quoted(&self.python)).replace("{worker}", &worker)]
            }
        }
    }
}

impl Backend for CommandBackend {
    fn name(&self) -> &str {
        &self.name
    }

    fn connect(&self) -> Task<'_, Result<Connection, BackendError>> {
        Box::pin(async {
            let arguments = self.arguments()?;
            let (program, rest) = arguments.split_first().ok_or(BackendError::EmptyCommand)?;
            let mut command = Command::new(program);
            command.args(rest).stdin(Stdio::piped()).stdout(Stdio::piped());
            if let Some(directory) = &self.directory {
                command.current_dir(directory);
            }
            let started = Supervised::spawn(&mut command);
            let (process, pipes) = started.map_err(|error| BackendError::Start { program: program.clone(), error })?;
            let (Some(writer), Some(reader)) = (pipes.stdin, pipes.stdout) else {
                return Err(BackendError::NoPipes);
            };
            widen(&writer);
            widen(&reader);
            Ok(Connection { reader: Box::new(reader), writer: Box::new(writer), peer: Box::new(process) })
        })
    }
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
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(command: &[&str]) -> CommandBackend {
        CommandBackend {
            name: "command".to_owned(),
            command: command.iter().map(|argument| (*argument).to_owned()).collect(),
            python: "/opt/my python".to_owned(),
            directory: None,
        }
    }

    #[test]
    fn whole_arguments_are_put_in_as_they_are() {
        let arguments = backend(&["srun", "-n1", "{python}", "-u", "{worker}"]).arguments().unwrap();
        assert_eq!(arguments[..5], ["srun", "-n1", "/opt/my python", "-u", "-c"]);
        assert_eq!(arguments[5], runtime::worker_line());
        assert_eq!(arguments.len(), 6);
    }

    #[test]
    fn parts_of_an_argument_are_quoted_for_a_shell() {
        let arguments = backend(&["sh", "-c", "printf '%s\\n' {python} {worker}"]).arguments().unwrap();
        let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().unwrap();
        let expected = format!("/opt/my python\n-c\n{}\n", runtime::worker_line());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }

    #[test]
    fn command_without_a_worker_is_refused() {
        assert!(matches!(backend(&[]).arguments(), Err(BackendError::EmptyCommand)));
        assert!(matches!(backend(&["ssh", "host"]).arguments(), Err(BackendError::NoWorker { .. })));
    }
}
