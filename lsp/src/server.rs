//! The protocol's methods: each takes its parameters apart, asks the session, and puts the answer together.
//!
//! Notifications change the session before anything is waited for: many handlers run at once, and only what a handler
//! does before its first wait is sure to happen in order.

use std::sync::Arc;

use serde_json::Value;
use tower_lsp_server::jsonrpc::Result;
use tower_lsp_server::ls_types as lsp;
use tower_lsp_server::{LanguageServer, LspServiceBuilder};

use crate::document::{Document, Uri};
use crate::encoding::{self, Position, Span};
use crate::error::Fault;
use crate::methods::{command, report, request};
use crate::options::Options;
use crate::pool::fence;
use crate::session::Session;
use crate::snapshot::Snapshot;
use crate::{actions, blocks, convert, hover, problems, status};

macro_rules! own_requests {
    ($($method:ident = $name:expr;)+) => {
        impl Server {
            $(async fn $method(&self, params: Value) -> Result<Value> {
                Ok(self.session.request($name, &params).await?)
            })+

            /// Adds the methods beyond LSP.
            pub(crate) fn extend(builder: LspServiceBuilder<Self>) -> LspServiceBuilder<Self> {
                let builder = builder.custom_method(report::CELL_EXECUTED, Self::cell_executed);
                builder$(.custom_method($name, Self::$method))+
            }
        }
    };
}

own_requests! {
    cell_status = request::CELL_STATUS;
    executors = request::EXECUTORS;
    probe = request::PROBE;
    find_kernel = request::FIND_KERNEL;
    start_kernel = request::START_KERNEL;
    execute = request::EXECUTE;
    interrupt = request::INTERRUPT;
    restart = request::RESTART;
    shutdown_kernel = request::SHUTDOWN_KERNEL;
    decide = request::DECIDE;
    undo = request::UNDO;
    kernel = request::KERNEL;
}

/// The server's end of the protocol.
#[derive(Debug)]
pub(crate) struct Server {
    session: Arc<Session>,
}

impl Server {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// The notebook or script of a document, and what is known of it.
    async fn known(&self, document: &lsp::Uri) -> Result<Option<(Uri, Arc<Snapshot>)>> {
        let document = convert::uri(document);
        match self.session.owner(&document) {
            Some(owner) => Ok(Some((document, self.session.snapshot(&owner).await?))),
            // A document of another language, which the client asks about all the same.
            None => Ok(None),
        }
    }

    #[expect(clippy::unused_async, reason = "the library takes no other handlers")]
    async fn cell_executed(&self, params: Value) {
        guarded(|| self.session.cell_executed(&params));
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        Ok(self.session.pool.run(work).await.map_err(Fault::from)?)
    }
}

/// Notifications answer nothing, so a mistake in one is only written down.
fn guarded(change: impl FnOnce()) {
    let _ = fence(change);
}

