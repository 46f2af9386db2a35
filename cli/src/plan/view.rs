//! A plan as a person reads it.

use std::fmt::Write as _;

use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::report::{Because, Certainty, CostBasis, Estimate, Input, Plan, Return, Size, ValueKind};

use crate::analyze::{doubt, headline};
use crate::cells;
use crate::error::{ERROR, FAINT, GOOD, HELP, STRONG, WARNING};
use crate::frame;
use crate::terminal::{WIDTH, bytes, count, seconds, shorten, wrap};

/// The whole plan of a block.
pub(crate) fn plan(name: &str, notebook: &Notebook, plan: &Plan, verbose: bool) -> String {
    let mut text = format!("{STRONG}Moving {} of {name}{STRONG:#}\n", cells::named(&plan.cells));
    for number in &plan.cells {
        let source = notebook.cell(*number).map(|cell| cell.source.as_str()).unwrap_or_default();
        let lines = source.lines().filter(|line| !line.trim().is_empty()).count();
        let more = if lines > 1 { format!(" (+{})", count(lines - 1, "line")) } else { String::new() };
        let line = shorten(headline(source), WIDTH - 9 - more.len());
        let _ = writeln!(text, "  {number:>3}  {FAINT}{line}{more}{FAINT:#}");
    }
    inputs(&plan.inputs, notebook, verbose, &mut text);
    returns(&plan.returns, notebook, verbose, &mut text);
    list("Removes", &plan.deletes, &mut text);
    list("Imports to run there", &plan.imports, &mut text);
    list("State to take along", &plan.ambient, &mut text);
    files(plan, &mut text);
    if !plan.warnings.is_empty() {
        heading("Worth knowing", &mut text);
        for warning in &plan.warnings {
            let _ = write!(text, "{WARNING}  !{WARNING:#} {}", wrap(warning, "", "    ", WIDTH - 4));
        }
    }
    estimates(&plan.estimates, &mut text);
    verdict(plan, notebook, &mut text);
    text
}

fn heading(title: &str, text: &mut String) {
    let _ = writeln!(text, "\n{HELP}{title}{HELP:#}");
}

fn inputs(inputs: &[Input], notebook: &Notebook, verbose: bool, text: &mut String) {
    heading("Needs", text);
    if inputs.is_empty() {
        text.push_str("  nothing from outside\n");
    }
    let sized = inputs.iter().any(|input| input.size.is_some());
    let width = column(inputs.iter().map(|input| input.name.as_str()));
    for input in inputs {
        let from = input.defined_in.map_or_else(String::new, |cell| format!("from {cell}"));
        // Without any known size their column would be a gap.
        let size = if sized { format!(" {:>8}", input.size.as_ref().map(rough).unwrap_or_default()) } else { String::new() };
        let name = format!("{}{}", input.name, doubt(input.certainty));
        let start = format!("{name:<width$} {:<8} {from:<8}{size}", kind(input.kind));
        // That an input is read says its being here; where it is read is what is new.
        let plain = format!("`{}` is read", input.name);
        row(&start, width, &input.because, &plain, notebook, verbose, text);
    }
    legend(inputs.iter().any(|input| input.certainty == Certainty::Assumed), text);
}

/// `2.5 MB` where it was measured, `~2.5 MB` where it is only expected.
fn rough(size: &Size) -> String {
    let mark = if size.basis == CostBasis::History { "" } else { "~" };
    format!("{mark}{}", bytes(size.bytes))
}

fn returns(returns: &[Return], notebook: &Notebook, verbose: bool, text: &mut String) {
    heading("Gives back", text);
    if returns.is_empty() {
        text.push_str("  nothing that a later cell reads\n");
    }
    let width = column(returns.iter().map(|entry| entry.name.as_str()));
    for entry in returns {
        let name = format!("{}{}", entry.name, doubt(entry.certainty));
        let needed =
            if entry.needed_by.is_empty() { "not read later".to_owned() } else { format!("for {}", cells::ranges(&entry.needed_by)) };
        let start = format!("{name:<width$} {:<8} {needed:<16}", kind(entry.kind));
        row(&start, width, &entry.because, "the block binds it", notebook, verbose, text);
    }
    legend(returns.iter().any(|entry| entry.certainty == Certainty::Assumed), text);
}

