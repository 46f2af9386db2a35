//! `nbhoist analyze`.

use std::fmt::Write as _;
use std::sync::Arc;

use nbhoist_analyzer::cost::Model;
use nbhoist_analyzer::notebook::{CellKind, Notebook};
use nbhoist_analyzer::report::{CellReport, Certainty, Edge, Effect, NameFact, Size};
use nbhoist_analyzer::words;

use crate::analysis::Asked;
use crate::args::{AnalyzeArgs, OutputFormat};
use crate::error::{ERROR, Exit, FAINT, Failure, STRONG, WARNING};
use crate::input::{self, Input};
use crate::terminal::{Terminal, WIDTH, shorten, wrap};
use crate::{analysis, frame, json, remember};

/// How many cells are listed as the heaviest.
const RANKED: usize = 5;

/// Cells that take less are not, seconds.
const WORTH_RANKING: f64 = 1.0;

/// Values that take less are not worth a word, bytes.
const WORTH_A_SIZE: u64 = 100_000;

pub(crate) fn analyze(args: &AnalyzeArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if terminal.format == OutputFormat::Json && args.notebooks.len() > 1 {
        let failure = Failure::new("several notebooks do not fit into one JSON object");
        return Err(failure.help("use --output-format json-lines"));
    }
    let model = args.cost_model.as_deref().map(analysis::cost_model).transpose()?;
    let mut exit = Exit::Success;
    for path in &args.notebooks {
        match input::read(path) {
            Ok(input) => show(&input, model.as_ref(), terminal)?,
            Err(failure) => {
                failure.print();
                exit = Exit::CouldNotRun;
            }
        }
    }
    Ok(exit)
}

fn show(input: &Input, model: Option<&Arc<Model>>, terminal: &Terminal) -> Result<(), Failure> {
    let settings = analysis::settings(&input.folder(), terminal.quiet)?;
    let analysis = analysis::analyze_for(
        input,
        &settings,
        Asked { on: None, measurements: remember::measurements(input, &settings), model: model.cloned(), ..Asked::default() },
    );
    if terminal.is_json() {
        return terminal.print_json(&json::analysis(&input.name(), &analysis.cells, analysis.edges()));
    }
    let mut text = format!("{STRONG}{}{STRONG:#}\n", input.name());
    for repair in &input.notebook.repairs {
        text.push_str(&wrap(repair, "  note: ", "        ", WIDTH));
    }
    for report in analysis.cells.iter().filter(|report| report.kind == CellKind::Code) {
        text.push_str(&cell(report, analysis.edges(), &input.notebook, terminal));
    }
    text.push_str(&heaviest(&analysis.cells, &input.notebook));
    terminal.print(&text)
}

/// The cells that take longest, the longest first; nothing where none is worth a word.
fn heaviest(cells: &[CellReport], notebook: &Notebook) -> String {
    let mut ranked: Vec<(&CellReport, f64)> = cells.iter().filter_map(|report| Some((report, report.cost.seconds?))).collect();
    ranked.retain(|(report, seconds)| report.cost.heavy || *seconds >= WORTH_RANKING);
    ranked.sort_by(|(_, one), (_, two)| two.total_cmp(one));
    let mut text = String::new();
    for (report, _) in ranked.iter().take(RANKED) {
        let first = notebook.cell(report.cell).map(|cell| headline(&cell.source)).unwrap_or_default();
        let why = report.cost.because.first().map(|because| because.text.as_str()).filter(|why| !why.is_empty()).unwrap_or(first);
        let line = format!("cell {}: {}, {why}", report.cell, words::time(&report.cost).unwrap_or_default());
        text.push_str(&wrap(&line, "  ", "    ", WIDTH));
    }
    if text.is_empty() { text } else { format!("\n{STRONG}heaviest{STRONG:#}\n{text}") }
}

