//! GitLab's code quality report.

use nbhoist_analyzer::finding::Severity;
use serde_json::{Value, json};

use super::{pretty, slashes};
use crate::check::known::Key;
use crate::check::report::{Item, Report};

pub(super) fn render(report: &Report) -> String {
    let mut issues: Vec<Value> = report.items().map(|item| issue(&item)).collect();
    for (name, failure) in report.failures() {
        let key = Key { rule: "unreadable".to_owned(), cell: None, text: failure.message().to_owned() };
        issues.push(json!({
            "description": failure.message(),
            "check_name": "unreadable",
            "fingerprint": key.fingerprint(name, 1),
            "severity": "blocker",
            "location": {"path": slashes(name), "lines": {"begin": 1, "end": 1}},
        }));
    }
    pretty(&issues.into())
}

/// GitLab shows the description, and the lines as a link into the file.
fn issue(item: &Item<'_>) -> Value {
    let (finding, place) = (item.finding, &item.place);
    let severity = match finding.severity {
        Severity::Error => "major",
        Severity::Warning => "minor",
        Severity::Info => "info",
    };
    json!({
        "type": "issue",
        "description": format!("{} ({}) {}: {}", finding.code, finding.rule, place.in_words(), finding.message),
        "check_name": finding.code,
        "categories": ["Bug Risk"],
        "fingerprint": item.fingerprint,
        "severity": severity,
        "location": {"path": slashes(item.file), "lines": {"begin": place.file_line, "end": place.file_end_line}},
        "cell": {"number": place.cell, "id": place.id, "line": place.line, "column": place.column},
    })
}
