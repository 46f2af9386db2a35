//! Tables over what is known of all cells, which are changed where a cell has run again instead of being filled from the first cell on.
//!
//! A cell in the middle runs again in the state in which it would find the notebook: names have the state that the last cell before it gave
//! them, objects that cells change which are not their makers' are put back, and its own objects take the numbers of those that it made the last time. When it needs
//! more numbers than are free before the next cell, or does what cells seldom do in another way, all cells are gone through instead.

use std::sync::Arc;

use ruff_python_ast::name::Name;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::Interp;
use super::base::{Base, Canon};
use super::differing::Differing;
use super::heap::{Heap, Obj, ObjId};
use super::memo::{Memo, Record};
use super::recorder::Recorder;
use super::trace::CellTrace;
use crate::facts::CellFacts;
use crate::notebook::Cell;

/// Positions of code cells, ascending.
type Positions = SmallVec<[u32; 2]>;

/// Tables over the records of all cells, in the state behind the last one.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Number and facts of each cell.
    pub(super) cells: Vec<(u32, Arc<CellFacts>)>,
    /// Nothing while somebody else has it.
    pub(super) heap: Option<Heap>,
    base: Base,
    canon: Canon,
    recorder: Option<Box<Recorder>>,
    /// Cells that change an object of another one.
    writers: FxHashMap<ObjId, Positions>,
    /// Cells that have an object held or its memory shown.
    tied: FxHashMap<ObjId, Positions>,
    /// Cells that do what cells seldom do.
    rare: Positions,
    pub(super) uses: Uses,
}

/// Where names are bound and deleted: positions of code cells, ascending.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    pub(crate) binders: FxHashMap<Name, SmallVec<[u32; 2]>>,
    pub(crate) deleters: FxHashMap<Name, SmallVec<[u32; 2]>>,
}

impl Tables {
    /// All that follows from the records alone.
    pub(super) fn of(records: &[Record]) -> Self {
        let mut tables = Self::default();
        for (at, record) in records.iter().enumerate() {
            tables.cells.push((record.cell, Arc::clone(&record.facts)));
            tables.count(record, position(at));
            tables.uses.count(&record.trace, position(at));
            if !record.rare.is_empty() {
                tables.rare.push(position(at));
            }
        }
        tables
    }

    fn count(&mut self, record: &Record, at: u32) {
        record.writes.keys().for_each(|id| add(&mut self.writers, id, at));
        record.ties.iter().for_each(|tie| add(&mut self.tied, &tie.object, at));
    }

    fn discount(&mut self, record: &Record, at: u32) {
        record.writes.keys().for_each(|id| take(&mut self.writers, id, at));
        record.ties.iter().for_each(|tie| take(&mut self.tied, &tie.object, at));
    }

    /// Puts the objects that other cells than their makers change into the state before a cell.
    fn go_to(&self, heap: &mut Heap, records: &[Record], at: usize) {
        let first = records.get(at).map_or(usize::MAX, |record| record.first);
        for (id, writers) in self.writers.iter().filter(|(id, _)| (id.0 as usize) < first) {
            let before = writers.partition_point(|writer| (*writer as usize) < at).checked_sub(1);
            let object = match before {
                Some(last) => records[writers[last] as usize].writes.get(id),
                None => made(records, *id),
            };
            if let Some(object) = object {
                heap.replace(*id, object);
            }
        }
    }
}

/// An object as its maker left it.
fn made(records: &[Record], id: ObjId) -> Option<&Arc<Obj>> {
    let id = id.0 as usize;
    let maker = &records[records.partition_point(|record| record.first <= id).checked_sub(1)?];
    maker.objects.get(id - maker.first)
}

impl Uses {
    fn count(&mut self, trace: &CellTrace, at: u32) {
        trace.binds.iter().for_each(|bind| add(&mut self.binders, &bind.name, at));
        trace.deletes.iter().for_each(|name| add(&mut self.deleters, name, at));
    }

    fn replace(&mut self, before: &CellTrace, now: &CellTrace, at: u32) {
        if before.binds.iter().map(|bind| &bind.name).ne(now.binds.iter().map(|bind| &bind.name)) || before.deletes != now.deletes {
            before.binds.iter().for_each(|bind| take(&mut self.binders, &bind.name, at));
            before.deletes.iter().for_each(|name| take(&mut self.deleters, name, at));
            self.count(now, at);
        }
    }
}

fn add<K: std::hash::Hash + Eq + Clone>(table: &mut FxHashMap<K, Positions>, key: &K, at: u32) {
    match table.get_mut(key) {
        Some(positions) => {
            if let Err(place) = positions.binary_search(&at) {
                positions.insert(place, at);
            }
        }
        None => drop(table.insert(key.clone(), smallvec::smallvec![at])),
    }
}

