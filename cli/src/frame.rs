//! Source frames: the lines a finding or a reason is about, with the range underlined.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};
use nbhoist_analyzer::finding::{Applicability, Finding, Severity};
use nbhoist_analyzer::notebook::{Cell, Notebook};
use nbhoist_analyzer::report::Because;

/// A line whose ends are farther away than this is not shown, bytes: nobody reads it, and each finding on it would show it again.
const FAR: usize = 5_000;

/// A finding on a line of its cell (from 1) with its source lines and those of the places it refers to, a note, and a page that its code leads to.
pub(crate) fn finding(
    name: &str,
    notebook: &Notebook,
    (finding, line): (&Finding, usize),
    note: Option<&str>,
    page: Option<String>,
) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let mut elements: Vec<Element<'_>> = Vec::new();
    if let Some(cell) = notebook.cell(finding.cell) {
        let own = Some((range(cell, finding.start, finding.end), line));
        let related = finding.related.iter().filter(|related| related.cell == finding.cell);
        let related = related.map(|related| (range(cell, related.start, related.end), related.text.as_str()));
        elements.extend(snippet(name, cell, own, related.collect()));
    }
    for related in finding.related.iter().filter(|related| related.cell != finding.cell) {
        elements.extend(context(name, notebook, related));
    }
    elements.extend(note.map(|note| Level::NOTE.message(note).into()));
    if let Some(help) = &finding.help {
        elements.push(Level::HELP.message(help).into());
    }
    if let Some(fix) = &finding.fix {
        let option = if fix.applicability == Applicability::Safe { "--fix" } else { "--fix --unsafe-fixes" };
        elements.push(Level::HELP.message(format!("{} with {option}", fix.title)).into());
    }
    let mut title = level.primary_title(&finding.message).id(finding.code);
    if let Some(page) = page {
        title = title.id_url(page);
    }
    let group = Group::with_title(title).elements(elements);
    let text = Renderer::styled().term_width(120).render(&[group]);
    format!("{text}\n\n")
}

/// Whether the line that a finding starts on is short enough to be shown.
pub(crate) fn is_shown(notebook: &Notebook, finding: &Finding) -> bool {
    notebook.cell(finding.cell).is_some_and(|cell| line_around(&cell.source, finding.start as usize, FAR).1)
}

fn context<'a>(name: &str, notebook: &'a Notebook, related: &'a Because) -> Option<Element<'a>> {
    let cell = notebook.cell(related.cell)?;
    snippet(name, cell, None, vec![(range(cell, related.start, related.end), &related.text)])
}

/// The lines around these ranges of a cell, the first of which begins on a line that is known. `None` when one of them is too long to be shown.
fn snippet<'a>(
    name: &str,
    cell: &'a Cell,
    own: Option<(Range<usize>, usize)>,
    related: Vec<(Range<usize>, &'a str)>,
) -> Option<Element<'a>> {
    let places =
        own.iter().map(|(range, _)| range).chain(related.iter().map(|(range, _)| range)).flat_map(|range| [range.start, range.end]);
    let lines = places.map(|place| {
        let (line, is_whole) = line_around(&cell.source, place, FAR);
        is_whole.then_some(line)
    });
    let lines: Vec<_> = lines.collect::<Option<_>>()?;
    let shown = lines.iter().map(|line| line.start).min()?..lines.iter().map(|line| line.end).max()?;
    let source = cell.source.get(shown.clone())?;
    let newlines = |part: Range<usize>| cell.source[part].matches('\n').count();
    let before = match &own {
        // Counted from there: with many findings in a long cell each would count its lines from the first.
        Some((range, line)) => (line - 1).saturating_sub(newlines(shown.start..range.start)),
        None => newlines(0..shown.start),
    };
    let inside = |range: Range<usize>| range.start - shown.start..range.end - shown.start;
    let mut snippet = Snippet::source(source).line_start(before + 1).path(format!("{name}:cell {}", cell.number)).fold(true);
    snippet = snippet.annotations(own.map(|(range, _)| AnnotationKind::Primary.span(inside(range))));
    snippet = snippet.annotations(related.into_iter().map(|(range, text)| AnnotationKind::Context.span(inside(range)).label(text)));
    Some(snippet.into())
}

/// The line of a byte of a source as far as it reaches within so many bytes, and whether that is all of it.
pub(crate) fn line_around(source: &str, at: usize, reach: usize) -> (Range<usize>, bool) {
    let at = source.floor_char_boundary(at);
    let (first, last) = (source.floor_char_boundary(at.saturating_sub(reach)), source.ceil_char_boundary((at + reach).min(source.len())));
    let start = source[first..at].rfind('\n').map(|newline| first + newline + 1);
    let end = source[at..last].find('\n').map(|newline| at + newline);
    let is_whole = (start.is_some() || first == 0) && (end.is_some() || last == source.len());
    (start.unwrap_or(first)..end.unwrap_or(last), is_whole)
}

/// A range that surely lies inside the source, on character boundaries.
fn range(cell: &Cell, start: u32, end: u32) -> Range<usize> {
    let source = cell.source.as_str();
    let start = source.floor_char_boundary(start as usize);
    let end = source.ceil_char_boundary((end as usize).min(source.len())).max(start);
    start..end
}

/// Line and column (characters), both from 1, of a byte of a cell's source.
pub(crate) fn position(source: &str, offset: u32) -> (usize, usize) {
    let before = &source[..source.floor_char_boundary(offset as usize)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The line of source a reason points at, without its indentation.
pub(crate) fn line<'a>(notebook: &'a Notebook, because: &Because) -> Option<&'a str> {
    let cell = notebook.cell(because.cell)?;
    let (line, _) = position(&cell.source, because.start);
    cell.source.lines().nth(line - 1).map(str::trim)
}
