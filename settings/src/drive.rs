//! From what is configured to what the executor can drive.

use std::path::PathBuf;

use nbhoist_executor::executors::{self as driven, BackendConfig, Link, TokenSource};

use crate::{Backend, Executor, Settings};

/// Why a place cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing is configured under this name.
    #[error("there is no executor `{name}`; configured are {}; `nbhoist executors add` adds one", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// What there is, each in backticks.
        known: Vec<String>,
    },
    /// Nothing here drives its backend.
    #[error(
        "this version cannot drive the backend `{backend}` of `{name}`; the backends `local`, `ssh`, `slurm`, `jupyter`, `command` and plugins work"
    )]
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
        let unusable = || Unusable::Backend { name: self.name.clone(), backend: self.backend.as_str().to_owned() };
        let backend = match &self.backend {
            Backend::Local => BackendConfig::Local,
            Backend::Command => BackendConfig::Command { command: self.command.clone().ok_or_else(unusable)?, close: self.close.clone() },
            Backend::Ssh => BackendConfig::Ssh { host: self.host.clone().ok_or_else(unusable)?, options: self.arguments.clone() },
            Backend::Slurm => BackendConfig::Slurm { options: self.arguments.clone() },
            Backend::Jupyter => BackendConfig::Jupyter {
                uri: self.uri.clone().ok_or_else(unusable)?,
                kernel: self.kernel.clone(),
                token: TokenSource { variable: self.token_env.clone(), command: self.token_command.clone() },
            },
            Backend::Plugin(plugin) => {
                let uri = self.uri.clone().unwrap_or_default();
                BackendConfig::Plugin { plugin: plugin.clone(), uri, options: self.options.clone() }
            }
        };
        // The kernel of a Jupyter server has an interpreter of its own.
        let own = matches!(backend, BackendConfig::Local | BackendConfig::Jupyter { .. });
        // There is no telling which interpreter another machine has; its plain name finds the one on its PATH.
        let python = self.python.clone().or_else(|| (!own).then(|| PathBuf::from("python3")));
        let place = driven::Executor::new(&self.name, backend);
        let paths = self.paths.iter().map(|(here, there)| (here.clone(), there.clone())).collect();
        let (cache, warm) = (self.cache.unwrap_or(place.cache), self.warm.unwrap_or(place.warm));
        Ok(driven::Executor {
            cache,
            warm,
            sync: self.sync,
            paths,
            python,
            directory: self.directory.clone(),
            lease: self.lease(),
            link: Link::default(),
            speed: None,
            ..place
        })
    }

    /// The place in a few words.
    pub fn describe(&self) -> String {
        match (&self.backend, &self.command, &self.host, &self.uri) {
            (Backend::Local, ..) => "a worker process on this machine".to_owned(),
            (Backend::Ssh, _, Some(host), _) => format!("ssh {host}"),
            (Backend::Command, Some(command), ..) => command.join(" "),
            (Backend::Slurm, ..) => {
                ["a job of Slurm"].into_iter().chain(self.arguments.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
            }
            (other, .., Some(uri)) => format!("{} {uri}", other.as_str()),
            (other, ..) => other.as_str().to_owned(),
        }
    }
}
