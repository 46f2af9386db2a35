//! What an edit has made different at one place of the notebook.

use std::sync::Arc;

use ruff_python_ast::name::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Interp;
use super::flow::Slot;
use super::heap::ObjId;
use super::memo::{Before, Record};

/// What differs from the last time at this place of the notebook.
#[derive(Debug, Default)]
pub(super) struct Differing {
    /// Everything may.
    all: bool,
    objects: FxHashSet<ObjId>,
    names: FxHashSet<Name>,
    paths: FxHashSet<Arc<str>>,
}

impl Differing {
    /// Whether the cell looked at anything that differs.
    pub(super) fn touches(&self, record: &Record) -> bool {
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
    pub(super) fn leave(&mut self, record: &Record) {
        if !self.names.is_empty() {
            record.after.iter().for_each(|(name, _)| {
                self.names.remove(name);
            });
        }
    }

    /// Whether everything is as it was.
    pub(super) fn is_empty(&self) -> bool {
        !self.all && self.objects.is_empty() && self.names.is_empty() && self.paths.is_empty()
    }

    /// Finds what a cell that ran left in another state than before.
    pub(super) fn compare(&mut self, before: Option<&Record>, now: &Record, was: &Before, interp: &Interp<'_>) {
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
        for (id, was) in &was.objects {
            let before = before.writes.get(id).or_else(|| (!self.objects.contains(id)).then_some(was));
            mark(&mut self.objects, *id, before != now.writes.get(id));
        }
        for (id, object) in before.writes.iter().filter(|(id, _)| !now.writes.contains_key(id)) {
            mark(&mut self.objects, *id, *object != interp.heap.objects()[id.0 as usize]);
        }
        let left: FxHashMap<&Name, &Option<Arc<Slot>>> = before.after.iter().map(|(name, slot)| (name, slot)).collect();
        for (name, was) in &was.names {
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
