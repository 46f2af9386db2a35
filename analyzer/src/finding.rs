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
    /// What may be meant; for a person to choose.
    pub fix: Option<Fix>,
}

/// A change of a cell's source that resolves a finding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fix {
    /// What it does, as a menu says it.
    pub title: String,
    /// Number of the cell.
    pub cell: u32,
    /// First byte that is replaced in the cell's source.
    pub start: u32,
    /// Byte after them.
    pub end: u32,
    /// What stands there then.
    pub text: String,
}
