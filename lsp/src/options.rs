//! What the editor asks for and what it can do.

use std::path::PathBuf;

use nbhoist_settings::{Hints, Settings};
use serde_json::Value;

use crate::encoding::Encoding;

/// What the client can do.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that a client can or cannot do")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// In which units it counts columns.
    pub(crate) encoding: Encoding,
    /// It asks for the diagnostics of plain documents.
    pub(crate) pull: bool,
    /// It asks for those of notebook cells, too.
    pub(crate) notebook_pull: bool,
    /// It shows plans itself.
    pub(crate) show_plan: bool,
    /// It sees to kernels itself.
    pub(crate) kernel: bool,
    /// It asks again for inlay hints when told to.
    pub(crate) refresh_hints: bool,
    /// It asks again for code lenses when told to.
    pub(crate) refresh_lenses: bool,
    /// It asks again for diagnostics when told to.
    pub(crate) refresh_diagnostics: bool,
}

impl Abilities {
    /// Whether the client asks for the diagnostics of a script, or of a notebook's cells; what it does not ask for is sent unasked.
    pub(crate) const fn pulls(self, is_script: bool) -> bool {
        self.pull && (is_script || self.notebook_pull)
    }
}

/// Options of the editor, which win over those of configuration files.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// Where hints are shown.
    pub(crate) hints: Option<Hints>,
    /// Budget above which a cell is heavy, seconds.
    pub(crate) heavy_seconds: Option<f64>,
    /// The interpreter for kernels that the server starts.
    pub(crate) python: Option<PathBuf>,
    /// Whether anything may be started, attached to or moved; once it was said, it holds until the contrary is said.
    pub(crate) trusted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { hints: None, heavy_seconds: None, python: None, trusted: true }
    }
}

impl Options {
    /// Reads the options of a client. What is missing or of another type is left out: a mistake in them must not cost the server.
    pub(crate) fn read(value: &Value, before: &Self) -> Self {
        let seconds = value.get("heavySeconds").and_then(Value::as_f64);
        Self {
            hints: value.get("hints").and_then(Value::as_str).and_then(Hints::from_word),
            heavy_seconds: seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
            python: value.get("python").and_then(Value::as_str).filter(|path| !path.is_empty()).map(PathBuf::from),
            trusted: value.get("trusted").and_then(Value::as_bool).unwrap_or(before.trusted),
        }
    }

    /// Where hints are shown.
    pub(crate) fn hints(&self, settings: &Settings) -> Hints {
        self.hints.unwrap_or(settings.hints)
    }

    /// Above how many seconds a cell is heavy.
    pub(crate) fn heavy_seconds(&self, settings: &Settings) -> f64 {
        self.heavy_seconds.unwrap_or(settings.heavy_seconds)
    }
}
