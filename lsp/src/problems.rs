//! Findings as an editor shows them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use nbhoist_analyzer::finding::{self, Finding, Severity};
use nbhoist_analyzer::rules;

use crate::document::{Source, Uri};
use crate::encoding::{Encoding, Span};
use crate::spans::Spans;

/// A finding in a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Problem {
    /// Where.
    pub(crate) span: Span,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Code of the rule.
    pub(crate) code: &'static str,
    /// The rule's page.
    pub(crate) page: Option<String>,
    /// What is wrong and what to do.
    pub(crate) message: String,
    /// Related places, in other cells or in this one.
    pub(crate) related: Vec<(Uri, Span, String)>,
    /// Cell, and where it starts in the cell's source.
    pub(crate) origin: (u32, u32),
    /// What may be meant.
    pub(crate) fix: Option<Fix>,
}

/// A change that resolves a problem.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fix {
    /// What the menu says.
    pub(crate) title: String,
    /// Whether it keeps what the notebook does, so that an editor may make it unasked.
    pub(crate) preferred: bool,
    /// Where something is replaced, and what stands there then; all of it or nothing.
    pub(crate) edits: Vec<(Uri, Span, String)>,
}

/// Problems by document, for those that have any.
pub(crate) type Problems = HashMap<Uri, Arc<Vec<Problem>>>;

/// The findings by document.
pub(crate) fn of(source: &Source, findings: &[Finding], encoding: Encoding) -> Problems {
    let mut problems: HashMap<Uri, Vec<Problem>> = HashMap::new();
    let spans = Spans::new(source, encoding);
    for finding in findings {
        let Some((uri, span)) = spans.span(finding.cell, finding.start, finding.end) else { continue };
        let related = finding.related.iter().filter_map(|because| {
            let (uri, span) = spans.span(because.cell, because.start, because.end)?;
            Some((uri, span, because.text.clone()))
        });
        let fix = finding.fix.as_ref().and_then(|fix| {
            let edit = |edit: &finding::Edit| match edit {
                finding::Edit::Source { cell, start, end, text } => {
                    let (uri, span) = spans.span(*cell, *start, *end)?;
                    Some((uri, span, text.clone()))
                }
                // The protocol's edits are of texts alone.
                finding::Edit::ClearOutputs { .. } | finding::Edit::Id { .. } => None,
            };
            let preferred = fix.applicability == finding::Applicability::Safe;
            Some(Fix { title: fix.title.clone(), preferred, edits: fix.edits.iter().map(edit).collect::<Option<_>>()? })
        });
        let message = match &finding.help {
            Some(help) => format!("{}; {help}", finding.message),
            None => finding.message.clone(),
        };
        problems.entry(uri).or_default().push(Problem {
            span,
            severity: finding.severity,
            code: finding.code,
            page: rules::find(finding.code).map(rules::Rule::page),
            message,
            related: related.collect(),
            origin: (finding.cell, finding.start),
            fix,
        });
    }
    problems.into_iter().map(|(uri, problems)| (uri, Arc::new(problems))).collect()
}

/// A name for this list that another list does not have.
pub(crate) fn result_id(problems: &[Problem]) -> String {
    let mut hasher = DefaultHasher::new();
    problems.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
