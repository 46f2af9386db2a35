//! Why a request cannot be answered.

use crate::pool::Panicked;

/// Why a request cannot be answered. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The document is not open.
    #[error("{uri} is not open here; open it in the editor first")]
    NotOpen {
        /// The document.
        uri: String,
    },
    /// The parameters make no sense.
    #[error("{0}")]
    Parameters(String),
    /// Something that a user can put right.
    #[error("{0}")]
    Failed(String),
    /// Our own mistake.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

impl Fault {
    pub(crate) fn not_open(uri: &str) -> Self {
        Self::NotOpen { uri: uri.to_owned() }
    }

    pub(crate) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    pub(crate) fn parameter(name: &str, wanted: &str) -> Self {
        Self::Parameters(format!("`{name}` must be {wanted}; docs/lsp-extensions.md shows the request"))
    }
}
