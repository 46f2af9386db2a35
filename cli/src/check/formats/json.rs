//! The JSON contract.

use nbhoist_analyzer::rules;
use serde_json::{Value, json};

use super::{json_lines, pretty};
use crate::check::report::{Item, Report};
use crate::json::{self, FindingPlace};

pub(super) fn whole(report: &Report) -> String {
    let findings: Vec<Value> = report.items().map(|item| finding(&item)).collect();
    pretty(&json::check(&findings, &errors(report), &report.tally.severities, report.tally.notebooks))
}

pub(super) fn lines(report: &Report) -> String {
    let findings = report.items().map(|item| finding(&item));
    let errors = errors(report).into_iter().map(|error| json!({"schema": json::SCHEMA, "notebook": error["notebook"], "error": error}));
    json_lines(findings.chain(errors))
}

fn finding(item: &Item<'_>) -> Value {
    let place = &item.place;
    let place = FindingPlace {
        id: place.id.clone(),
        line: place.line,
        column: place.column,
        end_line: place.end_line,
        end_column: place.end_column,
        file_line: place.file_line,
        file_end_line: place.file_end_line,
    };
    let mut value = json::finding(item.file, item.finding, &place);
    value["url"] = rules::find(item.finding.code).map(rules::Rule::page).into();
    value["fingerprint"] = item.fingerprint.as_str().into();
    value
}

fn errors(report: &Report) -> Vec<Value> {
    let error = |(name, failure): (&str, &crate::error::Failure)| {
        let mut value = failure.json();
        value["schema"] = json::SCHEMA.into();
        value["notebook"] = name.into();
        value
    };
    report.failures().map(error).collect()
}
