//! `JUnit` XML: a suite for each notebook, a failed case for each finding.

use std::fmt::Write as _;

use super::slashes;
use crate::check::report::{Item, Report};

pub(super) fn render(report: &Report) -> String {
    let mut suites = String::new();
    let (mut tests, mut failed, mut errors) = (0, 0, 0);
    for checked in report.checked() {
        let items = Report::items_of(checked);
        let name = escape(&slashes(&checked.name));
        failed += items.len();
        tests += items.len().max(1);
        let _ = writeln!(suites, "  {}", suite(&name, items.len().max(1), items.len(), 0));
        if items.is_empty() {
            let _ = writeln!(suites, "    <testcase classname=\"{name}\" name=\"nbhoist\" time=\"0\"/>");
        }
        items.iter().for_each(|item| case(item, &name, &mut suites));
        suites.push_str("  </testsuite>\n");
    }
    for (name, failure) in report.failures() {
        let name = escape(&slashes(name));
        (tests, errors) = (tests + 1, errors + 1);
        let message = escape(failure.message());
        let help = escape(failure.advice().unwrap_or_default());
        let _ = writeln!(suites, "  {}", suite(&name, 1, 0, 1));
        let _ = writeln!(suites, "    <testcase classname=\"{name}\" name=\"nbhoist\" time=\"0\">");
        let _ = writeln!(suites, "      <error message=\"{message}\" type=\"unreadable\">{help}</error>");
        suites.push_str("    </testcase>\n  </testsuite>\n");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"nbhoist\" tests=\"{tests}\" failures=\"{failed}\" errors=\"{errors}\" time=\"0\">\n{suites}</testsuites>\n"
    )
}

fn suite(name: &str, tests: usize, failures: usize, errors: usize) -> String {
    format!("<testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" time=\"0\">")
}

fn case(item: &Item<'_>, name: &str, text: &mut String) {
    let (finding, place) = (item.finding, &item.place);
    let words = escape(&place.in_words());
    let id = place.id.as_deref().map(|id| format!("cell id: {id}\n")).unwrap_or_default();
    let help = finding.help.as_ref().map(|help| format!("help: {help}\n")).unwrap_or_default();
    let details = format!(
        "{}\n{}: cell {}, line {}, column {}\nline of the file: {}\n{id}{help}",
        finding.message, item.file, place.cell, place.line, place.column, place.file_line
    );
    // The schema knows no attributes for a file and a line.
    let _ = writeln!(text, "    <testcase classname=\"{name}\" name=\"{} {} {words}\" time=\"0\">", finding.code, escape(finding.rule));
    let _ = writeln!(
        text,
        "      <failure message=\"{}\" type=\"{}\">{}</failure>",
        escape(&format!("{}:{}: {}", item.file, place.file_line, finding.message)),
        finding.severity.as_str(),
        escape(&details)
    );
    text.push_str("    </testcase>\n");
}

/// Text as XML has it; characters that XML does not have become a replacement sign.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}
