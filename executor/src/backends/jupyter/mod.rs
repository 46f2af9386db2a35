//! A worker beside a kernel of a Jupyter server: Jupyter Server, Hub, Kernel Gateway, Enterprise Gateway.
//!
//! Such a server gives no byte stream, but it starts kernels and passes messages to them. A kernel of our own starts the worker
//! and passes its standard streams on as the buffers of comm messages (`bridge.py`). The kernel runs no cell itself.

mod bridge;
mod rest;
mod wire;

use std::path::PathBuf;

use tokio::process::Command;

use self::rest::Rest;
use super::command::quietly;
use crate::backend::{Backend, BackendError, Connection, Errand, Task};

/// Where the token comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSource {
    /// An environment variable; `JUPYTER_TOKEN` when not given.
    pub variable: Option<String>,
    /// A command that prints it, such as one that asks a keyring.
    pub command: Option<Vec<String>>,
}

impl TokenSource {
    async fn token(&self) -> Result<Option<String>, BackendError> {
        if let Some((program, rest)) = self.command.as_deref().and_then(<[String]>::split_first) {
            let printed = quietly(Command::new(program).args(rest)).await;
            let failed = || BackendError::Service {
                what: "there is no token for the server".to_owned(),
                why: format!("`{program}` of `token-command` failed"),
            };
            return Ok(Some(printed.ok_or_else(failed)?.trim().to_owned()));
        }
        let variable = self.variable.as_deref().unwrap_or("JUPYTER_TOKEN");
        let token = std::env::var(variable).ok().filter(|token| !token.is_empty());
        if token.is_none() && self.variable.is_some() {
            let why = format!("the environment variable {variable} of `token-env` is not set");
            return Err(BackendError::Service { what: "there is no token for the server".to_owned(), why });
        }
        Ok(token)
    }
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JupyterBackend {
    /// Its address, such as `https://hub.example.org/user/me`.
    pub uri: String,
    /// The kernel to start; the server's usual one when not given.
    pub kernel: Option<String>,
    /// Where the token comes from.
    pub token: TokenSource,
    /// The interpreter there; that of the kernel when not given.
    pub python: Option<PathBuf>,
}

impl JupyterBackend {
    async fn rest(&self) -> Result<Rest, BackendError> {
        Ok(Rest::new(&self.uri, self.token.token().await?))
    }
}

fn name(session: &str) -> String {
    format!("nbhoist-{session}")
}

/// Ends a kernel that nobody came to use.
struct Started<'a> {
    rest: &'a Rest,
    name: String,
    used: bool,
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        if self.used {
            return;
        }
        let (rest, name) = (self.rest.clone(), self.name.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = rest.end(&name).await;
            });
        }
    }
}

impl Backend for JupyterBackend {
    fn name(&self) -> &'static str {
        "jupyter"
    }

    fn connect<'a>(&'a self, errand: &'a Errand) -> Task<'a, Result<Connection, BackendError>> {
        Box::pin(async {
            let rest = self.rest().await?;
            let name = name(&errand.session);
            let mut started = Started { rest: &rest, name: name.clone(), used: errand.again };
            let kernel = if errand.again {
                let gone = || BackendError::Service { what: "the kernel is gone".to_owned(), why: "the server has ended it".to_owned() };
                rest.find(&name).await?.ok_or_else(gone)?.0
            } else {
                rest.start(&name, self.kernel.as_deref()).await?
            };
            let python = self.python.as_ref().map(|python| python.to_string_lossy().into_owned());
            let connection = bridge::open(&rest, &kernel, python, &errand.line).await?;
            started.used = true;
            Ok(connection)
        })
    }

    fn close<'a>(&'a self, session: &'a str) -> Task<'a, ()> {
        Box::pin(async move {
            // What cannot be ended now is ended by the server when it is idle for too long.
            if let Ok(rest) = self.rest().await {
                let _ = rest.end(&name(session)).await;
            }
        })
    }
}
