//! The backends that are built in.

pub mod command;
pub mod jupyter;
pub mod local;
pub mod plugin;
pub mod slurm;
pub mod ssh;

use std::path::Path;
use std::sync::Arc;

use crate::backend::Backend;
use crate::executors::{BackendConfig, Executor};

/// The backend of an executor; `python` is used where the executor names no interpreter.
pub fn backend(executor: &Executor, python: &Path) -> Arc<dyn Backend> {
    let python = executor.python.as_deref().unwrap_or(python);
    match &executor.backend {
        BackendConfig::Local => Arc::new(local::backend(python)),
        BackendConfig::Command { command, close } => {
            Arc::new(command::CommandBackend { close: close.clone(), ..command::CommandBackend::new("command", command.clone(), python) })
        }
        BackendConfig::Ssh { host, options } => {
            Arc::new(ssh::SshBackend { host: host.clone(), options: options.clone(), python: python.to_path_buf() })
        }
        BackendConfig::Slurm { options } => Arc::new(slurm::SlurmBackend { options: options.clone(), python: python.to_path_buf() }),
        // The kernel there has an interpreter of its own.
        BackendConfig::Jupyter { uri, kernel, token } => Arc::new(jupyter::JupyterBackend {
            uri: uri.clone(),
            kernel: kernel.clone(),
            token: token.clone(),
            python: executor.python.clone(),
        }),
        BackendConfig::Plugin { plugin, uri, options } => Arc::new(plugin::PluginBackend {
            plugin: plugin.clone(),
            uri: uri.clone(),
            options: options.clone(),
            python: python.to_path_buf(),
            folder: None,
        }),
    }
}
