//! Findings as an editor shows them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use nbhoist_analyzer::finding::{Applicability, Edit, Finding, Fix, Severity};
use nbhoist_analyzer::rules;

use crate::document::{Source, Uri};
use crate::encoding::{Encoding, Span};

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
    /// How to put it right by changes of texts.
    pub(crate) fix: Option<TextFix>,
}

/// Changes of texts that put a problem right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TextFix {
    /// What they do, in the imperative.
    pub(crate) title: String,
    /// Whether they keep what the notebook does.
    pub(crate) safe: bool,
    /// What stands where instead.
    pub(crate) edits: Vec<(Uri, Span, String)>,
}

/// The findings by document; documents without any are there, too.
pub(crate) fn of(source: &Source, findings: &[Finding], encoding: Encoding) -> HashMap<Uri, Arc<Vec<Problem>>> {
    let mut problems: HashMap<Uri, Vec<Problem>> = source.places.iter().map(|place| (Arc::clone(&place.uri), Vec::new())).collect();
    problems.entry(Arc::clone(&source.uri)).or_default();
    for finding in findings {
        let Some((uri, span)) = source.span(finding.cell, finding.start, finding.end, encoding) else { continue };
        let related = finding.related.iter().filter_map(|because| {
            let (uri, span) = source.span(because.cell, because.start, because.end, encoding)?;
            Some((uri, span, because.text.clone()))
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
            fix: finding.fix.as_ref().and_then(|fix| text_fix(source, fix, encoding)),
        });
    }
    problems.into_iter().map(|(uri, problems)| (uri, Arc::new(problems))).collect()
}

/// The fix, when it changes nothing but texts: outputs and ids are not in an editor's documents.
fn text_fix(source: &Source, fix: &Fix, encoding: Encoding) -> Option<TextFix> {
    let edit = |edit: &Edit| {
        let Edit::Source { cell, start, end, text } = edit else { return None };
        let (uri, span) = source.span(*cell, *start, *end, encoding)?;
        Some((uri, span, text.clone()))
    };
    let edits = fix.edits.iter().map(edit).collect::<Option<Vec<_>>>()?;
    Some(TextFix { title: fix.title.clone(), safe: fix.applicability == Applicability::Safe, edits })
}

/// A name for this list that another list does not have.
pub(crate) fn result_id(problems: &[Problem]) -> String {
    let mut hasher = DefaultHasher::new();
    problems.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
