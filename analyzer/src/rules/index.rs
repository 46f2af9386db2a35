//! What rules look for in all cells, found without going through all of them each time.

use std::cell::OnceCell;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::defined_only_later::Early;
use super::{Context, defined_only_later};
use crate::interp::CellTrace;

/// Positions of traces, by name, ascending.
type ByName<'c> = FxHashMap<&'c Name, SmallVec<[u32; 2]>>;

/// Where cells and names are. What no rule asks for is not made.
#[derive(Default)]
pub(crate) struct Index<'c> {
    /// Position of the trace of each cell, by number of the cell from 1.
    positions: OnceCell<Vec<Option<usize>>>,
    binders: OnceCell<ByName<'c>>,
    deleters: OnceCell<ByName<'c>>,
    early: OnceCell<Vec<Early<'c>>>,
    is_python: OnceCell<bool>,
}

impl<'c> Context<'c> {
    /// Position of a cell's trace.
    pub(super) fn position(&self, number: u32) -> Option<usize> {
        let positions = self.index.positions.get_or_init(|| {
            let mut positions = vec![None; self.request.notebook.cells.len() + 1];
            for (at, trace) in self.linked.traces().iter().enumerate() {
                if let Some(position) = positions.get_mut(trace.cell as usize) {
                    *position = Some(at);
                }
            }
            positions
        });
        positions.get(number as usize).copied().flatten()
    }

    /// What a cell did.
    pub(super) fn trace(&self, number: u32) -> Option<&'c CellTrace> {
        self.position(number).and_then(|at| self.linked.traces().get(at)).map(Arc::as_ref)
    }

    /// Positions of the traces that bind a name, ascending.
    pub(super) fn binders(&self, name: &Name) -> &[u32] {
        if let Some(uses) = self.uses {
            return uses.binders.get(name).map(SmallVec::as_slice).unwrap_or_default();
        }
        let all = self.index.binders.get_or_init(|| self.by_name(|trace, found| trace.binds.iter().for_each(|bind| found(&bind.name))));
        all.get(name).map(SmallVec::as_slice).unwrap_or_default()
    }

    /// Positions of the traces that delete a name, ascending.
    pub(super) fn deleters(&self, name: &Name) -> &[u32] {
        if let Some(uses) = self.uses {
            return uses.deleters.get(name).map(SmallVec::as_slice).unwrap_or_default();
        }
        let all = self.index.deleters.get_or_init(|| self.by_name(|trace, found| trace.deletes.iter().for_each(found)));
        all.get(name).map(SmallVec::as_slice).unwrap_or_default()
    }

    fn by_name(&self, names: impl Fn(&'c CellTrace, &mut dyn FnMut(&'c Name))) -> ByName<'c> {
        let mut all = ByName::default();
        for (at, trace) in self.linked.traces().iter().enumerate() {
            names(trace, &mut |name| all.entry(name).or_default().push(at as u32));
        }
        all
    }

    /// Readings of names that only a later cell binds.
    pub(super) fn early(&self) -> &[Early<'c>] {
        self.index.early.get_or_init(|| defined_only_later::find(self))
    }

    /// Whether the code is Python for all that is known.
    pub(super) fn is_python(&self) -> bool {
        *self.index.is_python.get_or_init(|| self.seems_python())
    }
}
