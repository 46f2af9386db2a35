//! Findings: what a rule reports.

use crate::report::Because;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Likely wrong.
    Warning,
    /// Wrong.
    Error,
}

impl Severity {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// From the word used in configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::Error].into_iter().find(|severity| severity.as_str() == word)
    }
}

/// One finding of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Code of the rule, such as `NBH201`.
    pub code: &'static str,
    /// Name of the rule, such as `defined-only-later`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Number of the cell.
    pub cell: u32,
    /// First byte of the range in the cell's source.
    pub start: u32,
    /// Byte after the range.
    pub end: u32,
    /// Related places, in other cells or in this one.
    pub related: Vec<Because>,
    /// How to put it right, where that can be done without a person.
    pub fix: Option<Fix>,
}

/// Whether a fix keeps what the notebook does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Applicability {
    /// It does, when the cells run in order.
    Safe,
    /// It may not; a person should look at it.
    Unsafe,
}

/// How to put a finding right. All edits are made, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in the imperative.
    pub title: String,
    /// Whether it keeps what the notebook does.
    pub applicability: Applicability,
    /// What to change.
    pub edits: Vec<Edit>,
}

/// One change of a notebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Replaces the bytes `start..end` of a cell's source.
    Source {
        /// Number of the cell.
        cell: u32,
        /// First byte of the range in the cell's source.
        start: u32,
        /// Byte after the range.
        end: u32,
        /// What stands there instead.
        text: String,
    },
    /// Removes the saved outputs of a code cell. Its execution count stays: the cell did run.
    ClearOutputs {
        /// Number of the cell.
        cell: u32,
    },
    /// Gives a cell another id.
    Id {
        /// Number of the cell.
        cell: u32,
        /// The new id: 1 to 64 letters, digits, `-` or `_`.
        id: String,
    },
}
