//! What is found, in the words of those who read it.

mod github;
mod gitlab;
mod json;
mod junit;
mod rdjson;
mod sarif;
mod text;

use super::args::CheckArgs;
use super::report::Report;
use crate::args::OutputFormat;
use crate::terminal::Terminal;

/// The whole report.
pub(crate) fn render(report: &Report, args: &CheckArgs, terminal: &Terminal) -> String {
    match terminal.format {
        OutputFormat::Full | OutputFormat::Concise => text::render(report, args, terminal),
        OutputFormat::Json => json::whole(report),
        OutputFormat::JsonLines => json::lines(report),
        OutputFormat::Sarif => sarif::render(report),
        OutputFormat::Github => github::render(report),
        OutputFormat::Gitlab => gitlab::render(report),
        OutputFormat::Junit => junit::render(report),
        OutputFormat::Rdjson => rdjson::render(report),
    }
}

/// A value over several lines, with a line break at its end.
fn pretty(value: &serde_json::Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default())
}

/// One value a line.
pub(super) fn json_lines(values: impl IntoIterator<Item = serde_json::Value>) -> String {
    let mut text = String::new();
    for value in values {
        text.push_str(&value.to_string());
        text.push('\n');
    }
    text
}

/// A path with slashes, as other tools want it.
fn slashes(path: &str) -> String {
    if std::path::MAIN_SEPARATOR == '/' { path.to_owned() } else { path.replace(std::path::MAIN_SEPARATOR, "/") }
}
