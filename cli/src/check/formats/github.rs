//! Annotations, by the commands that GitHub Actions reads from the output of a step.

use std::fmt::Write as _;

use nbhoist_analyzer::finding::Severity;

use super::slashes;
use crate::check::report::Report;

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for item in report.items() {
        let (finding, place) = (item.finding, &item.place);
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "::{command} title={},file={},line={},endLine={}::{}",
            property(&format!("nbhoist {} {}", finding.code, finding.rule)),
            property(&slashes(item.file)),
            place.file_line,
            place.file_end_line,
            data(&format!("{}:{}: {}{help}", slashes(item.file), place.in_words(), finding.message)),
        );
    }
    for (name, failure) in report.failures() {
        let help = failure.advice().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        let message = data(&format!("{}{help}", failure.message()));
        let _ = writeln!(text, "::error title=nbhoist,file={}::{message}", property(&slashes(name)));
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
