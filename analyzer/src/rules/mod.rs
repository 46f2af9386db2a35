//! The rules of `nbhoist check`: one file each, with its explanation beside it.

mod apply;
mod comments;
mod defined_nowhere;
mod defined_only_later;
mod ignore;
mod suppress;
mod unparsable_cell;
mod unused_suppression;

use crate::Request;
use crate::finding::{Finding, Severity};
use crate::linked::Linked;
use crate::report::{CellReport, Edge};

/// What a rule looks at.
pub(crate) struct Context<'c> {
    pub(crate) request: &'c Request<'c>,
    pub(crate) cells: &'c [CellReport],
    #[allow(dead_code, reason = "rules about dependencies read it")]
    pub(crate) edges: &'c [Edge],
    pub(crate) linked: &'c Linked,
}

/// A rule.
#[derive(Clone)]
pub struct Rule {
    /// Code, such as `NBH101`.
    pub code: &'static str,
    /// Name, such as `unparsable-cell`.
    pub name: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// Whether it applies only where it is selected.
    pub opt_in: bool,
    /// One line.
    pub summary: &'static str,
    /// What, why, examples, how to fix, when to ignore; markdown.
    pub explanation: &'static str,
    check: fn(&Context<'_>, &Rule) -> Vec<Finding>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("code", &self.code).field("name", &self.name).finish_non_exhaustive()
    }
}

pub(crate) use apply::run;
pub use apply::{is_known, nearest};
pub use ignore::{comment as ignore_comment, edit as ignore_edit};

/// Every rule, by code.
pub fn all() -> &'static [Rule] {
    &[unused_suppression::RULE, unparsable_cell::RULE, defined_only_later::RULE, defined_nowhere::RULE]
}

/// The rule with this code or name.
pub fn find(code_or_name: &str) -> Option<&'static Rule> {
    all().iter().find(|rule| rule.code.eq_ignore_ascii_case(code_or_name) || rule.name == code_or_name)
}

impl Rule {
    /// Where its explanation can be read.
    pub fn page(&self) -> String {
        format!("{}/blob/main/docs/rules/{}.md", env!("CARGO_PKG_REPOSITORY"), self.name)
    }

    /// A finding of this rule.
    fn finding(&self, message: String, help: Option<String>, cell: u32, start: u32, end: u32) -> Finding {
        Finding {
            code: self.code,
            rule: self.name,
            severity: self.severity,
            message,
            help,
            cell,
            start,
            end,
            related: Vec::new(),
            fix: None,
        }
    }
}
