//! Puts what goes to the client into the protocol's words.

use serde::Serialize;
use tower_lsp_server::Client;
use tower_lsp_server::ls_types as lsp;

use crate::convert;
use crate::methods::notice;
use crate::options::Abilities;
use crate::outbox::{Again, Notice, Outgoing};
use crate::wire::Wire;

#[derive(Serialize)]
struct Notification<P> {
    jsonrpc: &'static str,
    method: &'static str,
    params: P,
}

fn tell(wire: &Wire, method: &'static str, params: impl Serialize) {
    wire.send(&Notification { jsonrpc: "2.0", method, params });
}

const fn method(what: Notice) -> &'static str {
    match what {
        Notice::Progress => notice::PROGRESS,
        Notice::CellState => notice::CELL_STATE,
        Notice::Output => notice::OUTPUT,
        Notice::Finished => notice::FINISHED,
        Notice::KernelStatus => notice::KERNEL_STATUS,
        Notice::StatusChanged => notice::STATUS_CHANGED,
        Notice::ShowPlan => notice::SHOW_PLAN,
    }
}

/// Sends something on the thread that says it.
pub(crate) fn deliver(wire: &Wire, again: &Again, outgoing: Outgoing) {
    match outgoing {
        Outgoing::Problems { uri, version, problems } => {
            if let Some(uri) = convert::lsp_uri(&uri) {
                let diagnostics = problems.iter().map(convert::diagnostic).collect();
                tell(wire, "textDocument/publishDiagnostics", lsp::PublishDiagnosticsParams { uri, diagnostics, version });
            }
        }
        Outgoing::Notice(what, value) => tell(wire, method(what), value),
        Outgoing::Refresh { status, diagnostics } => {
            if status {
                again.status.notify_one();
            }
            if diagnostics {
                again.diagnostics.notify_one();
            }
        }
        Outgoing::Message { bad, text } => {
            let typ = if bad { lsp::MessageType::ERROR } else { lsp::MessageType::INFO };
            tell(wire, "window/showMessage", lsp::ShowMessageParams { typ, message: text });
        }
    }
}

/// Asks the client to ask again, when something that it asked for has changed. While one request is not answered, further ones become one.
pub(crate) async fn ask_again(client: Client, again: Again, abilities: impl Fn() -> Abilities) {
    let status = async {
        loop {
            again.status.notified().await;
            // A client that refuses has its reasons.
            if abilities().refresh_hints {
                let _ = client.inlay_hint_refresh().await;
            }
            if abilities().refresh_lenses {
                let _ = client.code_lens_refresh().await;
            }
        }
    };
    let diagnostics = async {
        loop {
            again.diagnostics.notified().await;
            if abilities().refresh_diagnostics {
                let _ = client.workspace_diagnostic_refresh().await;
            }
        }
    };
    tokio::join!(status, diagnostics);
}