fn cell(report: &CellReport, edges: &[Edge], notebook: &Notebook, terminal: &Terminal) -> String {
    let first = notebook.cell(report.cell).map(|cell| headline(&cell.source)).unwrap_or_default();
    let mut text = format!("\n{STRONG}cell {}{STRONG:#}  {FAINT}{}{FAINT:#}\n", report.cell, shorten(first, WIDTH - 10));
    let mut row = |label: &str, content: &str| {
        if !content.is_empty() {
            text.push_str(&wrap(content, &format!("  {label:<9}"), "           ", WIDTH));
        }
    };
    row("reads", &with_sources(&report.reads, report.cell, edges));
    row("defines", &names(&report.defines));
    row("changes", &names(&report.mutates));
    row("deletes", &names(&report.deletes));
    row("effects", &effects(&report.effects));
    if let Some(time) = words::time(&report.cost) {
        let heavy = if report.cost.heavy { ", heavy" } else { "" };
        row("takes", &format!("{time} ({}{heavy})", report.cost.basis.as_str()));
    } else if report.cost.heavy {
        row("takes", "long (heavy)");
    }
    let sizes: Vec<String> =
        report.sizes.iter().filter(|(_, size)| size.high >= WORTH_A_SIZE).map(|(name, size)| sized(name, size)).collect();
    row("holds", &sizes.join(", "));
    if let Some(peak) = words::memory(&report.memory).filter(|_| report.memory.low.is_some_and(|low| low >= WORTH_A_SIZE)) {
        row("memory", &peak);
    }
    for problem in &report.problems {
        let _ = writeln!(text, "  {ERROR}problem{ERROR:#}  {}", problem.text);
    }
    if terminal.verbose > 0 {
        text.push_str(&reasons(report, notebook));
    }
    text
}

/// `X 3.2 MB`; with its interval where that is wide.
fn sized(name: &str, size: &Size) -> String {
    format!("{name} {}", words::size(size))
}

/// Kinds of effects, each with what it touches.
fn effects(effects: &[Effect]) -> String {
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    for effect in effects {
        let (kind, detail) = (effect.kind.as_str(), format!("{}{}", effect.detail, doubt(effect.certainty)));
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, details)) if details.contains(&detail) => {}
            Some((_, details)) => details.push(detail),
            None => kinds.push((kind, vec![detail])),
        }
    }
    let shown = kinds.iter().map(|(kind, details)| {
        let details = details.iter().filter(|detail| !detail.is_empty()).cloned().collect::<Vec<_>>().join(", ");
        if details.is_empty() { (*kind).to_owned() } else { format!("{kind} ({details})") }
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The first line that says something of the cell: not a blank one, nor one that is meant for nbhoist.
pub(crate) fn headline(source: &str) -> &str {
    let mut lines = source.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.clone().find(|line| !line.strip_prefix('#').is_some_and(|comment| comment.trim_start().starts_with("nbhoist:")));
    first.or_else(|| lines.next()).unwrap_or_default()
}

/// Names with the cells they come from: `x (3), y (1, 4)`.
fn with_sources(facts: &[NameFact], cell: u32, edges: &[Edge]) -> String {
    let shown = facts.iter().map(|fact| {
        let from = edges.iter().filter(|edge| edge.to == cell && edge.names.contains(&fact.name));
        let mut from: Vec<u32> = from.map(|edge| edge.from).collect();
        from.sort_unstable();
        from.dedup();
        let from: Vec<_> = from.iter().map(u32::to_string).collect();
        let from = if from.is_empty() { String::new() } else { format!(" ({})", from.join(", ")) };
        format!("{}{}{from}", fact.name, doubt(fact.certainty))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn names(facts: &[NameFact]) -> String {
    let shown = facts.iter().map(|fact| format!("{}{}", fact.name, doubt(fact.certainty)));
    shown.collect::<Vec<_>>().join(", ")
}

/// A question mark for what is assumed.
pub(crate) const fn doubt(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Proved => "",
        Certainty::Assumed => "?",
    }
}

/// Why each assumption was made.
fn reasons(report: &CellReport, notebook: &Notebook) -> String {
    let mut text = String::new();
    let roles = [("reads", &report.reads), ("defines", &report.defines), ("changes", &report.mutates), ("deletes", &report.deletes)];
    for (role, facts) in roles {
        for fact in facts.iter().filter(|fact| fact.certainty == Certainty::Assumed) {
            for because in &fact.because {
                let line = frame::line(notebook, because).unwrap_or_default();
                let sentence = format!("{role} {} because {}: {line}", fact.name, because.text);
                let _ = write!(text, "{WARNING}  ?{WARNING:#}{}", wrap(&sentence, " ", "    ", WIDTH));
            }
        }
    }
    text
}