/// A name with its most telling reason beside it, or with all reasons below it.
fn row(start: &str, width: usize, because: &[Because], plain: &str, notebook: &Notebook, verbose: bool, text: &mut String) {
    let (name, rest) = start.split_at(start.char_indices().nth(width).map_or(start.len(), |(end, _)| end));
    let _ = write!(text, "  {STRONG}{name}{STRONG:#}{rest}");
    if let (Some(first), false) = (because.first(), verbose) {
        let reason = if first.text == plain { "" } else { first.text.as_str() };
        // An empty range stands for the cell as a whole.
        let line = if first.start < first.end { frame::line(notebook, first).unwrap_or_default() } else { "" };
        let parts: Vec<&str> = [reason, line].into_iter().filter(|part| !part.is_empty()).collect();
        let line = format!("{}: {}", first.cell, parts.join(": "));
        let line = if parts.is_empty() { format!("in {}", first.cell) } else { line };
        let room = WIDTH.saturating_sub(start.chars().count() + 4);
        let _ = write!(text, "  {FAINT}{}{FAINT:#}", shorten(&line, room));
    }
    text.push('\n');
    for because in because.iter().filter(|_| verbose) {
        let sentence = format!("{}{}", because.text, source(because, notebook));
        let _ = write!(text, "{FAINT}{}{FAINT:#}", wrap(&sentence, "      ", "      ", WIDTH));
    }
}

fn legend(doubtful: bool, text: &mut String) {
    if doubtful {
        let _ = writeln!(text, "  {FAINT}? assumed; checked while it runs{FAINT:#}");
    }
}

fn column<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count() + 1).max().unwrap_or(0).clamp(8, 24)
}

const fn kind(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Unknown => "",
        known => known.as_str(),
    }
}

/// `, cell 8: model.fit(X, y)`.
fn source(because: &Because, notebook: &Notebook) -> String {
    match frame::line(notebook, because) {
        Some(line) if !line.is_empty() && because.start < because.end => format!(", cell {}: {}", because.cell, shorten(line, 50)),
        _ => String::new(),
    }
}

fn list(title: &str, items: &[String], text: &mut String) {
    if !items.is_empty() {
        heading(title, text);
        for item in items {
            let _ = writeln!(text, "  {}", shorten(item, WIDTH - 2));
        }
    }
}

fn files(plan: &Plan, text: &mut String) {
    if plan.files.is_empty() {
        return;
    }
    heading("Files", text);
    for file in &plan.files {
        let what = match (file.read, file.written) {
            (true, true) => "reads and writes",
            (_, true) => "writes",
            _ => "reads",
        };
        let _ = writeln!(text, "  {what} {}{}", shorten(&file.path, WIDTH - 20), doubt(file.certainty));
    }
}

fn estimates(estimates: &[Estimate], text: &mut String) {
    let known = |estimate: &&Estimate| {
        [estimate.seconds, estimate.transfer_in, estimate.transfer_out, estimate.overhead].iter().any(Option::is_some)
    };
    let known: Vec<_> = estimates.iter().filter(known).collect();
    if known.is_empty() {
        return;
    }
    heading("Estimates", text);
    let _ = writeln!(text, "  {FAINT}{:<14}{:>11}{:>11}{:>11}{:>11}{:>11}{FAINT:#}", "", "run", "send", "return", "start", "total");
    let time = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), seconds);
    for estimate in known {
        let parts = [estimate.seconds, estimate.transfer_in, estimate.transfer_out, estimate.overhead];
        let total = parts.iter().copied().sum::<Option<f64>>();
        let _ = write!(text, "  {STRONG}{:<14}{STRONG:#}", shorten(&estimate.executor, 14));
        for part in parts.into_iter().chain([total]) {
            let _ = write!(text, "{:>11}", time(part));
        }
        text.push('\n');
    }
}

