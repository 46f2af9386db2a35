//! What can be done about the cell under the cursor.

use std::sync::Arc;

use nbhoist_analyzer::words::named;

use crate::blocks;
use crate::document::Uri;
use crate::encoding::{self, Encoding, Position, Span};
use crate::problems::{Fix, Problem};
use crate::snapshot::Snapshot;

/// Something that can be done.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Run cells elsewhere.
    Migrate {
        /// What the menu says.
        title: String,
        /// Which.
        cells: Vec<u32>,
        /// Where.
        executor: String,
        /// Why it cannot be done.
        refused: Option<String>,
    },
    /// Show what moving cells takes.
    Explain {
        /// What the menu says.
        title: String,
        /// Which.
        cells: Vec<u32>,
    },
    /// Change the text so that a finding goes.
    Fix {
        /// The change.
        fix: Fix,
        /// The finding.
        problem: Problem,
    },
}

/// What can be done at a place of a document.
pub(crate) fn at(snapshot: &Snapshot, uri: &Uri, start: Position, end: Position, encoding: Encoding) -> Vec<Action> {
    let Some(place) = snapshot.source.places.iter().find(|place| place.uri == *uri) else { return Vec::new() };
    let mut actions = fixes(snapshot, uri, &place.text, start, end, encoding);
    let offset = encoding::offset(&place.text, start, encoding);
    if let Some((cell, _)) = snapshot.source.cell_at(uri, offset) {
        actions.extend(moves(snapshot, cell));
    }
    actions
}

/// This cell, its block, and everything from here on, to each place that can be driven.
fn moves(snapshot: &Snapshot, cell: u32) -> Vec<Action> {
    let this = snapshot.runnable([cell]);
    if this.is_empty() {
        return Vec::new();
    }
    let mut choices = vec![(named(&this), this.clone())];
    if let Some(name) = snapshot.source.cell(cell).and_then(|(cell, _)| cell.block_name()) {
        let members = snapshot.source.notebook.cells.iter().filter(|other| other.block_name() == Some(name));
        let members = snapshot.runnable(members.map(|cell| cell.number));
        if members.len() > 1 {
            choices.insert(0, (format!("block {name} ({})", named(&members)), members));
        }
    }
    let rest = snapshot.runnable(cell..=snapshot.source.notebook.cells.len() as u32);
    if rest.len() > 1 {
        choices.push((named(&rest), rest));
    }
    let first = choices[0].1.clone();
    let preferred = blocks::preferred(&snapshot.plan(&first), &snapshot.settings);
    let mut places: Vec<&str> =
        snapshot.settings.executors.values().filter(|place| place.drivable().is_ok()).map(|place| place.name.as_str()).collect();
    // The best place first; the others in the order of their names.
    places.sort_by_key(|name| *name != preferred);
    let mut actions = Vec::new();
    for (what, cells) in choices {
        let refused = snapshot.plan(&cells).refusal.map(|refusal| refusal.text);
        for place in &places {
            let title = format!("Run {what} on {place}");
            actions.push(Action::Migrate { title, cells: cells.clone(), executor: (*place).to_owned(), refused: refused.clone() });
        }
    }
    actions.push(Action::Explain { title: format!("Explain what moving {} takes", named(&first)), cells: first });
    actions
}

/// What may be meant, and a comment that says that the finding itself is meant.
fn fixes(snapshot: &Snapshot, uri: &Uri, text: &str, start: Position, end: Position, encoding: Encoding) -> Vec<Action> {
    let problems = snapshot.problems.get(uri).into_iter().flat_map(|problems| problems.iter());
    let touched = problems.filter(|problem| problem.span.start <= end && start <= problem.span.end);
    touched
        .flat_map(|problem| {
            let fixes = [problem.fix.clone(), ignore(snapshot, uri, text, problem, encoding)];
            fixes.into_iter().flatten().map(|fix| Action::Fix { fix, problem: problem.clone() })
        })
        .collect()
}

fn ignore(snapshot: &Snapshot, uri: &Uri, text: &str, problem: &Problem, encoding: Encoding) -> Option<Fix> {
    let line_number = problem.span.start.line;
    let (start, line) = encoding::lines(text).nth(line_number as usize)?;
    let (cell, offset) = snapshot.source.cell_at(uri, start)?;
    let before = snapshot.source.cell(cell)?.0.source.get(..offset as usize)?;
    let (column, text) = comment(before, line, problem.code)?;
    let at = Position { line: line_number, column: encoding::position(line, column, encoding).column };
    Some(Fix { title: format!("Ignore {} here", problem.code), edits: vec![(Arc::clone(uri), Span { start: at, end: at }, text)] })
}

/// The byte at which the comment goes into the line, and what is inserted. `None` where a comment would be something else, such as
/// a part of a text that the cell has begun `before` this line.
fn comment(before: &str, line: &str, code: &str) -> Option<(usize, String)> {
    let trimmed = line.trim_end();
    let first = trimmed.trim_start();
    let odd = |quote: &str| (before.matches(quote).count() + trimmed.matches(quote).count()) % 2 == 1;
    if trimmed.ends_with('\\') || first.starts_with(['%', '!']) || odd("\"\"\"") || odd("'''") {
        return None;
    }
    // A list that is there already gets one more entry.
    if let Some(at) = trimmed.find("nbhoist: ignore[") {
        let close = at + trimmed[at..].find(']')?;
        return Some((close, format!(", {code}")));
    }
    Some((trimmed.len(), format!("  {}", nbhoist_analyzer::rules::ignore_comment(code))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_where_they_are_comments() {
        assert_eq!(comment("", "f(x)  ", "NBH202"), Some((4, "  # nbhoist: ignore[NBH202]".to_owned())));
        assert_eq!(comment("s = '''a'''\n", "f(x)  # nbhoist: ignore[NBH1]", "NBH2"), Some((28, ", NBH2".to_owned())));
        for line in ["f(x, \\", "%time f(x)", "s = \"\"\"{x}", "!ls {x}"] {
            assert_eq!(comment("", line, "NBH202"), None, "{line}");
        }
        assert_eq!(comment("s = f\"\"\"\n", "{x}", "NBH202"), None);
    }
}
