//! What is kept of an interpretation, so that the next one of an edited notebook runs only those cells again for which
//! something is different.
//!
//! Each cell's record says which names, objects and paths it looked at and in which state it left those that it changed. The
//! next interpretation goes through the cells in order and keeps a set of what differs from the last time at the same place. A cell
//! whose text is the same and that looked at nothing of that set would do again what it did: its record is put in instead. A
//! cell that runs again adds to the set what it leaves in another state than before, and takes out what is as it was.
//!
//! Objects are numbered in the order in which they are made. So that one more or fewer in a cell does not give other numbers to those of
//! the cells behind it, each cell starts at a multiple of `STEP`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ruff_python_ast::name::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use super::base::{NotedNames, NotedPaths};
use super::flow::Slot;
use super::heap::{Obj, ObjId, Objs};
use super::recorder::{Recorded, Tie};
use super::trace::CellTrace;
use super::{Interp, KnownTexts};
use crate::facts::CellFacts;
use crate::library_effects::Table;
use crate::notebook::Cell;

/// Objects of a cell take a multiple of so many numbers.
const STEP: usize = 32;
/// Texts beside the cells that are kept; beyond it they are read again.
const MAX_TEXTS: usize = 200;

/// Records of the cells of one notebook.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    asked: Option<Asked>,
    records: Vec<Record>,
    texts: KnownTexts,
    ran: u64,
}

/// What an interpretation depends on besides the cells.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) table: Arc<Table>,
    pub(super) texts: BTreeMap<String, String>,
    pub(super) file_sizes: BTreeMap<String, u64>,
    pub(super) weighs: bool,
    /// Builtins that some cell binds.
    pub(super) bound: BTreeSet<Name>,
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        let same_table = Arc::ptr_eq(&self.table, &other.table) || self.table == other.table;
        let Self { texts, file_sizes, weighs, bound, .. } = self;
        same_table && (texts, file_sizes, weighs, bound) == (&other.texts, &other.file_sizes, &other.weighs, &other.bound)
    }
}

/// One cell: what it looked at, and what it left.
#[derive(Debug)]
struct Record {
    cell: u32,
    facts: Arc<CellFacts>,
    /// Number of its first object.
    first: usize,
    /// Its objects when it ended.
    objects: Vec<Arc<Obj>>,
    /// Objects of others that it looked at, ascending.
    reads: Vec<ObjId>,
    /// Objects of others that it changed, when it ended.
    writes: FxHashMap<ObjId, Arc<Obj>>,
    names: NotedNames,
    /// Names that it bound or removed, when it ended.
    after: Vec<(Name, Option<Arc<Slot>>)>,
    paths: NotedPaths,
    rare: Rare,
    ties: Vec<Tie>,
    trace: Arc<CellTrace>,
}

/// What cells seldom add to; when it differs, all cells behind run again.
#[derive(Debug, Default, PartialEq)]
struct Rare {
    blurs: Vec<(Objs, ObjId)>,
    modules: Vec<(String, ObjId)>,
    stars: Vec<(u32, String)>,
    opaque: Vec<(u32, String)>,
}

/// What differs from the last time at this place of the notebook.
#[derive(Debug, Default)]
struct Differing {
    /// Everything may.
    all: bool,
    objects: FxHashSet<ObjId>,
    names: FxHashSet<Name>,
    paths: FxHashSet<Arc<str>>,
}

impl Memo {
    /// How many cells have been interpreted rather than put in from their records.
    pub(crate) const fn ran(&self) -> u64 {
        self.ran
    }
}

