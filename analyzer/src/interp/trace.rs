//! What one cell did when it ran over abstract values.

use std::collections::BTreeMap;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_text_size::TextRange;

use super::flow::{Bound, Slot};
use super::heap::{ObjId, Val};
use super::memory::Weighed;
use super::work::Work;
use crate::report::{Because, Certainty, Effect, EffectKind};

/// Reasons kept for one statement; more would only be noise.
const MAX_REASONS: usize = 4;
/// Draws kept for one generator in one cell.
const MAX_DRAWS: usize = 16;
/// How far back a repeated call is looked for: the body of a loop is run a few times.
const RECENT_CALLS: usize = 64;

/// A name was needed from outside the cell.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) certainty: Certainty,
    pub(crate) because: Vec<Because>,
    /// Whether a function of another cell, called here, reads it.
    pub(crate) deferred: bool,
    /// Cells that may have bound it.
    pub(crate) cells: Vec<u32>,
    /// What it may stand for.
    pub(crate) objs: Vec<ObjId>,
    /// Whether nothing had bound it when the cell started.
    pub(crate) unbound: bool,
    /// Whether the cell itself has bound it on some path in front of every reading.
    pub(crate) may_be_own: bool,
    /// Cell in whose text the first reading stands, and where.
    pub(crate) text_cell: u32,
    pub(crate) range: TextRange,
}

/// A name was bound.
#[derive(Clone, Debug)]
pub(crate) struct Bind {
    pub(crate) name: Name,
    /// On every path.
    pub(crate) must: bool,
    pub(crate) val: Val,
    pub(crate) import: Option<Arc<str>>,
    /// What its value takes when the cell ends, where that is known.
    pub(crate) weighed: Option<Weighed>,
}

impl Bind {
    pub(crate) fn of(name: &Name, slot: &Slot, weighed: Option<Weighed>) -> Self {
        Self { name: name.clone(), must: slot.bound == Bound::Must, val: slot.val.clone(), import: slot.import.clone(), weighed }
    }
}

/// An object may have been changed in place.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) certainty: Certainty,
    /// Shared by all objects that one place in the source changes, which may be many.
    pub(crate) because: Vec<Arc<Because>>,
}

impl Change {
    /// Why it may have been changed.
    pub(crate) fn reasons(&self) -> Vec<Because> {
        self.because.iter().map(|because| Because::clone(because)).collect()
    }
}

/// A library's function, class or method was called.
#[derive(Clone, Debug)]
pub(crate) struct LibraryCall {
    /// Dotted path, with the kind of the receiver in front of a method.
    pub(crate) path: Arc<str>,
    /// Whether it had arguments.
    pub(crate) bare: bool,
    /// Where this cell causes it: the call itself, or the call of another cell's function.
    pub(crate) range: TextRange,
    pub(crate) certainty: Certainty,
    /// Whether it happens on some paths only.
    pub(crate) conditional: bool,
}

/// Numbers were drawn from a global generator.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    pub(crate) generator: Arc<str>,
    pub(crate) call: LibraryCall,
}

/// What the values take at once that a cell reads, makes and needs on the way, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peak {
    /// What is surely there: the values that are known.
    pub(crate) low: f64,
    pub(crate) bytes: f64,
    pub(crate) high: f64,
    /// Whether all values are known.
    pub(crate) complete: bool,
}

/// What holds of any reading of a cell: rules ask that of every cell.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AnyRead {
    pub(crate) unbound: bool,
    pub(crate) deferred: bool,
}

