//! Functions that a library value holds, and that reach nothing of the notebook: to run them in one cell is enough for the rules.
//!
//! Whether such a function is called at all is only assumed. No rule speaks of what it reads then; but it may bind names, or lead to other functions
//! that do, so one that can reach those is run again in every cell that uses the value.

use ruff_python_ast::name::Name;
use ruff_text_size::TextRange;

use super::heap::{Kind, ObjId, Val};
use super::{Bound, Interp, Slot, is_builtin};

/// What a function reaches, while it runs.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// The function; none while nobody asks.
    function: Option<ObjId>,
    /// Whether it reached what other code of the notebook may make something else of.
    out: bool,
    /// Names of the notebook that it read, all of them those of libraries.
    names: Vec<Name>,
}

impl Interp<'_> {
    /// Runs a function that a library value holds, as if the library called it with anything.
    pub(super) fn call_held(&mut self, function: ObjId, range: TextRange) {
        if let Some(names) = self.contained.get(&function)
            && names.iter().all(|name| self.is_of_library(name))
        {
            self.reach.names.extend(names.iter().cloned());
            return;
        }
        let is_watched = self.wanted.ignores_changes() && self.may_be_contained(function);
        let around = std::mem::replace(&mut self.reach, Reach { function: is_watched.then_some(function), ..Reach::default() });
        let rebound = self.rebound;
        let given = self.unknown();
        self.call_back(function, &given, range);
        let Reach { out, names, .. } = std::mem::replace(&mut self.reach, around);
        let is_contained = is_watched && !out && self.rebound == rebound;
        self.reach.out |= !is_contained;
        if is_contained {
            self.reach.names.extend(names.iter().cloned());
            self.contained.insert(function, names);
        }
    }

    fn may_be_contained(&self, function: ObjId) -> bool {
        let object = self.heap.get(function);
        let definition = object.rare().function.as_ref();
        matches!(object.kind, Kind::Function(_))
            && definition.is_some_and(|definition| definition.defaults.iter().all(|(_, val)| self.is_code(val)))
    }

    /// Whether a value is code, or nothing that can change.
    fn is_code(&self, val: &Val) -> bool {
        val.objs.iter().all(|&id| matches!(self.heap.get(id).kind, Kind::Path(_) | Kind::Function(_) | Kind::Class))
    }

    /// Whether a name of the notebook is one of Python's, or stands for what a library has.
    fn is_of_library(&self, name: &Name) -> bool {
        let is_imported = |slot: &Slot| slot.import.is_some() && self.is_code(&slot.val);
        match self.flow.delta.get(name) {
            Some(slot) => slot.bound == Bound::Must && is_imported(slot),
            None => self.base.get(name).map_or_else(|| is_builtin(name), |slot| is_imported(slot)),
        }
    }

    /// A name of the notebook is read.
    pub(super) fn note_global(&mut self, name: &Name) {
        if self.reach.function.is_none() {
            return;
        }
        if self.is_of_library(name) {
            self.reach.names.push(name.clone());
        } else {
            self.reach.out = true;
        }
    }

    /// A value of a function around, or of a module, is read.
    pub(super) fn note_captured(&mut self, val: &Val) {
        self.reach.out |= self.reach.function.is_some() && !self.is_code(val);
    }

    /// A function is not followed to its end, so that it may reach more than it showed.
    pub(super) const fn note_unfollowed(&mut self) {
        self.reach.out = true;
    }

    /// This function is called.
    pub(super) fn note_called(&mut self, function: ObjId) {
        if self.reach.function.is_some_and(|watched| watched != function) {
            self.reach.out |= self.heap.get(function).rare().function.as_ref().is_none_or(|definition| definition.module.is_none());
        }
    }
}