impl Interp<'_> {
    /// Runs the cells, or puts in what is known of them.
    pub(super) fn run_remembered(&mut self, memo: &mut Memo, asked: Asked, cells: &[(&Cell, &Arc<CellFacts>)]) -> Vec<Arc<CellTrace>> {
        let mut before: Vec<Record> = std::mem::take(&mut memo.records);
        if memo.asked.as_ref() != Some(&asked) {
            before.clear();
        }
        memo.asked = Some(asked);
        self.known_texts = std::mem::take(&mut memo.texts);
        if self.known_texts.len() > MAX_TEXTS {
            self.known_texts.clear();
        }
        self.heap.recorder = Some(Box::default());
        self.base.note();
        self.canon.note();
        let mut differing = Differing::default();
        let mut traces = Vec::with_capacity(cells.len());
        let mut before = before.into_iter();
        for &(cell, facts) in cells {
            self.heap.align(STEP);
            let first = self.heap.objects().len();
            let known = before.next().filter(|record| record.cell == cell.number && record.first == first);
            let record = match known {
                Some(record) if Arc::ptr_eq(&record.facts, facts) && !differing.touches(&record) => {
                    self.put_in(&record);
                    differing.leave(&record);
                    record
                }
                known => {
                    memo.ran += 1;
                    let record = self.run_noted(cell, facts, first);
                    differing.compare(known, &record, self);
                    record.record
                }
            };
            traces.push(Arc::clone(&record.trace));
            memo.records.push(record);
        }
        self.heap.recorder = None;
        memo.texts = std::mem::take(&mut self.known_texts);
        traces
    }

    fn run_noted(&mut self, cell: &Cell, facts: &Arc<CellFacts>, first: usize) -> Ran {
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
            objects: objects[first..].to_vec(),
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
        Ran { record, objects_before: writes, names_before }
    }

    /// Puts in what a cell did when it ran before.
    fn put_in(&mut self, record: &Record) {
        self.heap.now = record.cell;
        self.heap.restore(&record.objects);
        record.writes.iter().for_each(|(id, object)| self.heap.replace(*id, object));
        record.ties.iter().for_each(|tie| self.heap.put(*tie));
        record.trace.changes.keys().for_each(|id| self.heap.note_change(*id, record.cell));
        record.after.iter().for_each(|(name, slot)| self.base.restore(name, slot.as_ref()));
        record.paths.added.iter().for_each(|(path, id)| self.canon.restore(path, *id));
        self.blurs.extend(record.rare.blurs.iter().cloned());
        self.modules.extend(record.rare.modules.iter().cloned());
        self.stars.extend(record.rare.stars.iter().cloned());
        self.opaque.extend(record.rare.opaque.iter().cloned());
    }
}

/// A cell that has just run, and what it changed as it was before.
struct Ran {
    record: Record,
    objects_before: Vec<(ObjId, Arc<Obj>)>,
    names_before: Vec<(Name, Option<Arc<Slot>>)>,
}

impl Differing {
    /// Whether the cell looked at anything that differs.
    fn touches(&self, record: &Record) -> bool {
        if self.all || (record.names.all && !self.names.is_empty()) {
            return true;
        }
        let objects = if self.objects.len() < record.reads.len() {
            self.objects.iter().any(|id| record.reads.binary_search(id).is_ok())
        } else {
            record.reads.iter().any(|id| self.objects.contains(id))
        };
        objects || meet(&self.names, &record.names.read) || meet(&self.paths, &record.paths.read)
    }

    /// The cell did what it did before: the names that it bound are what they were.
    fn leave(&mut self, record: &Record) {
        if !self.names.is_empty() {
            record.after.iter().for_each(|(name, _)| {
                self.names.remove(name);
            });
        }
    }

    /// Finds what a cell that ran left in another state than before.
    fn compare(&mut self, before: Option<Record>, ran: &Ran, interp: &Interp<'_>) {
        let now = &ran.record;
        let Some(before) = before.filter(|before| before.rare == now.rare) else {
            self.all = true;
            return;
        };
        if self.all {
            return;
        }
        for (at, object) in before.objects.iter().enumerate() {
            if now.objects.get(at) != Some(object) {
                self.objects.insert(ObjId(u32::try_from(now.first + at).unwrap_or(u32::MAX)));
            }
        }
        for (id, was) in &ran.objects_before {
            let before = before.writes.get(id).or_else(|| (!self.objects.contains(id)).then_some(was));
            mark(&mut self.objects, *id, before != now.writes.get(id));
        }
        for (id, object) in before.writes.iter().filter(|(id, _)| !now.writes.contains_key(id)) {
            mark(&mut self.objects, *id, *object != interp.heap.objects()[id.0 as usize]);
        }
        let left: FxHashMap<&Name, &Option<Arc<Slot>>> = before.after.iter().map(|(name, slot)| (name, slot)).collect();
        for (name, was) in &ran.names_before {
            let differs = match left.get(name) {
                Some(left) => left.as_ref() != interp.base.now(name),
                None => self.names.contains(name) || was.as_ref() != interp.base.now(name),
            };
            mark(&mut self.names, name.clone(), differs);
        }
        for (name, left) in left {
            mark(&mut self.names, name.clone(), left.as_ref() != interp.base.now(name));
        }
        let added: FxHashMap<&Arc<str>, ObjId> = now.paths.added.iter().map(|(path, id)| (path, *id)).collect();
        for (path, id) in &before.paths.added {
            mark(&mut self.paths, Arc::clone(path), added.get(path) != Some(id));
        }
        let known: FxHashSet<&Arc<str>> = before.paths.added.iter().map(|(path, _)| path).collect();
        self.paths.extend(added.into_keys().filter(|path| !known.contains(path)).cloned());
    }
}

fn mark<T: std::hash::Hash + Eq>(set: &mut FxHashSet<T>, item: T, differs: bool) {
    if differs {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}

fn meet<T: std::hash::Hash + Eq>(a: &FxHashSet<T>, b: &FxHashSet<T>) -> bool {
    let (small, large) = if a.len() < b.len() { (a, b) } else { (b, a) };
    small.iter().any(|item| large.contains(item))
}
