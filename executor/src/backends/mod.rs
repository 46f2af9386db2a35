//! The backends that are built in.

pub mod command;
pub mod local;

use std::path::Path;

use crate::backend::Backend;
use crate::executors::{BackendConfig, Executor};

/// The backend of an executor; `python` is used where the executor names no interpreter.
pub fn backend(executor: &Executor, python: &Path) -> Box<dyn Backend> {
    let python = executor.python.as_deref().unwrap_or(python);
    match &executor.backend {
        BackendConfig::Local => Box::new(local::backend(python)),
        BackendConfig::Command { command } => Box::new(command::CommandBackend {
            name: "command".to_owned(),
            command: command.clone(),
            python: python.to_string_lossy().into_owned(),
            directory: None,
        }),
    }
}
