//! The versions of variables that a run from top to bottom makes: the values between cells.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Options;
use super::sizes::{Size, size};
use crate::report::{CellReport, Certainty, EffectKind, ValueKind};

/// What is known of a name's values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// Bound by imports alone; it is imported again where it is needed.
    pub(crate) import: bool,
    /// What its values are.
    pub(crate) kind: ValueKind,
}

/// One version of a variable.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) name: String,
    /// Index of the cell that makes it; nothing for what was there before.
    pub(super) maker: Option<usize>,
    pub(super) size: Size,
}

/// Code cells in order, with the versions that they read and make.
#[derive(Debug, Default)]
pub(crate) struct Versions<'a> {
    pub(super) cells: Vec<&'a CellReport>,
    pub(super) all: Vec<Version>,
    /// For each cell, the versions that it reads.
    pub(super) reads: Vec<Vec<usize>>,
    /// Those that are there after the last cell.
    pub(super) current: BTreeSet<usize>,
}

impl<'a> Versions<'a> {
    /// The versions that these cells make when they run in order.
    pub(crate) fn of(cells: impl IntoIterator<Item = &'a CellReport>, bindings: &HashMap<String, Binding>, options: &Options) -> Self {
        let mut versions = Self::default();
        let mut now: BTreeMap<&str, usize> = BTreeMap::new();
        let unknown = Binding { import: false, kind: ValueKind::Unknown };
        let known = |name: &str| bindings.get(name).copied().unwrap_or(unknown);
        for cell in cells {
            let index = versions.cells.len();
            let version = |name: &str, maker: Option<usize>| {
                let said = maker.and_then(|_| cell.sizes.get(name));
                let size = size(name, known(name).kind, said, options);
                Version { name: name.to_owned(), maker, size }
            };
            // A name that is bound on some paths only keeps its value on the others.
            let partly = cell.defines.iter().filter(|fact| fact.certainty == Certainty::Assumed);
            let mut reads = BTreeSet::new();
            for fact in cell.reads.iter().chain(&cell.mutates).chain(partly).filter(|fact| !known(&fact.name).import) {
                reads.insert(*now.entry(&fact.name).or_insert_with(|| versions.add(version(&fact.name, None))));
            }
            for fact in &cell.mutates {
                // What is changed in place mostly stays as large as it was.
                let before = now.get(fact.name.as_str()).map(|version| versions.all[*version].size);
                let changed = version(&fact.name, Some(index));
                let size = before.filter(|_| !changed.size.known).unwrap_or(changed.size);
                now.insert(&fact.name, versions.add(Version { size, ..changed }));
            }
            for fact in cell.defines.iter().filter(|fact| !known(&fact.name).import) {
                now.insert(&fact.name, versions.add(version(&fact.name, Some(index))));
            }
            versions.cells.push(cell);
            versions.reads.push(reads.into_iter().collect());
        }
        versions.current = now.into_values().collect();
        versions
    }

    fn add(&mut self, version: Version) -> usize {
        self.all.push(version);
        self.all.len() - 1
    }
}

/// Whether the code of a cell may run a second time elsewhere: it has no effects but showing things, and changes nothing that was there before.
pub(super) fn may_rerun(cell: &CellReport) -> bool {
    let harmless = |kind| matches!(kind, EffectKind::Display);
    cell.effects.iter().all(|effect| harmless(effect.kind))
        && cell.mutates.is_empty()
        && cell.deletes.is_empty()
        && cell.problems.is_empty()
}
