//! The names of the notebook before the cell that runs, and the objects that stand for dotted paths.

use std::cell::RefCell;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::flow::Slot;
use super::heap::ObjId;

/// Names, and what the running cell asks of them.
#[derive(Debug, Default)]
pub(super) struct Base {
    names: FxHashMap<Name, States>,
    /// Number of the cell that runs. What cells behind it bind is not there yet.
    cell: u32,
    noted: Option<RefCell<NotedNames>>,
}

/// What a name was after each cell that bound or removed it; without notes only the last of them.
type States = SmallVec<[(u32, Option<Arc<Slot>>); 1]>;

/// What one cell asks of names, and what it does to them.
#[derive(Debug, Default)]
pub(super) struct NotedNames {
    /// Names that it looked for.
    pub(super) read: FxHashSet<Name>,
    /// Whether it looked for all there are.
    pub(super) all: bool,
    /// Names that it bound or removed, with what they were before.
    pub(super) written: Vec<(Name, Option<Arc<Slot>>)>,
}

impl Base {
    /// Notes from now on what is asked.
    pub(super) fn note(&mut self) {
        self.noted = Some(RefCell::default());
    }

    /// What was noted since it was last asked.
    pub(super) fn noted(&mut self) -> NotedNames {
        self.noted.as_mut().map(|noted| std::mem::take(noted.get_mut())).unwrap_or_default()
    }

    /// The cell with this number runs now.
    pub(super) fn at(&mut self, cell: u32) {
        self.cell = cell;
    }

    /// Forgets that a cell bound or removed a name.
    pub(super) fn withdraw(&mut self, name: &Name, cell: u32) {
        if let Some(states) = self.names.get_mut(name) {
            states.retain(|(of, _)| *of != cell);
            if states.is_empty() {
                self.names.remove(name);
            }
        }
    }

    fn state(&self, states: &States) -> Option<usize> {
        states.iter().rposition(|(of, _)| *of <= self.cell)
    }

    fn put(&mut self, name: &Name, slot: Option<Arc<Slot>>) {
        let states = self.names.entry(name.clone()).or_default();
        if self.noted.is_none() {
            states.clear();
        }
        let at = states.partition_point(|(of, _)| *of < self.cell);
        match states.get_mut(at) {
            Some((of, known)) if *of == self.cell => *known = slot,
            _ => states.insert(at, (self.cell, slot)),
        }
    }

    fn ask(&self, name: &Name) {
        if let Some(noted) = &self.noted {
            let mut noted = noted.borrow_mut();
            if !noted.read.contains(name) {
                noted.read.insert(name.clone());
            }
        }
    }

    pub(super) fn get(&self, name: &Name) -> Option<&Arc<Slot>> {
        self.ask(name);
        self.now(name)
    }

    pub(super) fn contains(&self, name: &Name) -> bool {
        self.get(name).is_some()
    }

    /// Every name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Name> {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().all = true;
        }
        self.names.iter().filter(|(_, states)| self.state(states).is_some_and(|at| states[at].1.is_some())).map(|(name, _)| name)
    }

    /// What names stand for, or stood for after any cell.
    pub(super) fn objects(&self) -> impl Iterator<Item = ObjId> {
        let slots = self.names.values().flatten().filter_map(|(_, slot)| slot.as_ref());
        slots.flat_map(|slot| slot.val.objs.iter().copied())
    }

    /// What a name is now, for those who compare.
    pub(super) fn now(&self, name: &Name) -> Option<&Arc<Slot>> {
        let states = self.names.get(name)?;
        states[self.state(states)?].1.as_ref()
    }

    /// Binds a name, or removes it.
    pub(super) fn set(&mut self, name: &Name, slot: Option<Arc<Slot>>) {
        if self.noted.is_some() {
            let before = self.now(name).cloned();
            if let Some(noted) = &mut self.noted {
                noted.get_mut().written.push((name.clone(), before));
            }
        }
        self.put(name, slot);
    }

    /// The same without a note.
    pub(super) fn restore(&mut self, name: &Name, slot: Option<&Arc<Slot>>) {
        self.put(name, slot.cloned());
    }
}

/// One object for each dotted path that cells use.
#[derive(Debug, Default)]
pub(super) struct Canon {
    ids: FxHashMap<Arc<str>, ObjId>,
    /// Number of the first object of the next cell, where that has run before: from there on objects are not there yet.
    end: Option<usize>,
    noted: Option<NotedPaths>,
}

/// Paths that one cell asked for, and those that it was the first to use.
#[derive(Debug, Default)]
pub(super) struct NotedPaths {
    pub(super) read: FxHashSet<Arc<str>>,
    pub(super) added: Vec<(Arc<str>, ObjId)>,
}

impl Canon {
    /// Notes from now on what is asked.
    pub(super) fn note(&mut self) {
        self.noted = Some(NotedPaths::default());
    }

    /// What was noted since it was last asked.
    pub(super) fn noted(&mut self) -> NotedPaths {
        self.noted.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn get(&mut self, path: &str) -> Option<ObjId> {
        let found = self.ids.get_key_value(path).filter(|(_, id)| self.end.is_none_or(|end| (id.0 as usize) < end));
        if let Some(noted) = &mut self.noted
            && !noted.read.contains(path)
        {
            noted.read.insert(found.map_or_else(|| path.into(), |(path, _)| Arc::clone(path)));
        }
        found.map(|(_, id)| *id)
    }

    pub(super) fn add(&mut self, path: Arc<str>, id: ObjId) {
        if let Some(noted) = &mut self.noted {
            noted.added.push((Arc::clone(&path), id));
        }
        self.ids.insert(path, id);
    }

    /// The objects of all paths.
    pub(super) fn objects(&self) -> impl Iterator<Item = ObjId> {
        self.ids.values().copied()
    }

    /// A cell runs again whose objects end before this number.
    pub(super) fn before(&mut self, end: Option<usize>) {
        self.end = end;
    }

    /// Forgets that a path has this object.
    pub(super) fn withdraw(&mut self, path: &str, id: ObjId) {
        if self.ids.get(path) == Some(&id) {
            self.ids.remove(path);
        }
    }

    /// The same without a note.
    pub(super) fn restore(&mut self, path: &Arc<str>, id: ObjId) {
        self.ids.insert(Arc::clone(path), id);
    }
}