/// What one cell did.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellTrace {
    pub(crate) cell: u32,
    pub(crate) reads: BTreeMap<Name, Read>,
    pub(crate) any_read: AnyRead,
    pub(crate) binds: Vec<Bind>,
    pub(crate) deletes: Vec<Name>,
    pub(crate) changes: BTreeMap<ObjId, Change>,
    pub(crate) effects: Vec<Effect>,
    /// Each path at each place once.
    pub(crate) calls: Vec<LibraryCall>,
    /// The first few from each generator.
    pub(crate) draws: Vec<Draw>,
    /// Star imports made up to the end of the cell.
    pub(crate) stars: Vec<(u32, String)>,
    /// Cells up to this one that may bind names nobody can see, and what does it.
    pub(crate) opaque: Vec<(u32, String)>,
    /// Import statements of names that are read, where the cell itself imports nothing.
    pub(crate) exhausted: bool,
    /// Whether code of libraries outside the standard one runs.
    pub(crate) runs_libraries: bool,
    /// Whether code runs of which nothing is known.
    pub(crate) runs_unknown: bool,
    /// How much it does.
    pub(crate) work: Work,
    /// What the values take that it makes, as far as known, bytes.
    pub(crate) made_bytes: f64,
    /// The largest of them.
    pub(crate) largest_bytes: f64,
    /// What it takes at most at one time.
    pub(crate) peak: Peak,
    /// What must stay in the kernel's process (`input()`, widgets), and where.
    pub(crate) stays: Vec<Because>,
}

impl CellTrace {
    pub(crate) fn read(&mut self, name: &Name, read: Read) {
        match self.reads.get_mut(name) {
            None => {
                self.reads.insert(name.clone(), read);
            }
            Some(known) => {
                known.certainty = known.certainty.min(read.certainty);
                known.deferred &= read.deferred;
                known.unbound |= read.unbound;
                known.may_be_own &= read.may_be_own;
                for cell in read.cells {
                    if !known.cells.contains(&cell) {
                        known.cells.push(cell);
                    }
                }
                for object in read.objs {
                    if !known.objs.contains(&object) {
                        known.objs.push(object);
                    }
                }
                add_reasons(&mut known.because, read.because);
            }
        }
    }

    /// Reads a name once more, with no reason that is new; false where nothing or not enough is known of it. In one cell a name that comes
    /// from outside is the same whenever it is read.
    pub(crate) fn read_again(&mut self, name: &Name, certainty: Certainty, deferred: bool, may_be_own: bool, explains: bool) -> bool {
        let Some(known) = self.reads.get_mut(name).filter(|known| !explains || known.because.len() >= MAX_REASONS) else { return false };
        known.certainty = known.certainty.min(certainty);
        known.deferred &= deferred;
        known.may_be_own &= may_be_own;
        true
    }

    /// Whether one more reason for a change of this object would add nothing.
    pub(crate) fn knows_change(&self, object: ObjId, certainty: Certainty) -> bool {
        self.changes.get(&object).is_some_and(|known| known.because.len() >= MAX_REASONS && known.certainty <= certainty)
    }

    pub(crate) fn change(&mut self, object: ObjId, change: Change) {
        match self.changes.get_mut(&object) {
            None => {
                self.changes.insert(object, change);
            }
            Some(known) => {
                known.certainty = known.certainty.min(change.certainty);
                add_reasons(&mut known.because, change.because);
            }
        }
    }

    pub(crate) fn call(&mut self, call: LibraryCall) {
        if !self.calls.iter().rev().take(RECENT_CALLS).any(|known| known.range == call.range && known.path == call.path) {
            self.calls.push(call);
        }
    }

    pub(crate) fn draw(&mut self, draw: Draw) {
        if self.draws.iter().filter(|known| known.generator == draw.generator).count() < MAX_DRAWS {
            self.draws.push(draw);
        }
    }

    pub(crate) fn effect(&mut self, kind: EffectKind, detail: &str, certainty: Certainty, range: TextRange) {
        let effect = Effect { kind, detail: detail.to_owned(), certainty, start: range.start().to_u32(), end: range.end().to_u32() };
        if !self.effects.iter().any(|known| known.kind == effect.kind && known.detail == effect.detail) {
            self.effects.push(effect);
        }
    }
}

pub(crate) fn add_reasons<T: PartialEq>(known: &mut Vec<T>, more: Vec<T>) {
    for reason in more {
        if known.len() >= MAX_REASONS {
            return;
        }
        if !known.contains(&reason) {
            known.push(reason);
        }
    }
}
