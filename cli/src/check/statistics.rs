//! `--statistics`: how often each rule finds something.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nbhoist_analyzer::rules;
use serde_json::{Value, json};

use super::args::CheckArgs;
use super::formats::json_lines;
use super::report::Report;
use crate::args::OutputFormat;
use crate::error::{FAINT, STRONG};
use crate::json::SCHEMA;
use crate::terminal::Terminal;

/// What was counted about one rule.
#[derive(Default)]
struct Count {
    findings: usize,
    fixable: usize,
    notebooks: usize,
}

pub(crate) fn render(report: &Report, args: &CheckArgs, terminal: &Terminal) -> String {
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for checked in report.checked() {
        let mut seen = std::collections::BTreeSet::new();
        for finding in &checked.findings {
            let count = counts.entry(finding.code).or_default();
            count.findings += 1;
            count.fixable += usize::from(finding.fix.is_some());
            count.notebooks += usize::from(seen.insert(finding.code));
        }
    }
    let mut counts: Vec<(&str, Count)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(count.findings));
    let name = |code: &str| rules::find(code).map_or("", |rule| rule.name);
    if terminal.format == OutputFormat::Full || terminal.format == OutputFormat::Concise {
        let width = counts.first().map_or(1, |(_, count)| count.findings.to_string().len());
        let mut text = String::new();
        for (code, count) in &counts {
            let fixable = if count.fixable > 0 { "*" } else { " " };
            let page = rules::find(code).map(rules::Rule::page).unwrap_or_default();
            let link = terminal.link(code, &page);
            let _ = writeln!(text, "{:>width$}  {STRONG}{link}{STRONG:#} [{fixable}] {}", count.findings, name(code));
        }
        if counts.iter().any(|(_, count)| count.fixable > 0) {
            let _ = writeln!(text, "{FAINT}[*] has fixes{FAINT:#}");
        }
        if !terminal.quiet {
            text.push_str(&report.tally.summary(args, terminal.verbose > 0));
        }
        return text;
    }
    let row = |(code, count): &(&str, Count)| json!({"code": code, "rule": name(code), "count": count.findings, "fixable": count.fixable, "notebooks": count.notebooks});
    let rows: Vec<Value> = counts.iter().map(row).collect();
    if terminal.format == OutputFormat::JsonLines {
        return json_lines(rows);
    }
    let value = json!({"schema": SCHEMA, "notebooks": report.tally.notebooks, "statistics": rows});
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default())
}
