//! What goes to the client, in the order in which it was said.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use crate::deliver;
use crate::document::Uri;
use crate::problems::Problem;
use crate::wire::Wire;

/// Notifications beyond LSP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A step of a job.
    Progress,
    /// A cell starts or ends.
    CellState,
    /// An output of a cell.
    Output,
    /// The end of a job.
    Finished,
    /// The kernel's state.
    KernelStatus,
    /// What is said about cells has changed.
    StatusChanged,
    /// A plan that the user asked for.
    ShowPlan,
}

/// Something for the client.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// All problems of a document.
    Problems {
        /// The document.
        uri: Uri,
        /// The version they are about.
        version: Option<i32>,
        /// The problems.
        problems: Arc<Vec<Problem>>,
    },
    /// A notification beyond LSP.
    Notice(Notice, Value),
    /// What was asked for before has changed.
    Refresh {
        /// Hints and lenses.
        status: bool,
        /// Diagnostics that the client pulls.
        diagnostics: bool,
    },
    /// Something to show to the user.
    Message {
        /// Whether it is an error.
        bad: bool,
        /// The text.
        text: String,
    },
}

/// What the client is asked to ask for again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Again {
    /// Hints and lenses.
    pub(crate) status: Arc<Notify>,
    /// Diagnostics that it pulls.
    pub(crate) diagnostics: Arc<Notify>,
}

/// The way to the client. Sending never waits.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    wire: Wire,
    again: Again,
}

impl Outbox {
    /// What is said goes over this wire.
    pub(crate) const fn new(wire: Wire, again: Again) -> Self {
        Self { wire, again }
    }

    /// Sends something.
    pub(crate) fn send(&self, outgoing: Outgoing) {
        deliver::deliver(&self.wire, &self.again, outgoing);
    }

    /// Sends a notification beyond LSP.
    pub(crate) fn notice(&self, notice: Notice, value: Value) {
        self.send(Outgoing::Notice(notice, value));
    }
}
