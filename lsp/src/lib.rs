//! The language server: what the analysis knows, in the words of the Language Server Protocol.
//!
//! Invariants:
//! - nothing takes long while messages wait: a thread that analyzes has given the message loop to another one, jobs run in tasks of their own;
//! - what is published is about the text as it is, or it is not published;
//! - a panic costs one answer;
//! - the protocol's types stay in `convert`, `deliver`, `reading` and `server`; everything else can be tested without a client.
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
pub mod folders;
mod frames;
mod hover;
mod jobs;
pub mod json;
mod jupyter;
mod kernels;
mod live;
pub mod log;
pub mod methods;
mod newest;
mod options;
mod outbox;
mod pool;
mod problems;
mod reading;
mod run;
mod server;
mod session;
mod snapshot;
mod spans;
mod status;
mod ticket;
mod told;
mod wire;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;
use nbhoist_settings::Settings;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_lsp_server::LspService;

use crate::outbox::{Again, Outbox};
use crate::pool::Pool;
use crate::server::Server;
use crate::session::Session;
use crate::wire::Wire;

pub use crate::wire::Output;

/// Serves one client until it says `exit` or its end closes.
///
/// # Errors
/// When no thread can be started.
pub async fn serve(input: impl Read + Send + 'static, output: impl Output) -> std::io::Result<()> {
    serve_with(Settings::load, input, output).await
}

/// The same, with another way to read the configuration for a folder.
///
/// # Errors
/// When no thread can be started.
pub async fn serve_with(
    load: fn(&Path) -> Result<Settings, nbhoist_settings::Error>,
    input: impl Read + Send + 'static,
    output: impl Output,
) -> std::io::Result<()> {
    let (wire, again) = (Wire::new(output)?, Again::default());
    // Whoever stops to wait for this function's end has nobody who calls `end`.
    let _given_up = wire.until_dropped();
    let session = Arc::new(Session::new(Outbox::new(wire.clone(), again.clone()), Pool::new()?, load));
    let (shared, asked) = (Arc::clone(&session), Arc::clone(&session));
    // They end with this function.
    let mut asking = JoinSet::new();
    let builder = LspService::build(|client| {
        asking.spawn(deliver::ask_again(client, again, move || asked.abilities()));
        Server::new(shared)
    });
    let (service, socket) = Server::extend(builder).finish();
    let (mut requests, answers) = socket.split();
    let way = wire.clone();
    asking.spawn(async move {
        while let Some(request) = requests.next().await {
            way.send(&request);
        }
    });
    let (under_way, mut all_answered) = mpsc::channel(1);
    reading::begin(input, service, answers, wire.clone(), under_way)?;
    // Nothing is sent; it ends when nobody could.
    while all_answered.recv().await.is_some() {}
    session.end_kernels().await;
    // Only a client that does not read makes it wait.
    let _ = tokio::task::spawn_blocking(move || wire.end()).await;
    Ok(())
}
