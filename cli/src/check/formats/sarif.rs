//! SARIF 2.1.0, the format of code scanning.

use std::collections::BTreeMap;

use nbhoist_analyzer::finding::Severity;
use nbhoist_analyzer::report::Because;
use nbhoist_analyzer::rules::{self, Rule};
use serde_json::{Value, json};

use super::{pretty, slashes};
use crate::check::place::Place;
use crate::check::report::{Item, Report};
use crate::frame;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn render(report: &Report) -> String {
    let items: Vec<Item<'_>> = report.items().collect();
    let used: BTreeMap<&str, &Rule> = items.iter().filter_map(|item| Some((item.finding.code, rules::find(item.finding.code)?))).collect();
    let index: BTreeMap<&str, usize> = used.keys().enumerate().map(|(index, code)| (*code, index)).collect();
    let results: Vec<Value> = items.iter().map(|item| result(item, index.get(item.finding.code).copied())).collect();
    let failures: Vec<Value> = report.failures().map(|(name, failure)| notification(name, failure)).collect();
    let driver = json!({
        "name": "nbhoist",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": used.values().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
    });
    let run = json!({
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": failures.is_empty(), "toolExecutionNotifications": failures}],
        "results": results,
    });
    pretty(&json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}))
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.explanation, "markdown": rule.explanation},
        "helpUri": rule.page(),
        "defaultConfiguration": {"level": level(rule.severity), "enabled": !rule.opt_in},
        "properties": {"tags": ["notebook"]},
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn result(item: &Item<'_>, index: Option<usize>) -> Value {
    let finding = item.finding;
    let help = finding.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    let mut value = json!({
        "ruleId": finding.code,
        "level": level(finding.severity),
        "message": {"text": format!("{}{help} [{}]", finding.message, item.place.in_words())},
        "locations": [location(item.file, &item.place, None)],
        "partialFingerprints": {"nbhoist/v1": item.fingerprint},
        "properties": properties(&item.place),
    });
    if let Some(index) = index {
        value["ruleIndex"] = index.into();
    }
    let related: Vec<Value> = finding.related.iter().map(|because| related(item, because)).collect();
    if !related.is_empty() {
        value["relatedLocations"] = related.into();
    }
    value
}

/// Lines of the file; a column of a line of JSON would help nobody.
fn location(file: &str, place: &Place, message: Option<&str>) -> Value {
    let name = format!("cell {}", place.cell);
    let mut value = json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(file)},
            "region": {"startLine": place.file_line, "endLine": place.file_end_line},
        },
        "logicalLocations": [{"name": name, "fullyQualifiedName": format!("{}#{}", slashes(file), place.cell_name()), "kind": "cell"}],
    });
    if let Some(message) = message {
        value["message"] = json!({"text": message});
    }
    value
}

fn properties(place: &Place) -> Value {
    json!({
        "cell": place.cell,
        "cellId": place.id,
        "line": place.line,
        "column": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
        "fileLine": place.file_line,
    })
}

fn related(item: &Item<'_>, because: &Because) -> Value {
    let cell = item.notebook.cell(because.cell);
    let (line, column) = cell.map_or((1, 1), |cell| frame::position(&cell.source, because.start));
    let file_line = cell.map_or(1, |cell| cell.file_line_of(u32::try_from(line - 1).unwrap_or(u32::MAX)));
    let place = Place {
        cell: because.cell,
        id: cell.and_then(|cell| cell.id.clone()),
        line,
        column,
        end_line: line,
        end_column: column,
        file_line,
        file_end_line: file_line,
    };
    location(item.file, &place, Some(&because.text))
}

fn notification(name: &str, failure: &crate::error::Failure) -> Value {
    let help = failure.advice().map(|help| format!("; {help}")).unwrap_or_default();
    json!({
        "level": "error",
        "message": {"text": format!("{}{help}", failure.message())},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(name)}}}],
    })
}

/// A relative path, or a `file` URI, with what a URI must not hold encoded.
fn uri(path: &str) -> String {
    let path = slashes(path);
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
