//! What is kept of an interpretation, so that the next one of an edited notebook runs only those cells again for which
//! something is different.
//!
//! Each cell's record says which names, objects and paths it looked at and in which state it left those that it changed. The
//! next interpretation goes through the cells in order and keeps a set of what differs from the last time at the same place. A cell
//! whose text is the same and that looked at nothing of that set would do again what it did: its record is put in instead. A
//! cell that runs again adds to the set what it leaves in another state than before, and takes out what is as it was.
//!
//! Where only texts have changed, no table is filled anew for that: `tables` says how.
//!
//! Objects are numbered in the order in which they are made. So that some more or fewer in a cell do not give other numbers to those of
//! the cells behind it, a cell starts where it started the last time; and at first some numbers behind the one before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ruff_python_ast::name::Name;
use rustc_hash::FxHashMap;

use super::base::{Base, Canon, NotedNames, NotedPaths};
use super::differing::Differing;
use super::flow::Slot;
use super::heap::{Heap, Obj, ObjId, Objs};
use super::recorder::{Recorded, Tie};
use super::tables::{Tables, Uses};
use super::trace::CellTrace;
use super::{Interp, KnownTexts, Wanted};
use crate::facts::CellFacts;
use crate::library_effects::Table;
use crate::notebook::Cell;

/// Numbers that are left free before the objects of a cell.
const ROOM: usize = 32;
/// Texts beside the cells that are kept; beyond it they are read again.
const MAX_TEXTS: usize = 200;

/// Records of the cells of one notebook.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    pub(super) asked: Option<Asked>,
    pub(super) records: Vec<Record>,
    pub(super) texts: KnownTexts,
    pub(super) ran: u64,
    pub(super) tables: Tables,
}

/// What an interpretation depends on besides the cells.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) table: Arc<Table>,
    pub(super) texts: BTreeMap<String, String>,
    pub(super) file_sizes: BTreeMap<String, u64>,
    pub(super) wanted: Wanted,
    /// Builtins that some cell binds.
    pub(super) bound: BTreeSet<Name>,
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        let same_table = Arc::ptr_eq(&self.table, &other.table) || self.table == other.table;
        let Self { texts, file_sizes, wanted, bound, .. } = self;
        same_table && (texts, file_sizes, wanted, bound) == (&other.texts, &other.file_sizes, &other.wanted, &other.bound)
    }
}

/// One cell: what it looked at, and what it left.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) cell: u32,
    pub(super) facts: Arc<CellFacts>,
    /// Number of its first object.
    pub(super) first: usize,
    /// Its objects when it ended.
    pub(super) objects: Vec<Arc<Obj>>,
    /// Objects of others that it looked at, ascending.
    pub(super) reads: Vec<ObjId>,
    /// Objects of others that it changed, when it ended.
    pub(super) writes: FxHashMap<ObjId, Arc<Obj>>,
    pub(super) names: NotedNames,
    /// Names that it bound or removed, when it ended.
    pub(super) after: Vec<(Name, Option<Arc<Slot>>)>,
    pub(super) paths: NotedPaths,
    pub(super) rare: Rare,
    pub(super) ties: Vec<Tie>,
    pub(super) trace: Arc<CellTrace>,
}

/// What a cell that has just run changed, as it was before.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) objects: Vec<(ObjId, Arc<Obj>)>,
    pub(super) names: Vec<(Name, Option<Arc<Slot>>)>,
}

/// What cells seldom add to; when it differs, all cells behind run again.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rare {
    blurs: Vec<(Objs, ObjId)>,
    modules: Vec<(String, ObjId)>,
    stars: Vec<(u32, String)>,
    opaque: Vec<(u32, String)>,
}

impl Rare {
    pub(super) fn is_empty(&self) -> bool {
        self.blurs.is_empty() && self.modules.is_empty() && self.stars.is_empty() && self.opaque.is_empty()
    }
}

impl Memo {
    /// How many cells have been interpreted rather than put in from their records.
    pub(crate) const fn ran(&self) -> u64 {
        self.ran
    }

    /// Where names are bound and deleted.
    pub(crate) const fn uses(&self) -> &Uses {
        &self.tables.uses
    }

    /// Takes back the heap of the last interpretation, which whoever asked for it needs no more.
    pub(crate) fn give_back(&mut self, heap: Heap) {
        self.tables.heap = Some(heap);
    }

    /// The same where it is still needed.
    pub(crate) fn keep(&mut self, heap: &Heap) {
        self.tables.heap = Some(heap.copy());
    }

    /// Positions of the cells whose texts differ from the last time, where the cells are the same ones otherwise.
    fn changed(&self, cells: &[(&Cell, &Arc<CellFacts>)]) -> Option<Vec<usize>> {
        let known = &self.tables.cells;
        let same = known.len() == cells.len() && known.iter().zip(cells).all(|((number, _), (cell, _))| *number == cell.number);
        let differs = |at: &usize| !Arc::ptr_eq(&known[*at].1, cells[*at].1);
        same.then(|| (0..cells.len()).filter(differs).collect())
    }

    /// Builtins that some cell binds.
    fn bound(&self, cells: &[(&Cell, &Arc<CellFacts>)], changed: Option<&[usize]>) -> BTreeSet<Name> {
        let same = |at: &usize| self.tables.cells[*at].1.binds_builtins == cells[*at].1.binds_builtins;
        match &self.asked {
            Some(asked) if changed.is_some_and(|changed| changed.iter().all(same)) => asked.bound.clone(),
            _ => bound_somewhere(cells),
        }
    }
}

