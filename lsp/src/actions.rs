//! What can be done about the cell under the cursor.

use std::sync::Arc;

use nbhoist_analyzer::rules;
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
    let mut actions = fixes(snapshot, uri, start, end, encoding);
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
fn fixes(snapshot: &Snapshot, uri: &Uri, start: Position, end: Position, encoding: Encoding) -> Vec<Action> {
    let problems = snapshot.problems.get(uri).into_iter().flat_map(|problems| problems.iter());
    let touched = problems.filter(|problem| problem.span.start <= end && start <= problem.span.end);
    touched
        .flat_map(|problem| {
            let fixes = [problem.fix.clone(), ignore(snapshot, uri, problem, encoding)];
            fixes.into_iter().flatten().map(|fix| Action::Fix { fix, problem: problem.clone() })
        })
        .collect()
}

fn ignore(snapshot: &Snapshot, uri: &Uri, problem: &Problem, encoding: Encoding) -> Option<Fix> {
    let (number, start) = problem.origin;
    let (cell, _) = snapshot.source.cell(number)?;
    let (place, text) = rules::ignore_edit(&cell.source, start, &[problem.code])?;
    let place = u32::try_from(place).ok()?;
    let mut at = snapshot.source.span(number, place, place, encoding)?.1.start;
    // A line of its own goes before all of the next one: in a script that may have a comment sign in front.
    if text.ends_with('\n') {
        at.column = 0;
    }
    let edits = vec![(Arc::clone(uri), Span { start: at, end: at }, text)];
    Some(Fix { title: format!("Ignore {} here", problem.code), preferred: false, edits })
}
