//! Findings as they stand in the cache: plain data for serde.

use nbhoist_analyzer::finding::{Applicability, Edit, Finding, Fix, Severity};
use nbhoist_analyzer::report::Because;
use nbhoist_analyzer::rules;
use serde::{Deserialize, Serialize};

/// One finding.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Cached {
    code: String,
    severity: String,
    message: String,
    help: Option<String>,
    place: (u32, u32, u32),
    related: Vec<(String, u32, u32, u32)>,
    fix: Option<CachedFix>,
}

#[derive(Debug, Deserialize, Serialize)]
struct CachedFix {
    title: String,
    safe: bool,
    edits: Vec<CachedEdit>,
}

#[derive(Debug, Deserialize, Serialize)]
enum CachedEdit {
    Source { cell: u32, start: u32, end: u32, text: String },
    ClearOutputs { cell: u32 },
    Id { cell: u32, id: String },
}

impl Cached {
    pub(super) fn of(finding: &Finding) -> Self {
        let fix = finding.fix.as_ref().map(|fix| CachedFix {
            title: fix.title.clone(),
            safe: fix.applicability == Applicability::Safe,
            edits: fix.edits.iter().cloned().map(CachedEdit::of).collect(),
        });
        let related = finding.related.iter().map(|because| (because.text.clone(), because.cell, because.start, because.end));
        Self {
            code: finding.code.to_owned(),
            severity: finding.severity.as_str().to_owned(),
            message: finding.message.clone(),
            help: finding.help.clone(),
            place: (finding.cell, finding.start, finding.end),
            related: related.collect(),
            fix,
        }
    }

    /// The finding; nothing when this program has no such rule.
    pub(super) fn finding(&self) -> Option<Finding> {
        let rule = rules::all().iter().find(|rule| rule.code == self.code)?;
        let (cell, start, end) = self.place;
        let because =
            |(text, cell, start, end): &(String, u32, u32, u32)| Because { text: text.clone(), cell: *cell, start: *start, end: *end };
        Some(Finding {
            code: rule.code,
            rule: rule.name,
            severity: Severity::from_word(&self.severity)?,
            message: self.message.clone(),
            help: self.help.clone(),
            cell,
            start,
            end,
            related: self.related.iter().map(because).collect(),
            fix: self.fix.as_ref().map(CachedFix::fix),
        })
    }
}

impl CachedFix {
    fn fix(&self) -> Fix {
        let applicability = if self.safe { Applicability::Safe } else { Applicability::Unsafe };
        Fix { title: self.title.clone(), applicability, edits: self.edits.iter().map(CachedEdit::edit).collect() }
    }
}

impl CachedEdit {
    fn of(edit: Edit) -> Self {
        match edit {
            Edit::Source { cell, start, end, text } => Self::Source { cell, start, end, text },
            Edit::ClearOutputs { cell } => Self::ClearOutputs { cell },
            Edit::Id { cell, id } => Self::Id { cell, id },
        }
    }

    fn edit(&self) -> Edit {
        match self {
            Self::Source { cell, start, end, text } => Edit::Source { cell: *cell, start: *start, end: *end, text: text.clone() },
            Self::ClearOutputs { cell } => Edit::ClearOutputs { cell: *cell },
            Self::Id { cell, id } => Edit::Id { cell: *cell, id: id.clone() },
        }
    }
}
