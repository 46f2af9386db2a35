//! Reviewdog's diagnostic format.

use nbhoist_analyzer::finding::Severity;
use nbhoist_analyzer::rules;
use serde_json::{Value, json};

use super::{pretty, slashes};
use crate::check::report::{Item, Report};

pub(super) fn render(report: &Report) -> String {
    let mut diagnostics: Vec<Value> = report.items().map(|item| diagnostic(&item)).collect();
    for (name, failure) in report.failures() {
        diagnostics.push(json!({
            "message": failure.message(),
            "location": {"path": slashes(name)},
            "severity": "ERROR",
        }));
    }
    let source = json!({"name": "nbhoist", "url": env!("CARGO_PKG_REPOSITORY")});
    pretty(&json!({"source": source, "diagnostics": diagnostics}))
}

fn diagnostic(item: &Item<'_>) -> Value {
    let (finding, place) = (item.finding, &item.place);
    let severity = match finding.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Info => "INFO",
    };
    json!({
        "message": format!("{}: {}", place.in_words(), finding.message),
        "location": {
            "path": slashes(item.file),
            "range": {"start": {"line": place.file_line}, "end": {"line": place.file_end_line}},
        },
        "severity": severity,
        "code": {"value": finding.code, "url": rules::find(finding.code).map(rules::Rule::page).unwrap_or_default()},
        "original_output": json!({"cell": place.cell, "id": place.id, "line": place.line, "column": place.column}).to_string(),
    })
}
