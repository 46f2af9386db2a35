//! Takes what goes to the client, one after the other, and sends it in the protocol's words.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::MessageType;
use tower_lsp_server::ls_types::notification::Notification;

use crate::convert;
use crate::methods::notice;
use crate::options::Abilities;
use crate::outbox::{Notice, Outgoing};

macro_rules! notifications {
    ($($name:ident = $method:expr;)+) => {
        $(
            struct $name;

            impl Notification for $name {
                type Params = Value;
                const METHOD: &'static str = $method;
            }
        )+

        async fn tell(client: &Client, what: Notice, value: Value) {
            match what {
                $(Notice::$name => client.send_notification::<$name>(value).await,)+
            }
        }
    };
}

notifications! {
    Progress = notice::PROGRESS;
    CellState = notice::CELL_STATE;
    Output = notice::OUTPUT;
    Finished = notice::FINISHED;
    KernelStatus = notice::KERNEL_STATUS;
    StatusChanged = notice::STATUS_CHANGED;
    ShowPlan = notice::SHOW_PLAN;
}

/// Requests that ask the client to ask again. While one is not answered, further ones become one.
struct Again {
    status: Arc<Notify>,
    diagnostics: Arc<Notify>,
    /// They end with this value.
    _tasks: JoinSet<()>,
}

impl Again {
    fn new(client: &Client, abilities: impl Fn() -> Abilities + Clone + Send + 'static) -> Self {
        let (status, diagnostics) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut tasks = JoinSet::new();
        let (asked, to, can) = (Arc::clone(&status), client.clone(), abilities.clone());
        tasks.spawn(async move {
            loop {
                asked.notified().await;
                // A client that refuses has its reasons.
                if can().refresh_hints {
                    let _ = to.inlay_hint_refresh().await;
                }
                if can().refresh_lenses {
                    let _ = to.code_lens_refresh().await;
                }
            }
        });
        let (asked, to) = (Arc::clone(&diagnostics), client.clone());
        tasks.spawn(async move {
            loop {
                asked.notified().await;
                if abilities().refresh_diagnostics {
                    let _ = to.workspace_diagnostic_refresh().await;
                }
            }
        });
        Self { status, diagnostics, _tasks: tasks }
    }
}

/// Sends until nobody says anything any more.
pub(crate) async fn deliver(
    client: Client,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    abilities: impl Fn() -> Abilities + Clone + Send + 'static,
) {
    let again = Again::new(&client, abilities);
    while let Some(next) = outgoing.recv().await {
        match next {
            Outgoing::Problems { uri, version, problems } => {
                if let Some(uri) = convert::lsp_uri(&uri) {
                    let diagnostics = problems.iter().map(convert::diagnostic).collect();
                    client.publish_diagnostics(uri, diagnostics, version).await;
                }
            }
            Outgoing::Notice(what, value) => tell(&client, what, value).await,
            Outgoing::Refresh { status, diagnostics } => {
                if status {
                    again.status.notify_one();
                }
                if diagnostics {
                    again.diagnostics.notify_one();
                }
            }
            Outgoing::Message { bad, text } => {
                let kind = if bad { MessageType::ERROR } else { MessageType::INFO };
                client.show_message(kind, text).await;
            }
        }
    }
}
