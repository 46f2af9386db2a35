//! Notebooks whose text alone shows that no rule about what cells do can find anything. They need not be interpreted, which
//! takes most of the time of an analysis.
//!
//! Each condition is one without which a rule finds nothing, so what is not sure here is left to the interpretation: a name counts as bound
//! where an earlier cell binds it on some path to its end, as the interpretation has it, and as read where it stands.

mod calls;
mod draws;
mod local;
mod names;
mod walk;

use std::sync::Arc;

use super::{Context, clock_in_data, not_rerunnable, stale_output, unseeded_randomness};
use crate::facts::CellFacts;
use crate::interp::CellTrace;
use crate::notebook::marked_blocks;
use crate::report::Cost;
use crate::syntax::{CellSyntax, Escape, EscapeKind};
use calls::Calls;
use draws::Draws;
use local::Local;
use names::Names;

/// Line magics that read, bind or delete names of the notebook, beside the Python that some hold.
const NAMING_MAGICS: &[&str] = &["clear", "pylab", "reset", "reset_selective", "store", "xdel"];

/// Cell magics that read names of the notebook.
const READING_MAGICS: &[&str] = &["R", "r", "julia", "octave", "matlab"];

/// How much of a notebook must be interpreted for the rules to find what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needed {
    Nothing,
    /// The first cells of code.
    First(First),
    Everything,
}

/// How many cells of code must be interpreted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct First {
    /// What happens in so many of them says whether they can run again.
    cells: usize,
    /// The first draw of random numbers that nobody seeded is in one of so many, or in none.
    drawing: usize,
}

impl First {
    /// Whether no more of them are needed.
    pub(crate) fn are_done(self, traces: &[Arc<CellTrace>]) -> bool {
        traces.len() >= self.cells && (traces.len() >= self.drawing || unseeded_randomness::is_settled(traces))
    }
}

/// How much of this notebook must be interpreted.
pub(crate) fn needed(context: &Context<'_>) -> Needed {
    let request = context.request;
    let asks_for_calls = request.config.severity_of(&clock_in_data::RULE).is_some();
    if asks_for_calls || !request.config.library_effects.is_built_in() {
        return Needed::Everything;
    }
    if look_at_changes(context) {
        return Needed::Everything;
    }
    if !context.facts.iter().all(|facts| escapes_are_quiet(&facts.syntax)) || !marked_blocks(request.notebook).is_empty() {
        return Needed::Everything;
    }
    let Some(local) = Local::of(&request.files) else { return Needed::Everything };
    let cells: Vec<&CellFacts> = context.code_cells().map(|(_, facts)| facts).collect();
    let Some(mut names) = Names::of(cells.iter().copied(), context.is_python(), Some(&local)) else { return Needed::Everything };
    let mut first = First::default();
    let mut calls = Calls::new(&cells);
    for (at, facts) in cells.iter().copied().enumerate() {
        if !names.texts_are_quiet(facts) {
            return Needed::Everything;
        }
        names.enter(at, facts);
        let seen = walk::walk(&names, facts);
        if !seen.is_quiet {
            return Needed::Everything;
        }
        if not_rerunnable::may_find(facts, |name| names.may_be_of_an_earlier_cell(name)) {
            first.cells = at + 1;
        }
        match seen.draws {
            Draws::Never => {}
            Draws::Here => first.drawing = first.drawing.max(at + 1),
            Draws::Later => first.drawing = usize::MAX,
        }
        calls.defer(seen.deferred);
        if !calls.come_behind(at, &names) {
            return Needed::Everything;
        }
        names.leave(&seen.deletes, &seen.binds);
    }
    if local.draws {
        first.drawing = usize::MAX;
    }
    if calls.are_open() {
        return Needed::Everything;
    }
    if request.config.severity_of(&unseeded_randomness::RULE).is_none() {
        first.drawing = 0;
    }
    if first == First::default() { Needed::Nothing } else { Needed::First(first) }
}

/// Whether rules ask which cell changes what: saved times and counts decide that.
pub(crate) fn look_at_changes(context: &Context<'_>) -> bool {
    context.costs.iter().any(Cost::was_heavy) || stale_output::may_be_stale(context)
}

fn escapes_are_quiet(syntax: &CellSyntax) -> bool {
    let quiet = |escape: &Escape| match escape.kind {
        EscapeKind::Shell | EscapeKind::Help => true,
        EscapeKind::Magic => !NAMING_MAGICS.contains(&escape.name.as_str()),
        EscapeKind::Call => false,
    };
    let cell_magic = syntax.cell_magic.as_ref();
    syntax.escapes.values().all(quiet) && cell_magic.is_none_or(|magic| !READING_MAGICS.contains(&magic.name.as_str()))
}
