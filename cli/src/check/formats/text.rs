//! For people.

use nbhoist_analyzer::finding::Severity;
use nbhoist_analyzer::rules;

use crate::args::OutputFormat;
use crate::check::args::CheckArgs;
use crate::check::report::{Item, Report};
use crate::error::{ERROR, FAINT, HELP, STRONG, WARNING};
use crate::frame;
use crate::terminal::Terminal;

pub(super) fn render(report: &Report, args: &CheckArgs, terminal: &Terminal) -> String {
    let mut text = String::new();
    for item in report.items() {
        if terminal.format == OutputFormat::Full {
            text.push_str(&full(&item, terminal));
        } else {
            text.push_str(&concise(&item, terminal));
        }
    }
    if !terminal.quiet {
        text.push_str(&report.tally.summary(args, terminal.verbose > 0));
    }
    text
}

fn full(item: &Item<'_>, terminal: &Terminal) -> String {
    let page = rules::find(item.finding.code).map(rules::Rule::page).filter(|_| terminal.links);
    let mut note = format!("line {} of the file{}", item.place.file_line, id(item));
    if !frame::is_shown(item.notebook, item.finding) {
        // Nothing else says where it is.
        note = format!("{}, {note}; the line is too long to be shown", item.place.in_words());
    }
    frame::finding(item.file, item.notebook, (item.finding, item.place.line), Some(&note), page)
}

fn id(item: &Item<'_>) -> String {
    item.place.id.as_ref().map(|id| format!(", cell id:{id}")).unwrap_or_default()
}

fn concise(item: &Item<'_>, terminal: &Terminal) -> String {
    let Item { file, finding, place, .. } = item;
    let style = match finding.severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
        Severity::Info => HELP,
    };
    let code = terminal.link(finding.code, &rules::find(finding.code).map(rules::Rule::page).unwrap_or_default());
    let fixable = if finding.fix.is_some() { " [*]" } else { "" };
    format!(
        "{STRONG}{file}{STRONG:#}{FAINT}:cell {}:{}:{}:{FAINT:#} {style}{}{style:#}[{code}]{fixable} {} {FAINT}(line {} of the file{}){FAINT:#}\n",
        place.cell,
        place.line,
        place.column,
        finding.severity.as_str(),
        finding.message,
        place.file_line,
        id(item),
    )
}
