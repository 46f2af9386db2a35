//! Containers, and what iterating over a value gives.

use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_python_ast::{Expr, Number};
use ruff_text_size::{Ranged as _, TextRange};

use super::Interp;
use super::arguments::Args;
use super::heap::{Kind, ObjId, Val};
use crate::library_effects::{Found, Gives};

impl Interp<'_> {
    pub(super) fn container(&mut self, kind: &str, held: &[Val]) -> Val {
        let val = self.lib(kind);
        for &id in &val.objs {
            for part in held {
                self.heap.hold(id, part);
            }
            self.heap.get_mut(id).closed = true;
        }
        val
    }

    pub(super) fn container_of(&mut self, kind: &str, held: &[Val], parts: &[Expr]) -> Val {
        let val = self.container(kind, held);
        // A tuple of immutable literals is immutable itself.
        if kind == "builtins.tuple" && held.iter().all(|part| part.objs.is_empty()) && parts.is_empty() {
            return Val::scalar();
        }
        if !parts.iter().any(Expr::is_starred_expr) {
            self.note_rows(&val, parts.len() as f64);
            if let [first, .., last] | [first @ last] = parts {
                self.note_display_memory(&val, held, parts.len(), first.range().cover(last.range()));
            } else {
                self.note_display_memory(&val, held, 0, TextRange::default());
            }
            for &id in &val.objs {
                self.heap.get_mut(id).rare_mut().parts = Some(held.to_vec());
            }
        }
        val
    }

    /// What iterating over a value, or indexing into it, may give.
    pub(super) fn element(&mut self, val: &Val, range: TextRange) -> Val {
        let mut element = Val::default();
        for &id in &val.objs {
            let part = self.element_of(id, range);
            element.join(&part);
            if self.is_enough(&element) {
                break;
            }
        }
        element.literal = None;
        element
    }

    /// Whether a value is one that becomes one object anyway. Where the rules alone ask, that need not lead to all that it may be.
    pub(super) fn is_enough(&self, val: &Val) -> bool {
        self.wanted.by_rules_alone() && val.objs.len() > super::MAX_CANDIDATES
    }

    pub(super) fn element_of(&mut self, id: ObjId, range: TextRange) -> Val {
        let kind = self.heap.get(id).kind.clone();
        match &kind {
            Kind::Instance(_) => {
                let receiver = Val::of(id);
                let mut val = Val::default();
                for method in ["__iter__", "__getitem__", "__next__"] {
                    if let Some(part) = self.call_special(&receiver, method, &[], range) {
                        let inner = if method == "__iter__" && !part.objs.contains(&id) { self.element(&part, range) } else { part };
                        val.join(&inner);
                    }
                }
                val.join(&self.heap.get(id).elems.clone());
                val
            }
            Kind::Lib(path) if matches!(&**path, "builtins.str" | "builtins.range" | "builtins.bytes") => Val::scalar(),
            Kind::Lib(path) => {
                let path = Arc::clone(path);
                // An entry that gives an iterator says nothing about what comes out of it.
                if let Found::Entry(entry) = self.member(&path, "__iter__")
                    && matches!(&entry.gives, Some(gives) if !matches!(gives, Gives::One(kind) if kind == "self" || kind.ends_with("iterator")))
                {
                    let receiver = Val::of(id);
                    let looked_into = std::mem::take(&mut self.looked_into);
                    let val = self.apply(entry, &format!("{path}.__iter__"), Some(&receiver), &Args::default(), range);
                    self.looked_into = looked_into;
                    return val;
                }
                if &*path == "numpy.ndarray" || &*path == "matplotlib.axes.Axes" {
                    // Rows of an array are views of it; an array of axes is known as its axes.
                    return self.view_of(id, &path);
                }
                self.known_or_inner(id, range)
            }
            Kind::Unknown | Kind::Path(_) => self.known_or_summary(id),
            _ => self.heap.get(id).elems.clone(),
        }
    }

    pub(super) fn view_of(&mut self, base: ObjId, kind: &str) -> Val {
        let val = self.lib(kind);
        for &id in &val.objs {
            let born = self.heap.get(base).born;
            self.heap.get_mut(id).born = born;
            self.heap.view(id, base, true);
        }
        val
    }

    /// The elements of a library value: what it is known to hold and, unless all of that is known, what those things hold: an iterator, a
    /// view of a dictionary or a wrapper gives the elements of what it was made from.
    pub(super) fn known_or_inner(&mut self, id: ObjId, range: TextRange) -> Val {
        let mut val = self.known_or_summary(id);
        let object = self.heap.get(id);
        if object.closed || self.inner > 2 {
            return val;
        }
        if self.inner == 0 {
            self.looked_into.clear();
        }
        self.looked_into.push((id, self.inner));
        let sources: Vec<ObjId> = object
            .elems
            .objs
            .iter()
            .copied()
            .chain(object.views.iter().map(|(base, _)| *base))
            .filter(|&source| source != id)
            .take(8)
            .collect();
        self.inner += 1;
        for source in sources {
            if self.is_enough(&val) {
                break;
            }
            // What holds one another would be gone through once for each way.
            let again = self.looked_into.iter().any(|&(known, depth)| known == source && depth <= self.inner);
            if !again && matches!(self.heap.get(source).kind, Kind::Lib(_) | Kind::Unknown) {
                let part = self.element_of(source, range);
                val.join(&part);
            }
        }
        self.inner -= 1;
        val
    }

    /// The elements known; and, where there may be others, one object that stands for all of them.
    pub(super) fn known_or_summary(&mut self, id: ObjId) -> Val {
        let object = self.heap.get(id);
        if object.closed {
            return object.elems.clone();
        }
        let name = Name::new_static("[]");
        let summary = match self.heap.attr(id, &name) {
            Some(val) => val.clone(),
            None => {
                let born = self.heap.get(id).born;
                let summary = Val::of(self.heap.add(Kind::Unknown, born));
                self.heap.set_attr(id, &name, &summary);
                summary
            }
        };
        self.heap.get(id).elems.clone().joined(&summary)
    }

    /// The part at a position, as unpacking takes it.
    pub(super) fn part(&mut self, val: &Val, index: usize, range: TextRange) -> Val {
        let mut part = Val::default();
        let mut first = true;
        for &id in &val.objs {
            let one = match self.heap.get(id).rare().parts.as_ref().and_then(|parts| parts.get(index)) {
                Some(known) => known.clone(),
                None => self.element_of(id, range),
            };
            if first {
                part = one;
            } else {
                part.join(&one);
            }
            first = false;
        }
        part
    }

    /// Whether iterating surely gives something: literal ranges and displays that are not empty.
    pub(super) fn has_elements(&self, expression: &Expr, _val: &Val) -> bool {
        match expression {
            Expr::List(list) => list.elts.iter().any(|part| !part.is_starred_expr()),
            Expr::Tuple(tuple) => tuple.elts.iter().any(|part| !part.is_starred_expr()),
            Expr::Set(set) => set.elts.iter().any(|part| !part.is_starred_expr()),
            Expr::Dict(dict) => dict.items.iter().any(|item| item.key.is_some()),
            Expr::StringLiteral(literal) => !literal.value.is_empty(),
            Expr::Call(call) => {
                let Expr::Name(name) = &*call.func else { return false };
                if self.bound_somewhere.contains(&name.id) || !call.arguments.keywords.is_empty() {
                    return false;
                }
                match (name.id.as_str(), &*call.arguments.args) {
                    ("range", [stop]) => int(stop).is_some_and(|stop| stop > 0),
                    ("range", [start, stop]) => matches!((int(start), int(stop)), (Some(start), Some(stop)) if start < stop),
                    ("range", [start, stop, step]) => {
                        matches!((int(start), int(stop), int(step)), (Some(start), Some(stop), Some(step)) if step > 0 && start < stop || step < 0 && start > stop)
                    }
                    ("enumerate" | "reversed" | "sorted" | "list" | "tuple" | "iter", [inner, ..]) => {
                        self.has_elements(inner, &Val::default())
                    }
                    ("zip", parts) => !parts.is_empty() && parts.iter().all(|part| self.has_elements(part, &Val::default())),
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

fn int(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(value) => value.as_i64(),
            _ => None,
        },
        Expr::UnaryOp(inner) if inner.op == ruff_python_ast::UnaryOp::USub => int(&inner.operand).map(|value| -value),
        _ => None,
    }
}