fn take<K: std::hash::Hash + Eq>(table: &mut FxHashMap<K, Positions>, key: &K, at: u32) {
    if let Some(positions) = table.get_mut(key)
        && let Ok(place) = positions.binary_search(&at)
    {
        positions.remove(place);
        if positions.is_empty() {
            table.remove(key);
        }
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Interp<'_> {
    /// Runs the cells at the positions of `changed` again, and those behind for which that makes a difference. Says whether it could be done: if
    /// not, the records are as they were and the tables are of no use.
    pub(super) fn run_changed(&mut self, memo: &mut Memo, cells: &[(&Cell, &Arc<CellFacts>)], changed: &[usize]) -> bool {
        let Some(heap) = memo.tables.heap.take() else { return false };
        self.heap = heap;
        self.heap.recorder = Some(memo.tables.recorder.take().unwrap_or_default());
        self.heap.notes_only = true;
        self.base = std::mem::take(&mut memo.tables.base);
        self.canon = std::mem::take(&mut memo.tables.canon);
        let mut again = Again::default();
        let mut waiting = changed.iter().copied().peekable();
        let mut at = waiting.peek().copied().unwrap_or(cells.len());
        while at < cells.len() {
            if waiting.next_if_eq(&at).is_some() || again.differing.touches(&memo.records[at]) {
                if !self.run_one_changed(memo, cells[at], at, &mut again) {
                    again.replaced.into_iter().rev().for_each(|(at, before)| memo.records[at] = before);
                    return false;
                }
            } else {
                again.differing.leave(&memo.records[at]);
            }
            at = if again.differing.is_empty() { waiting.peek().copied().unwrap_or(cells.len()) } else { at + 1 };
        }
        memo.tables.go_to(&mut self.heap, &memo.records, memo.records.len());
        self.heap.notes_only = false;
        self.heap.next = self.heap.objects().len();
        for id in again.untied {
            self.tie_again(memo, id);
        }
        self.leave_tables(memo);
        true
    }

    fn run_one_changed(&mut self, memo: &mut Memo, (cell, facts): (&Cell, &Arc<CellFacts>), at: usize, again: &mut Again) -> bool {
        let (first, end) = (memo.records[at].first, memo.records.get(at + 1).map(|next| next.first));
        self.forget_rare();
        for before in memo.tables.rare.iter().take_while(|before| (**before as usize) < at) {
            self.put_in_rare(&memo.records[*before as usize].rare);
        }
        memo.tables.go_to(&mut self.heap, &memo.records, at);
        let before = &memo.records[at];
        before.after.iter().for_each(|(name, _)| self.base.withdraw(name, cell.number));
        before.paths.added.iter().for_each(|(path, id)| self.canon.withdraw(path, *id));
        self.canon.before(end);
        self.heap.next = first;
        memo.ran += 1;
        let (record, was) = self.run_noted(cell, facts, first);
        if end.is_some_and(|end| self.heap.next > end) || record.rare != before.rare {
            return false;
        }
        self.heap.free_up_to(first + before.objects.len());
        again.differing.compare(Some(before), &record, &was, self);
        let place = position(at);
        if record.ties != before.ties {
            again.untied.extend(record.ties.iter().chain(&before.ties).map(|tie| tie.object));
        }
        for id in before.trace.changes.keys().filter(|id| !record.trace.changes.contains_key(id)) {
            self.heap.set_change(*id, cell.number, false);
        }
        record.trace.changes.keys().for_each(|id| self.heap.set_change(*id, cell.number, true));
        let before = std::mem::replace(&mut memo.records[at], record);
        memo.tables.discount(&before, place);
        memo.tables.count(&memo.records[at], place);
        memo.tables.uses.replace(&before.trace, &memo.records[at].trace, place);
        memo.tables.cells[at].1 = Arc::clone(facts);
        again.replaced.push((at, before));
        true
    }

    /// Finds anew what holds an object or shows its memory.
    fn tie_again(&mut self, memo: &Memo, id: ObjId) {
        self.heap.untie(id);
        for at in memo.tables.tied.get(&id).into_iter().flatten() {
            let record = &memo.records[*at as usize];
            self.heap.now = record.cell;
            record.ties.iter().filter(|tie| tie.object == id).for_each(|tie| self.heap.put(*tie));
        }
    }

    /// Leaves the tables to the next interpretation; the heap goes to whoever asked for this one.
    pub(super) fn leave_tables(&mut self, memo: &mut Memo) {
        memo.tables.recorder = self.heap.recorder.take();
        memo.tables.base = std::mem::take(&mut self.base);
        memo.tables.canon = std::mem::take(&mut self.canon);
        memo.tables.canon.before(None);
    }
}

/// What has happened on the way.
#[derive(Debug, Default)]
struct Again {
    differing: Differing,
    /// Records of the cells that ran, from before.
    replaced: Vec<(usize, Record)>,
    /// Objects that something else holds now.
    untied: FxHashSet<ObjId>,
}