/// Builtins that some cell binds.
pub(super) fn bound_somewhere(cells: &[(&Cell, &Arc<CellFacts>)]) -> BTreeSet<Name> {
    cells.iter().flat_map(|(_, facts)| facts.binds_builtins.iter().cloned()).collect()
}

impl Interp<'_> {
    /// Runs the cells, or keeps what is known of them.
    pub(super) fn run_remembered(&mut self, memo: &mut Memo, mut asked: Asked, cells: &[(&Cell, &Arc<CellFacts>)]) {
        let changed = memo.changed(cells);
        asked.bound = memo.bound(cells, changed.as_deref());
        self.bound_somewhere.clone_from(&asked.bound);
        let same = memo.asked.as_ref() == Some(&asked);
        self.known_texts = std::mem::take(&mut memo.texts);
        if self.known_texts.len() > MAX_TEXTS {
            self.known_texts.clear();
        }
        let done = same && changed.is_some_and(|changed| self.run_changed(memo, cells, &changed));
        if !done {
            if !same {
                memo.records.clear();
            }
            self.run_all(memo, cells);
        }
        memo.asked = Some(asked);
        memo.texts = std::mem::take(&mut self.known_texts);
    }

    /// Goes through all cells from the first, with new tables.
    fn run_all(&mut self, memo: &mut Memo, cells: &[(&Cell, &Arc<CellFacts>)]) {
        let before: Vec<Record> = std::mem::take(&mut memo.records);
        self.heap = Heap::new(self.explains);
        self.heap.recorder = Some(Box::default());
        self.base = Base::default();
        self.canon = Canon::default();
        self.base.note();
        self.canon.note();
        self.forget_rare();
        let mut differing = Differing::default();
        let mut before = before.into_iter();
        for &(cell, facts) in cells {
            let known = before.next().filter(|record| record.cell == cell.number);
            let made = self.heap.next;
            let first = known.as_ref().map(|record| record.first).filter(|first| *first >= made).unwrap_or(made + ROOM);
            self.heap.leave_free(first);
            let known = known.filter(|record| record.first == first);
            let record = match known {
                Some(record) if Arc::ptr_eq(&record.facts, facts) && !differing.touches(&record) => {
                    self.put_in(&record);
                    differing.leave(&record);
                    record
                }
                known => {
                    memo.ran += 1;
                    let (record, was) = self.run_noted(cell, facts, first);
                    differing.compare(known.as_ref(), &record, &was, self);
                    record
                }
            };
            memo.records.push(record);
        }
        memo.tables = Tables::of(&memo.records);
        self.leave_tables(memo);
    }

    /// What seldom happens is as it is before the first cell.
    pub(super) fn forget_rare(&mut self) {
        self.blurs.clear();
        self.modules.clear();
        self.stars.clear();
        self.opaque.clear();
        self.new_blurs.clear();
        self.new_modules.clear();
    }

    /// What seldom happens, as a cell that ran before did it.
    pub(super) fn put_in_rare(&mut self, rare: &Rare) {
        self.blurs.extend(rare.blurs.iter().cloned());
        self.modules.extend(rare.modules.iter().cloned());
        self.stars.extend(rare.stars.iter().cloned());
        self.opaque.extend(rare.opaque.iter().cloned());
    }

    /// Runs a cell whose first object has this number, and notes what it does.
    pub(super) fn run_noted(&mut self, cell: &Cell, facts: &Arc<CellFacts>, first: usize) -> (Record, Before) {
        if let Some(recorder) = &mut self.heap.recorder {
            recorder.begin(first);
        }
        let (stars, opaque) = (self.stars.len(), self.opaque.len());
        let trace = Arc::new(self.run_cell(cell, facts));
        let Recorded { reads, writes, ties } = self.heap.recorder.as_mut().map(|recorder| recorder.take()).unwrap_or_default();
        let objects = self.heap.objects();
        let mut names = self.base.noted();
        let names_before = std::mem::take(&mut names.written);
        let after = names_before.iter().map(|(name, _)| (name.clone(), self.base.now(name).cloned())).collect();
        let record = Record {
            cell: cell.number,
            facts: Arc::clone(facts),
            first,
            objects: objects[first..self.heap.next].to_vec(),
            reads,
            writes: writes.iter().map(|(id, _)| (*id, Arc::clone(&objects[id.0 as usize]))).collect(),
            after,
            paths: self.canon.noted(),
            rare: Rare {
                blurs: std::mem::take(&mut self.new_blurs),
                modules: std::mem::take(&mut self.new_modules),
                stars: self.stars[stars..].to_vec(),
                opaque: self.opaque[opaque..].to_vec(),
            },
            ties,
            trace,
            names,
        };
        (record, Before { objects: writes, names: names_before })
    }

    /// Puts in what a cell did when it ran before.
    fn put_in(&mut self, record: &Record) {
        self.heap.now = record.cell;
        self.base.at(record.cell);
        self.heap.restore(&record.objects);
        record.writes.iter().for_each(|(id, object)| self.heap.replace(*id, object));
        record.ties.iter().for_each(|tie| self.heap.put(*tie));
        record.trace.changes.keys().for_each(|id| self.heap.note_change(*id, record.cell));
        record.after.iter().for_each(|(name, slot)| self.base.restore(name, slot.as_ref()));
        record.paths.added.iter().for_each(|(path, id)| self.canon.restore(path, *id));
        self.put_in_rare(&record.rare);
    }
}
