//! Findings put right: made, or shown as a diff.

use nbhoist_analyzer::fix;
use similar::TextDiff;

use super::report::Report;
use super::work::{Checked, Work};
use crate::error::{ERROR, Exit, Failure, GOOD, HELP, STRONG};
use crate::input::{self, Input};
use crate::terminal::{Terminal, count};

/// A fix makes others possible, which make others possible; two that undo each other must come to an end.
const MAX_ROUNDS: usize = 20;

/// Makes fixes until there are none left.
pub(crate) fn fix(checked: &mut Checked, mut input: Input, work: &Work<'_>) -> Result<(), Failure> {
    let before = input.bytes.clone();
    let mut fixed = 0;
    for _ in 0..MAX_ROUNDS {
        let fixes = fix::compatible(&checked.findings, work.args.applicability());
        if fixes.is_empty() {
            break;
        }
        let edits: Vec<_> = fixes.iter().flat_map(|fix| fix.edits.iter().cloned()).collect();
        let bytes = fix::apply(&input.bytes, &input.notebook, &edits)
            .map_err(|error| Failure::new(format!("cannot put this right: {error}")).at(input.name()).help("the file was not changed"))?;
        if bytes == input.bytes {
            break;
        }
        fixed += fixes.len();
        input = input::parse(input.path, bytes).map_err(|failure| spoiled(&failure))?;
        checked.findings = work.findings(&input).0;
    }
    // What comes through standard input goes on, changed or not.
    if input.bytes != before || checked.from_stdin {
        checked.fixed = fixed;
        checked.notebook = input.notebook;
        checked.change = Some((before, input.bytes));
    }
    Ok(())
}

/// A fix must never cost a notebook.
fn spoiled(failure: &Failure) -> Failure {
    Failure::new(format!("a fix would have spoiled the notebook: {}", failure.message()))
        .help("the file was not changed; please report this with the notebook")
}

/// Shows what would be changed; fails when that is something.
pub(crate) fn show_diff(report: &Report, terminal: &Terminal) -> Result<Exit, Failure> {
    report.failures().for_each(|(_, failure)| failure.print());
    let mut fixed = 0;
    for checked in report.checked() {
        let Some((before, after)) = &checked.change else { continue };
        fixed += checked.fixed;
        let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
        let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
        let text = diff.unified_diff().context_radius(3).header(&checked.name, &checked.name).to_string();
        terminal.print(&text.split_inclusive('\n').map(coloured).collect::<String>())?;
    }
    if !terminal.quiet {
        let text = if fixed == 0 { "No fixes.".to_owned() } else { format!("Would fix {}.", count(fixed, "finding")) };
        anstream::eprintln!("{text}");
    }
    Ok(match (report.failures().next().is_some(), fixed > 0) {
        (true, _) => Exit::CouldNotRun,
        (false, true) => Exit::Findings,
        (false, false) => Exit::Success,
    })
}

fn coloured(line: &str) -> String {
    let style = match line.as_bytes() {
        [b'+', b'+', ..] | [b'-', b'-', ..] => STRONG,
        [b'+', ..] => GOOD,
        [b'-', ..] => ERROR,
        [b'@', ..] => HELP,
        _ => return line.to_owned(),
    };
    let text = line.trim_end_matches('\n');
    format!("{style}{text}{style:#}{}", &line[text.len()..])
}
