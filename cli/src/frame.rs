//! Source frames: the lines a finding or a reason is about, with the range underlined.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};
use nbhoist_analyzer::finding::{Applicability, Finding, Severity};
use nbhoist_analyzer::notebook::{Cell, Notebook};
use nbhoist_analyzer::report::Because;

/// A finding with its source lines and those of the places it refers to, a note, and a page that its code leads to.
pub(crate) fn finding(name: &str, notebook: &Notebook, finding: &Finding, note: Option<&str>, page: Option<String>) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let mut elements: Vec<Element<'_>> = Vec::new();
    if let Some(cell) = notebook.cell(finding.cell) {
        let mut snippet = snippet(name, cell);
        snippet = snippet.annotation(AnnotationKind::Primary.span(range(cell, finding.start, finding.end)));
        for related in finding.related.iter().filter(|related| related.cell == finding.cell) {
            let range = range(cell, related.start, related.end);
            snippet = snippet.annotation(AnnotationKind::Context.span(range).label(&related.text));
        }
        elements.push(snippet.into());
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

fn context<'a>(name: &str, notebook: &'a Notebook, related: &'a Because) -> Option<Element<'a>> {
    let cell = notebook.cell(related.cell)?;
    let range = range(cell, related.start, related.end);
    Some(snippet(name, cell).annotation(AnnotationKind::Context.span(range).label(&related.text)).into())
}

fn snippet<'a>(name: &str, cell: &'a Cell) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    Snippet::source(&cell.source).path(format!("{name}:cell {}", cell.number)).fold(true)
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
