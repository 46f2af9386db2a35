//! The state of names at one point of the execution of a cell.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use ruff_python_ast::name::Name;
use rustc_hash::FxHashMap;

use super::heap::Val;

/// Whether a name is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// On every path.
    Must,
    /// On some path.
    May,
    /// On no path: it was deleted.
    Never,
}

/// A name's state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    pub(crate) val: Val,
    pub(crate) bound: Bound,
    /// Whether some path deletes it.
    pub(crate) deleted: bool,
    /// Whether some path that leads here binds it.
    pub(crate) assigned: bool,
    /// Cells whose binding it may be.
    pub(crate) cells: Vec<u32>,
    /// The import statement that bound it, when that is what it is.
    pub(crate) import: Option<Arc<str>>,
}

impl Slot {
    pub(crate) fn bound(val: Val, cell: u32) -> Self {
        Self { val, bound: Bound::Must, deleted: false, assigned: true, cells: vec![cell], import: None }
    }

    pub(crate) fn deleted(cell: u32) -> Self {
        Self { val: Val::default(), bound: Bound::Never, deleted: true, assigned: false, cells: vec![cell], import: None }
    }

    /// The state after paths with this one and with `other` have met.
    pub(crate) fn join(&mut self, other: &Self) {
        self.val.join(&other.val);
        if self.bound != other.bound {
            self.bound = Bound::May;
        }
        self.deleted |= other.deleted;
        self.assigned |= other.assigned;
        for cell in &other.cells {
            if !self.cells.contains(cell) {
                self.cells.push(*cell);
            }
        }
        if self.import != other.import {
            self.import = None;
        }
    }

    /// The state after a path that does not touch the name has met this one.
    fn weaken(&mut self) {
        if self.bound == Bound::Must {
            self.bound = Bound::May;
        }
        if self.bound == Bound::Never {
            self.bound = Bound::May;
        }
    }
}

/// The names of one scope. Every branch and call starts from a copy, and most change few names or none: copies share
/// their memory until one of them is changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<FxHashMap<Name, Slot>>);

impl Names {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Names {
    type Target = FxHashMap<Name, Slot>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Names {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl IntoIterator for Names {
    type Item = (Name, Slot);
    type IntoIter = std::collections::hash_map::IntoIter<Name, Slot>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

/// What has happened to names on the paths that lead here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// Whether no path leads here.
    pub(crate) dead: bool,
    /// Names of the notebook that this cell has touched.
    pub(crate) delta: Names,
    /// Local names of the functions being run, outermost first.
    pub(crate) frames: Vec<Names>,
}

impl Flow {
    pub(crate) fn dead() -> Self {
        Self { dead: true, ..Self::default() }
    }

    /// The state where the paths of this one and of `other` meet.
    pub(crate) fn join(&mut self, other: &Self) {
        if other.dead {
            return;
        }
        if self.dead {
            *self = other.clone();
            return;
        }
        join_names(&mut self.delta, &other.delta);
        for (mine, theirs) in self.frames.iter_mut().zip(&other.frames) {
            join_names(mine, theirs);
        }
    }
}

fn join_names(mine: &mut Names, theirs: &Names) {
    if mine.is_same(theirs) {
        return;
    }
    let mine: &mut FxHashMap<Name, Slot> = mine;
    for (name, slot) in mine.iter_mut() {
        match theirs.get(name) {
            Some(other) => slot.join(other),
            None => slot.weaken(),
        }
    }
    for (name, slot) in theirs.iter() {
        if !mine.contains_key(name) {
            let mut slot = slot.clone();
            slot.weaken();
            mine.insert(name.clone(), slot);
        }
    }
}