fn verdict(plan: &Plan, notebook: &Notebook, text: &mut String) {
    if let Some(refusal) = &plan.refusal {
        heading("Decision", text);
        let _ = write!(text, "  {ERROR}must stay{ERROR:#}: {}", wrap(&refusal.text, "", "    ", WIDTH - 13));
        for because in &refusal.because {
            let sentence = format!("{}{}", because.text, source(because, notebook));
            text.push_str(&wrap(&sentence, "    ", "    ", WIDTH));
        }
        return;
    }
    heading("Decision", text);
    let gain = plan.decision.gain.map_or_else(String::new, |gain| format!(", {gain:.1} times as fast as here"));
    let _ = writeln!(text, "  {GOOD}{}{GOOD:#}{gain}", plan.decision.executor);
    for because in &plan.decision.because {
        text.push_str(&wrap(&because.text, "    ", "    ", WIDTH));
    }
    if plan.decision.executor == "here" && plan.decision.because.is_empty() {
        // Without a place there is nothing to weigh.
        text.push_str(&wrap("no place but this machine is named; `nbhoist executors add` names one", "    ", "    ", WIDTH));
    }
}

#[cfg(test)]
mod tests {
    use nbhoist_analyzer::notebook::{Cell, Format};
    use nbhoist_analyzer::report::{BlockFile, Decision};

    use super::*;

    #[test]
    fn a_plan_reads_well() {
        let cells = vec![Cell::code(1, "X = load()"), Cell::code(2, "\nmodel.fit(X)\nprint(1)"), Cell::code(3, "model.predict()")];
        let notebook = Notebook::of(cells, Format::Percent);
        let reason = |text: &str, cell, start| Because { text: text.to_owned(), cell, start, end: start + 1 };
        let example = Plan {
            cells: vec![2],
            inputs: vec![Input {
                name: "X".to_owned(),
                kind: ValueKind::Data,
                defined_in: Some(1),
                size: Some(Size::measured(2_500_000)),
                certainty: Certainty::Proved,
                because: vec![reason("`X` is read", 2, 11)],
            }],
            returns: vec![Return {
                name: "model".to_owned(),
                kind: ValueKind::Unknown,
                needed_by: vec![3],
                size: None,
                certainty: Certainty::Assumed,
                because: vec![reason("`fit` may change it", 2, 1), reason("x", 2, 1)],
            }],
            deletes: Vec::new(),
            imports: vec!["import numpy as np".to_owned()],
            ambient: vec!["numpy.random".to_owned()],
            files: vec![BlockFile { path: "a.csv".to_owned(), resolved: true, read: true, written: false, certainty: Certainty::Proved }],
            warnings: vec!["prints in between".to_owned()],
            refusal: None,
            estimates: vec![Estimate {
                executor: "here".to_owned(),
                seconds: Some(40.0),
                transfer_in: Some(0.0),
                transfer_out: None,
                overhead: Some(0.0),
            }],
            decision: Decision { executor: "local".to_owned(), gain: Some(2.04), because: vec![reason("it is idle", 2, 0)] },
        };
        let shown = anstream::adapter::strip_str(&plan("a.ipynb", &notebook, &example, false)).to_string();
        let expected = "\
Moving cell 2 of a.ipynb
    2  model.fit(X) (+1 line)

Needs
  X        data     from 1     2.5 MB  2: model.fit(X)

Gives back
  model?            for 3             2: `fit` may change it: model.fit(X)
  ? assumed; checked while it runs

Imports to run there
  import numpy as np

State to take along
  numpy.random

Files
  reads a.csv

Worth knowing
  ! prints in between

Estimates
                        run       send     return      start      total
  here                 40 s       0 ms          ?       0 ms          ?

Decision
  local, 2.0 times as fast as here
    it is idle
";
        assert_eq!(shown, expected);
    }
}
