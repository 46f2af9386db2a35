//! Reading, binding and deleting names in the scopes that Python would look in.

use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_text_size::TextRange;

use super::heap::{Kind, ObjId, Val};
use super::trace::Read;
use super::{Bound, FrameKind, Interp, Slot, is_builtin};
use crate::library_effects::dotted;

impl Interp<'_> {
    pub(super) fn read_name(&mut self, name: &Name, range: TextRange) -> Val {
        for index in (0..self.frames.len()).rev() {
            let frame = &self.frames[index];
            // Names of a class body are not seen by what is nested in it.
            if frame.kind == FrameKind::Class && index + 1 != self.frames.len() {
                continue;
            }
            if frame.scope.globals.contains(name) {
                break;
            }
            if frame.scope.locals.contains(name) {
                if let Some(slot) = self.flow.frames.get(index).and_then(|names| names.get(name)) {
                    let mut val = slot.val.clone();
                    if let Some(captured) = frame.own.and_then(|own| self.heap.attr(own, name)) {
                        val.join(captured);
                    }
                    return val;
                }
                if frame.kind != FrameKind::Class {
                    return self.captured(frame.own, name).unwrap_or_default();
                }
            }
            if frame.kind != FrameKind::Comprehension {
                let closure = frame.closure;
                if let Some(val) = self.captured(closure, name) {
                    self.note_captured(&val);
                    return val;
                }
                // A function sees the notebook's names behind its closure, not the names of its caller.
                if frame.kind == FrameKind::Function {
                    break;
                }
            }
        }
        if let Some(module) = self.module() {
            return match self.captured(Some(module), name) {
                Some(val) => {
                    self.note_captured(&val);
                    val
                }
                None if is_builtin(name) => self.builtin(name),
                None => self.unknown(),
            };
        }
        self.read_global(name, range)
    }

    pub(super) fn captured(&self, environment: Option<ObjId>, name: &Name) -> Option<Val> {
        let mut at = environment;
        while let Some(id) = at {
            if let Some(val) = self.heap.attr(id, name) {
                return Some(val.clone());
            }
            at = self.heap.get(id).rare().bases.first().and_then(|around| around.objs.first().copied());
        }
        None
    }

    pub(super) fn read_global(&mut self, name: &Name, range: TextRange) -> Val {
        self.note_global(name);
        match self.flow.delta.get(name) {
            Some(slot) if slot.bound == Bound::Must => return slot.val.clone(),
            Some(slot) if slot.bound == Bound::Never => {
                // Reading what this cell deleted is an error, or finds the builtin.
                return if is_builtin(name) { self.builtin(name) } else { Val::default() };
            }
            _ => {}
        }
        let mut val = self.flow.delta.get(name).map(|slot| slot.val.clone()).unwrap_or_default();
        let known = self.base.get(name).cloned();
        if known.is_none() && is_builtin(name) && !self.bound_somewhere.contains(name) {
            return self.builtin(name);
        }
        self.log_read(name, range);
        match known {
            Some(base) => {
                if self.flow.delta.contains_key(name) {
                    val.join(&base.val);
                } else {
                    val = base.val.clone();
                }
                if is_builtin(name) && base.bound == Bound::May {
                    let builtin = self.builtin(name);
                    val.join(&builtin);
                }
            }
            None if is_builtin(name) => {
                let builtin = self.builtin(name);
                val.join(&builtin);
            }
            // Bound by something nobody sees, or by nothing: anything.
            None if val.objs.is_empty() => {
                val = match self.star_member(name) {
                    Some(path) => self.path(&path),
                    None => Val::of(self.outside(name)),
                };
            }
            None => {}
        }
        val
    }

    /// What Python provides under this name.
    fn builtin(&mut self, name: &str) -> Val {
        self.path(&dotted("builtins", name))
    }

    /// The object behind a name that nothing visible binds: one for each name, as old as the notebook.
    pub(super) fn outside(&mut self, name: &Name) -> ObjId {
        let key = format!("?{name}");
        if let Some(id) = self.canon.get(&key) {
            return id;
        }
        let id = self.heap.add(Kind::Unknown, 0);
        self.canon.add(key.into(), id);
        id
    }

    pub(super) fn star_member(&self, name: &Name) -> Option<String> {
        if self.stars.is_empty() {
            return None;
        }
        self.stars.iter().rev().find_map(|(_, line)| {
            let module = line.strip_prefix("from ")?.split(" import").next()?.trim();
            self.table.library(module).map(|_| dotted(module, name))
        })
    }

    pub(super) fn log_read(&mut self, name: &Name, range: TextRange) {
        let certainty = self.certainty();
        let deferred = self.calls.iter().any(|call| call.of != self.cell);
        let may_be_own = self.flow.delta.get(name).is_some_and(|slot| slot.bound == Bound::May);
        if self.trace.read_again(name, certainty, deferred, may_be_own, self.explains) {
            return;
        }
        let because = if self.explains { self.because(&format!("`{name}` is read"), range) } else { Vec::new() };
        let (cells, objs) = match self.base.get(name) {
            Some(slot) => (slot.cells.clone(), slot.val.objs.to_vec()),
            None if is_builtin(name) || self.star_member(name).is_some() => (Vec::new(), Vec::new()),
            None => (Vec::new(), vec![self.outside(name)]),
        };
        self.trace.read(
            name,
            Read {
                certainty,
                because,
                deferred,
                cells,
                objs,
                unbound: !self.base.contains(name),
                may_be_own,
                text_cell: self.text_cell(),
                range: self.pin.unwrap_or(range),
            },
        );
    }

    pub(super) fn bind_name(&mut self, name: &Name, val: Val) {
        if let Some(index) = self.local_frame(name) {
            if let Some(own) = self.frames[index].own {
                self.heap.set_attr(own, name, &val);
            }
            let cell = self.cell;
            if let Some(names) = self.flow.frames.get_mut(index) {
                names.insert(name.clone(), Slot::bound(val, cell));
            }
            return;
        }
        if let Some(environment) = self.nonlocal_environment(name) {
            self.heap.set_attr(environment, name, &val);
            let range = self.calls.last().map_or_else(TextRange::default, |call| call.range);
            self.change(&Val::of(environment), range, format_args!("`{name}` of its closure is rebound"));
            return;
        }
        if let Some(module) = self.module() {
            self.heap.set_attr(module, name, &val);
            return;
        }
        self.bind_global(name, val, None);
    }

    pub(super) fn bind_global(&mut self, name: &Name, val: Val, import: Option<Arc<str>>) {
        let mut slot = Slot::bound(val, self.cell);
        slot.import = import;
        self.rebound += 1;
        self.flow.delta.insert(name.clone(), slot);
    }

    pub(super) fn unbind_name(&mut self, name: &Name, range: TextRange) {
        if let Some(index) = self.local_frame(name) {
            if let Some(names) = self.flow.frames.get_mut(index) {
                names.remove(name);
            }
            return;
        }
        if !matches!(self.flow.delta.get(name), Some(slot) if slot.bound == Bound::Must) {
            self.log_read(name, range);
        }
        self.rebound += 1;
        self.flow.delta.insert(name.clone(), Slot::deleted(self.cell));
    }

    /// The frame in which this name is local, seen from the innermost one.
    pub(super) fn local_frame(&self, name: &Name) -> Option<usize> {
        for index in (0..self.frames.len()).rev() {
            let frame = &self.frames[index];
            if frame.scope.locals.contains(name) {
                return Some(index);
            }
            if frame.kind != FrameKind::Comprehension {
                return None;
            }
        }
        None
    }

    pub(super) fn nonlocal_environment(&self, name: &Name) -> Option<ObjId> {
        let frame = self.frames.iter().rev().find(|frame| frame.kind != FrameKind::Comprehension)?;
        if !frame.scope.nonlocals.contains(name) {
            return None;
        }
        let mut at = frame.closure;
        while let Some(id) = at {
            if self.heap.attr(id, name).is_some() {
                return Some(id);
            }
            at = self.heap.get(id).rare().bases.first().and_then(|around| around.objs.first().copied());
        }
        frame.closure
    }
}
