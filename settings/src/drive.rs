//! From what is configured to what the executor can drive.

use std::path::PathBuf;

use nbhoist_executor::executors::{self as driven, BackendConfig, Link};

use crate::{Backend, Executor, Settings};

/// Why a place cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing is configured under this name.
    #[error("there is no executor `{name}`; configured are {}; `here` and `auto` work too", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// What there is, each in backticks.
        known: Vec<String>,
    },
    /// Nothing here drives its backend.
    #[error("this version cannot drive the backend `{backend}` of `{name}`; the backends `local`, `ssh` and `command` work")]
    Backend {
        /// The name.
        name: String,
        /// The backend.
        backend: String,
    },
}

impl Settings {
    /// The configured place with this name, as the executor drives it.
    ///
    /// # Errors
    /// When there is none, or nothing drives it.
    pub fn drivable(&self, name: &str) -> Result<driven::Executor, Unusable> {
        let known = || self.executors.keys().map(|name| format!("`{name}`")).collect();
        let place = self.executors.get(name).ok_or_else(|| Unusable::Unknown { name: name.to_owned(), known: known() })?;
        place.drivable()
    }
}

impl Executor {
    /// The place, as the executor drives it.
    ///
    /// # Errors
    /// When nothing drives its backend.
    pub fn drivable(&self) -> Result<driven::Executor, Unusable> {
        let backend = match (&self.backend, &self.command, &self.host) {
            (Backend::Local, ..) => BackendConfig::Local,
            (Backend::Command, Some(command), _) => BackendConfig::Command { command: command.clone() },
            (Backend::Ssh, _, Some(host)) => BackendConfig::Command { command: ssh(host) },
            (other, ..) => return Err(Unusable::Backend { name: self.name.clone(), backend: other.as_str().to_owned() }),
        };
        let local = backend == BackendConfig::Local;
        // There is no telling which interpreter another machine has; its plain name finds the one on its PATH.
        let python = self.python.clone().or_else(|| (!local).then(|| PathBuf::from("python3")));
        Ok(driven::Executor { name: self.name.clone(), backend, python, link: Link::default(), speed: None })
    }

    /// The place in a few words.
    pub fn describe(&self) -> String {
        match (&self.backend, &self.command, &self.host, &self.uri) {
            (Backend::Local, ..) => "a worker process on this machine".to_owned(),
            (Backend::Ssh, _, Some(host), _) => format!("ssh {host}"),
            (Backend::Command, Some(command), ..) => command.join(" "),
            (other, .., Some(uri)) => format!("{} {uri}", other.as_str()),
            (other, ..) => other.as_str().to_owned(),
        }
    }
}

/// `ssh` in a way that never asks: a question would hang behind the progress display.
fn ssh(host: &str) -> Vec<String> {
    ["ssh", "-o", "BatchMode=yes", "-T", host, "{python} -u {worker}"].map(str::to_owned).to_vec()
}
