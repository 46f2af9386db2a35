//! The conformance suite for executor plugins: what `docs/executor-plugins.md` demands, clause by clause, tried on a real one.

mod clauses;
mod subject;

use std::path::Path;

pub use self::subject::Subject;

/// What came out of one clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name in the document.
    pub clause: &'static str,
    /// What it demands.
    pub demand: &'static str,
    /// Whether it is met.
    pub verdict: Verdict,
}

/// Whether a clause is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    Broken(String),
    /// It was not tried.
    Skipped(&'static str),
}

/// Tries every clause in order; `tried` is told each one as it is known. `archive_python` is an interpreter on this machine that has
/// cloudpickle, or can fetch it.
pub async fn conform(subject: &Subject, archive_python: &Path, tried: &mut (dyn FnMut(&Finding) + Send)) -> Vec<Finding> {
    let mut findings = Vec::new();
    let description = subject.backend.describe().await;
    let sessions = description.as_ref().is_ok_and(|description| description.sessions);
    for clause in clauses::CLAUSES {
        let verdict = if clause.sessions && !sessions {
            Verdict::Skipped("it says that it has no sessions")
        } else if clause.last && findings.iter().any(|finding: &Finding| matches!(finding.verdict, Verdict::Broken(_))) {
            Verdict::Skipped("it needs all the others")
        } else {
            match clauses::attempt(clause, subject, archive_python).await {
                Ok(()) => Verdict::Met,
                Err(why) => Verdict::Broken(why),
            }
        };
        let finding = Finding { clause: clause.name, demand: clause.demand, verdict };
        tried(&finding);
        findings.push(finding);
    }
    findings
}
