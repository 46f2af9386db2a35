//! The language server: what the analysis knows, in the words of the Language Server Protocol.
//!
//! Invariants:
//! - nothing on the message loop takes long: analyses run on threads of their own, jobs in tasks of their own;
//! - what is published is about the text as it is, or it is not published;
//! - a panic costs one answer;
//! - the protocol's types stay in `convert`, `deliver` and `server`; everything else can be tested without a client.
#![warn(missing_docs)]

mod actions;
mod blocks;
mod commands;
mod convert;
mod cost;
mod deliver;
mod document;
mod encoding;
mod error;
pub mod files;
mod hover;
mod jobs;
pub mod json;
mod jupyter;
mod kernels;
mod live;
pub mod log;
pub mod methods;
mod options;
mod outbox;
mod pool;
mod problems;
mod run;
mod server;
mod session;
mod snapshot;
mod spans;
mod status;
mod told;

use std::path::Path;
use std::sync::Arc;

use nbhoist_settings::Settings;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_lsp_server::LspService;

use crate::outbox::Outbox;
use crate::pool::Pool;
use crate::server::Server;
use crate::session::Session;

/// How many requests may wait at once. Each only waits, for threads or tasks that do the work; with fewer, requests that take
/// long would hold up the one that cancels them.
const WAITING: usize = 1024;

/// Serves one client until it says `exit` or its end closes.
///
/// # Errors
/// When no thread can be started.
pub async fn serve(input: impl AsyncRead + Unpin, output: impl AsyncWrite) -> std::io::Result<()> {
    serve_with(Settings::load, input, output).await
}

/// The same, with another way to read the configuration for a folder.
///
/// # Errors
/// When no thread can be started.
pub async fn serve_with(
    load: fn(&Path) -> Result<Settings, nbhoist_settings::Error>,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite,
) -> std::io::Result<()> {
    let (outbox, outgoing) = Outbox::new();
    let session = Arc::new(Session::new(outbox, Pool::new()?, load));
    let shared = Arc::clone(&session);
    let mut delivery = None;
    let builder = LspService::build(|client| {
        let asked = Arc::clone(&shared);
        delivery = Some(deliver::deliver(client, outgoing, move || asked.abilities()));
        Server::new(shared)
    });
    let (service, socket) = Server::extend(builder).finish();
    let serving = tower_lsp_server::Server::new(input, output, socket).concurrency_level(WAITING).serve(service);
    // In one task: what is found is on its way without waking another thread first.
    let delivering = async {
        if let Some(delivery) = delivery {
            delivery.await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serving => {}
        () = delivering => {}
    }
    session.end_kernels().await;
    Ok(())
}