impl LanguageServer for Server {
    async fn initialize(&self, params: lsp::InitializeParams) -> Result<lsp::InitializeResult> {
        let abilities = convert::abilities(&params.capabilities);
        self.session.set_abilities(abilities);
        self.session.set_options(Options::read(&params.initialization_options.unwrap_or_default(), &Options::default()));
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        Ok(lsp::InitializeResult {
            capabilities: convert::capabilities(abilities),
            server_info: Some(lsp::ServerInfo { name: "nbhoist".to_owned(), version }),
            offset_encoding: None,
        })
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn notebook_did_open(&self, params: lsp::DidOpenNotebookDocumentParams) {
        guarded(|| {
            let (uri, open) = convert::notebook(params);
            self.session.open(&uri, Document::Notebook(open));
        });
    }

    async fn notebook_did_change(&self, params: lsp::DidChangeNotebookDocumentParams) {
        guarded(|| self.session.change_notebook(&convert::uri(&params.notebook_document.uri), convert::change(params.change)));
    }

    /// Modules that the notebook imports may have been saved meanwhile, too; the next analysis reads them again. Autosave
    /// sends this in the middle of a run, so nothing is started here.
    async fn notebook_did_save(&self, _: lsp::DidSaveNotebookDocumentParams) {}

    async fn notebook_did_close(&self, params: lsp::DidCloseNotebookDocumentParams) {
        guarded(|| self.session.close(&convert::uri(&params.notebook_document.uri)));
    }

    async fn did_open(&self, params: lsp::DidOpenTextDocumentParams) {
        guarded(|| {
            let (uri, text) = convert::text(params.text_document);
            // Some clients open the documents of cells as well.
            if text.language == "python" && self.session.owner(&uri).is_none_or(|owner| owner == uri) {
                self.session.open(&uri, Document::Script(text));
            }
        });
    }

    async fn did_change(&self, params: lsp::DidChangeTextDocumentParams) {
        let (document, edits) = (params.text_document, convert::edits(params.content_changes));
        guarded(|| self.session.change_script(&convert::uri(&document.uri), document.version, &edits));
    }

    /// A file with settings, or a module that others import.
    async fn did_save(&self, params: lsp::DidSaveTextDocumentParams) {
        let name = params.text_document.uri.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        guarded(|| match name.as_str() {
            "nbhoist.toml" | "pyproject.toml" => self.session.reload(),
            _ => self.session.recheck(),
        });
    }

    async fn did_close(&self, params: lsp::DidCloseTextDocumentParams) {
        guarded(|| self.session.close_script(&convert::uri(&params.text_document.uri)));
    }

    async fn did_change_configuration(&self, params: lsp::DidChangeConfigurationParams) {
        guarded(|| match params.settings.get("nbhoist").filter(|options| options.is_object()) {
            Some(options) => self.session.set_options(Options::read(options, &self.session.options())),
            // Some clients only say that something has changed, or send the settings of others.
            None => self.session.reload(),
        });
    }

    async fn did_change_watched_files(&self, _: lsp::DidChangeWatchedFilesParams) {
        guarded(|| self.session.reload());
    }

    async fn diagnostic(&self, params: lsp::DocumentDiagnosticParams) -> Result<lsp::DocumentDiagnosticReportResult> {
        let abilities = self.session.abilities();
        let found = match self.known(&params.text_document.uri).await? {
            // What is pushed is not given a second time.
            Some((uri, snapshot)) if abilities.pulls(snapshot.source.is_script) => snapshot.problems.get(&uri).cloned(),
            _ => None,
        };
        let found = found.unwrap_or_default();
        Ok(convert::report(&found, problems::result_id(&found), params.previous_result_id.as_deref()))
    }

    async fn hover(&self, params: lsp::HoverParams) -> Result<Option<lsp::Hover>> {
        let place = params.text_document_position_params;
        let Some((uri, snapshot)) = self.known(&place.text_document.uri).await? else { return Ok(None) };
        let encoding = self.session.abilities().encoding;
        let (known, at) = (Arc::clone(&snapshot), convert::position(place.position));
        let hovered = move || {
            let text = known.source.places.iter().find(|place| place.uri == uri)?.text.clone();
            hover::at(&known, &uri, encoding::offset(&text, at, encoding), encoding)
        };
        let Some(hovered) = self.work(hovered).await? else { return Ok(None) };
        let weighed = self.session.weigh(&snapshot.source.uri, &hovered.name).await;
        let last = self.session.measured().size(&snapshot.source.uri, &hovered.name);
        Ok(Some(convert::hover(hovered.text + &hover::value(weighed.as_ref(), last, hovered.expected.as_deref()), hovered.span)))
    }

    async fn code_lens(&self, params: lsp::CodeLensParams) -> Result<Option<Vec<lsp::CodeLens>>> {
        let Some((uri, snapshot)) = self.known(&params.text_document.uri).await? else { return Ok(None) };
        let session = Arc::clone(&self.session);
        self.work(move || Some(lenses(&session, &snapshot, &uri))).await
    }

    async fn inlay_hint(&self, params: lsp::InlayHintParams) -> Result<Option<Vec<lsp::InlayHint>>> {
        let Some((uri, snapshot)) = self.known(&params.text_document.uri).await? else { return Ok(None) };
        let session = Arc::clone(&self.session);
        let (start, end) = (convert::position(params.range.start), convert::position(params.range.end));
        self.work(move || {
            let hints = hints(&session, &snapshot, &uri).into_iter().filter(|(at, ..)| start <= *at && *at <= end);
            Some(hints.map(|(at, text, tooltip)| convert::hint(at, text, tooltip)).collect())
        })
        .await
    }

    async fn code_action(&self, params: lsp::CodeActionParams) -> Result<Option<lsp::CodeActionResponse>> {
        let Some((uri, snapshot)) = self.known(&params.text_document.uri).await? else { return Ok(None) };
        let encoding = self.session.abilities().encoding;
        let (start, end) = (convert::position(params.range.start), convert::position(params.range.end));
        let only: Option<Vec<String>> = params.context.only.map(|kinds| kinds.iter().map(|kind| kind.as_str().to_owned()).collect());
        self.work(move || {
            let actions = actions::at(&snapshot, &uri, start, end, encoding).into_iter();
            let actions = actions.filter_map(|action| convert::action(&snapshot, action));
            Some(actions.filter(|action| wanted(action, only.as_deref())).collect())
        })
        .await
    }

    async fn execute_command(&self, params: lsp::ExecuteCommandParams) -> Result<Option<lsp::LSPAny>> {
        let argument = params.arguments.first().cloned().unwrap_or_default();
        Ok(Some(self.session.command(&params.command, &argument).await?))
    }
}

/// Whether the client asked for actions of this kind: a kind includes those that go on behind a dot.
fn wanted(action: &lsp::CodeActionOrCommand, only: Option<&[String]>) -> bool {
    let lsp::CodeActionOrCommand::CodeAction(action) = action else { return true };
    let kind = action.kind.as_ref().map(lsp::CodeActionKind::as_str).unwrap_or_default();
    only.is_none_or(|only| {
        only.iter()
            .any(|asked| kind.strip_prefix(asked.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || asked.is_empty()))
    })
}

/// A lens over the first cell of each block that stands in this document, with one that explains beside it.
fn lenses(session: &Session, snapshot: &Snapshot, uri: &Uri) -> Vec<lsp::CodeLens> {
    let costs = snapshot.costs();
    let encoding = session.abilities().encoding;
    let mut lenses = Vec::new();
    for (name, cells) in blocks::of(snapshot, &costs) {
        let place = cells.first().and_then(|first| snapshot.source.span(*first, 0, 0, encoding));
        let Some((_, place)) = place.filter(|(document, _)| document == uri) else { continue };
        let notebook = &*snapshot.source.uri;
        let size = |name: &str| session.measured().size(&snapshot.source.uri, name);
        let lens = blocks::lens(snapshot, cells, name.as_deref(), &costs, size);
        let cells = status::names(snapshot, &lens.cells);
        let explain = serde_json::json!({ "notebook": notebook, "cells": cells, "show": true });
        match lens.executor {
            Some(executor) => {
                let migrate = serde_json::json!({ "notebook": notebook, "cells": cells, "executor": executor });
                lenses.push(convert::lens(place, lens.title, command::MIGRATE, migrate));
                lenses.push(convert::lens(place, "Explain".to_owned(), command::PLAN, explain));
            }
            None => lenses.push(convert::lens(place, lens.title, command::PLAN, explain)),
        }
    }
    lenses
}

/// Hints of this document: where, what, why.
fn hints(session: &Session, snapshot: &Snapshot, uri: &Uri) -> Vec<(Position, String, String)> {
    let costs = snapshot.costs();
    let encoding = session.abilities().encoding;
    let hints = session.options().hints(&snapshot.settings);
    let mut found = Vec::new();
    for (cell, cost) in snapshot.source.notebook.cells.iter().zip(costs) {
        let first = cell.source.lines().next().unwrap_or_default().len() as u32;
        let place: Option<(Uri, Span)> = snapshot.source.span(cell.number, first, first, encoding);
        let Some((_, place)) = place.filter(|(document, _)| document == uri) else { continue };
        let status = status::of(snapshot, cell.number, cost, session.last_moved(snapshot, cell.number), hints);
        if let Some(status) = status.filter(|status| status.show) {
            found.push((place.start, status.text, status.tooltip));
        }
    }
    found
}
