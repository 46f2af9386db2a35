//! The names of the notebook before the cell that runs, and the objects that stand for dotted paths.

use std::cell::RefCell;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use super::flow::Slot;
use super::heap::ObjId;

/// Names, and what the running cell asks of them.
#[derive(Debug, Default)]
pub(super) struct Base {
    names: FxHashMap<Name, Arc<Slot>>,
    noted: Option<RefCell<NotedNames>>,
}

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
        self.names.get(name)
    }

    pub(super) fn contains(&self, name: &Name) -> bool {
        self.get(name).is_some()
    }

    /// Every name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Name> {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().all = true;
        }
        self.names.keys()
    }

    /// What a name is now, for those who compare.
    pub(super) fn now(&self, name: &Name) -> Option<&Arc<Slot>> {
        self.names.get(name)
    }

    /// Binds a name, or removes it.
    pub(super) fn set(&mut self, name: &Name, slot: Option<Arc<Slot>>) {
        let before = match slot {
            Some(slot) => self.names.insert(name.clone(), slot),
            None => self.names.remove(name),
        };
        if let Some(noted) = &mut self.noted {
            noted.get_mut().written.push((name.clone(), before));
        }
    }

    /// The same without a note.
    pub(super) fn restore(&mut self, name: &Name, slot: Option<&Arc<Slot>>) {
        match slot {
            Some(slot) => self.names.insert(name.clone(), Arc::clone(slot)),
            None => self.names.remove(name),
        };
    }
}

/// One object for each dotted path that cells use.
#[derive(Debug, Default)]
pub(super) struct Canon {
    ids: FxHashMap<Arc<str>, ObjId>,
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
        let found = self.ids.get_key_value(path);
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

    /// The same without a note.
    pub(super) fn restore(&mut self, path: &Arc<str>, id: ObjId) {
        self.ids.insert(Arc::clone(path), id);
    }
}
