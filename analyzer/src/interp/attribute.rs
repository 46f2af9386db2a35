//! Attributes and items.

use std::collections::BTreeSet;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_python_ast::{Expr, Operator};
use ruff_text_size::TextRange;

use super::Interp;
use super::arguments::Args;
use super::heap::{Const, Kind, ObjId, Objs, Val};
use super::main_module::{MAIN, is_own_name};
use crate::library_effects::{Found, dotted};
use crate::report::EffectKind;

/// An object that was given more than this hardly gives one of them back under an attribute.
const MAX_GIVEN: usize = 8;

impl Interp<'_> {
    pub(super) fn attribute(&mut self, holder: &Val, attr: &Name, range: TextRange) -> Val {
        let mut val = Val::default();
        for &id in &holder.objs {
            if !self.step() {
                break;
            }
            let part = self.attribute_of(id, holder, attr, range);
            val.join(&part);
        }
        if holder.objs.is_empty() {
            // A method of a string or number: it needs its receiver for `", ".join(...)` only.
            val = self.fresh(Kind::Member { receiver: holder.clone(), name: attr.clone() });
        }
        self.note_attribute_memory(holder, attr, &val, range);
        val
    }

    pub(super) fn attribute_of(&mut self, id: ObjId, holder: &Val, attr: &Name, range: TextRange) -> Val {
        let kind = self.heap.get(id).kind.clone();
        match kind {
            Kind::Path(path) => self.module_attribute(id, &path, attr, range),
            Kind::Instance(class) => self.instance_attribute(id, class, attr, range),
            Kind::Class => {
                if attr.as_str() == "__new__" && self.class_member(id, attr, &mut BTreeSet::new()).is_none() {
                    return self.path("builtins.object.__new__");
                }
                if let Some(val) = self.heap.attr(id, attr).cloned() {
                    return self.bind_class_member(id, &val);
                }
                match self.class_member(id, attr, &mut BTreeSet::new()) {
                    Some(val) => self.bind_class_member(id, &val),
                    None => self.lazy_attribute(id, attr),
                }
            }
            Kind::Super { class, receiver } => {
                let bases = self.heap.get(class).rare().bases.clone();
                for base in bases {
                    for &base in &base.objs {
                        if let Some(val) = self.class_member(base, attr, &mut BTreeSet::new()) {
                            return self.bind_to(&val, &receiver);
                        }
                    }
                }
                if attr.as_str() == "__new__" {
                    return self.path("builtins.object.__new__");
                }
                self.fresh(Kind::Member { receiver, name: attr.clone() })
            }
            Kind::Lib(path) => {
                if let Some(val) = self.heap.attr(id, attr).cloned() {
                    return val;
                }
                if let Found::Entry(entry) = self.member(&path, attr)
                    && entry.attribute
                {
                    let receiver = Val::of(id);
                    let full = dotted(&path, attr);
                    return self.apply(entry, &full, Some(&receiver), &Args::default(), range);
                }
                let mut receiver = Val::of(id);
                receiver.literal.clone_from(&holder.literal);
                self.fresh(Kind::Member { receiver, name: attr.clone() })
            }
            Kind::Unknown => match self.heap.attr(id, attr).cloned() {
                Some(val) => val,
                None => self.fresh(Kind::Member { receiver: Val::of(id), name: attr.clone() }),
            },
            Kind::Member { .. } => {
                // `df.a.b`: the inner attribute is a value after all.
                let (values, members) = self.opened(id);
                let mut val =
                    if values.objs.is_empty() && !members.is_empty() { Val::default() } else { self.attribute(&values, attr, range) };
                for member in members {
                    let part = self.lazy_attribute(member, attr);
                    val.join(&part);
                }
                val
            }
            Kind::Function(_) | Kind::Bound { .. } => match self.heap.attr(id, attr).cloned() {
                Some(val) => val,
                None => Val::scalar(),
            },
            Kind::Namespace | Kind::Environment => self.fresh(Kind::Member { receiver: Val::of(id), name: attr.clone() }),
        }
    }

    pub(super) fn module_attribute(&mut self, id: ObjId, path: &str, attr: &Name, range: TextRange) -> Val {
        if path == MAIN && !attr.starts_with("__") {
            return self.read_global(attr, range);
        }
        let full = dotted(path, attr);
        if full == "__main__.__dict__" {
            return self.fresh(Kind::Namespace);
        }
        if let Some(val) = self.heap.attr(id, attr).cloned() {
            return val;
        }
        if full == "os.environ" {
            self.effect(EffectKind::EnvironmentRead, "", range);
            return self.path(&full);
        }
        if let Some(entry) = self.table.exact(&full)
            && entry.attribute
        {
            let val = self.apply(entry, &full, None, &Args::default(), range);
            return if full == "sys.modules" { val.joined(&self.path(&full)) } else { val };
        }
        match full.as_str() {
            "sys.argv" | "sys.path" | "sys.modules" => self.effect(EffectKind::EnvironmentRead, &full, range),
            _ => {}
        }
        self.path(&full)
    }

    /// An attribute nobody has set: one object for each, as old as its holder, or something that the holder was given.
    pub(super) fn lazy_attribute(&mut self, id: ObjId, attr: &Name) -> Val {
        let given = match self.heap.get(id).kind {
            Kind::Unknown | Kind::Instance(_) if self.heap.get(id).elems.objs.len() <= MAX_GIVEN => self.heap.get(id).elems.clone(),
            _ => Val::default(),
        };
        if let Some(val) = self.heap.attr(id, attr) {
            return val.clone().joined(&given);
        }
        let born = self.heap.get(id).born;
        let val = Val::of(self.heap.add(Kind::Unknown, born));
        self.heap.set_attr(id, attr, &val);
        val.joined(&given)
    }

    /// A member of a library value, taken as the value it is rather than as a method to call.
    pub(super) fn member_as_value(&mut self, id: ObjId) -> Val {
        let Kind::Member { receiver, name } = self.heap.get(id).kind.clone() else { return Val::of(id) };
        let mut val = Val::default();
        for &holder in &receiver.objs {
            let path = match &self.heap.get(holder).kind {
                Kind::Lib(path) => Some(Arc::clone(path)),
                _ => None,
            };
            let part = match path.as_deref() {
                // Any other attribute of a frame is most likely a column, which shows the frame's memory.
                Some("pandas.DataFrame") if !matches!(self.member("pandas.DataFrame", &name), Found::Entry(_)) => {
                    let column = self.view_of(holder, "pandas.Series");
                    self.note_column_memory(holder, &column);
                    column
                }
                Some(path) if matches!(self.member(path, &name), Found::Entry(entry) if !entry.attribute) => Val::default(),
                // Under a name of its own: the attribute may be a method after all, which must be found again as such.
                _ => self.lazy_attribute(holder, &Name::new(format!(".{name}"))),
            };
            val.join(&part);
        }
        val
    }

    /// A member taken as the values it is, and apart from them the members that its holder was given: they may hold one another in a
    /// circle, so nobody looks into them further.
    pub(super) fn opened(&mut self, id: ObjId) -> (Val, Objs) {
        let base = self.member_as_value(id);
        let is_member = |id: &ObjId| matches!(self.heap.get(*id).kind, Kind::Member { .. });
        let (members, values): (Objs, Objs) = base.objs.into_iter().partition(is_member);
        (Val { objs: values, literal: base.literal }, members)
    }

    /// Replaces members by the values they are; called where a value is kept rather than called.
    pub(super) fn settle(&mut self, val: Val) -> Val {
        if !val.objs.iter().any(|&id| matches!(self.heap.get(id).kind, Kind::Member { .. })) {
            return val;
        }
        let mut settled = Val { objs: super::heap::Objs::new(), literal: val.literal.clone() };
        for &id in &val.objs {
            let part = match self.heap.get(id).kind.clone() {
                // A bound method of a library value keeps its receiver: the member object stands for both.
                Kind::Member { receiver, .. } => {
                    let value = self.member_as_value(id);
                    self.heap.hold(id, &receiver);
                    value.joined(&Val::of(id))
                }
                _ => Val::of(id),
            };
            settled.join(&part);
        }
        settled.literal = None;
        settled
    }

    pub(super) fn subscript(&mut self, holder: &Val, index: &Val, slice: &Expr, range: TextRange) -> Val {
        let holder = &self.settle(holder.clone());
        let mut val = Val::default();
        for &id in &holder.objs {
            let part = self.item_of(id, index, slice, range);
            self.note_item_memory(id, slice, index, &part, range);
            val.join(&part);
        }
        val.literal = None;
        if let Some(element) = self.call_special(holder, "__getitem__", std::slice::from_ref(index), range) {
            val.join(&element);
        }
        val
    }

    pub(super) fn item_of(&mut self, id: ObjId, index: &Val, slice: &Expr, range: TextRange) -> Val {
        let kind = self.heap.get(id).kind.clone();
        match &kind {
            Kind::Namespace => match index.as_str() {
                Some(name) => self.read_global(&Name::new(name), range),
                None => self.read_everything(range),
            },
            Kind::Path(path) => match &**path {
                "os.environ" => Val::scalar(),
                "sys.modules" if index.as_str() == Some(MAIN) || is_own_name(slice) => self.path(MAIN),
                // `List[int]`, `np.ndarray[...]`, `plt.rcParams["x"]`.
                path if path.ends_with("rcParams") => {
                    self.effect(EffectKind::OptionsRead, "matplotlib", range);
                    Val::scalar()
                }
                // `np.r_[a, b]` and the like make something new.
                path if path.ends_with('_') => self.unknown(),
                _ => Val::of(id),
            },
            Kind::Lib(path) => self.library_item(id, path, index, slice, range),
            Kind::Unknown => {
                // What kind of thing it is nobody knows: an element, a column or a view.
                let element = self.known_or_summary(id);
                for &part in &element.objs {
                    if self.heap.get(part).kind == Kind::Unknown && matches!(slice, Expr::Slice(_)) {
                        self.heap.view(part, id, false);
                    }
                }
                element
            }
            Kind::Instance(_) => Val::default(),
            _ => self.heap.get(id).elems.clone(),
        }
    }

    pub(super) fn library_item(&mut self, id: ObjId, path: &Arc<str>, index: &Val, slice: &Expr, range: TextRange) -> Val {
        if let Some(Const::Int(at)) = index.literal
            && let Some(parts) = &self.heap.get(id).rare().parts
        {
            let at = if at < 0 { i64::try_from(parts.len()).unwrap_or(i64::MAX) + at } else { at };
            if let Some(part) = usize::try_from(at).ok().and_then(|at| parts.get(at)) {
                return part.clone();
            }
        }
        let is_slice = matches!(slice, Expr::Slice(_));
        match &**path {
            "numpy.ndarray" => {
                // A mask or list of positions copies; anything else shows the same memory.
                let copies = matches!(slice, Expr::Compare(_) | Expr::List(_) | Expr::ListComp(_))
                    || matches!(slice, Expr::BinOp(op) if matches!(op.op, Operator::BitAnd | Operator::BitOr))
                    || matches!(slice, Expr::UnaryOp(_)) && !matches!(slice, Expr::UnaryOp(op) if op.op == ruff_python_ast::UnaryOp::USub);
                let array_index = index.objs.iter().any(|&id| matches!(&self.heap.get(id).kind, Kind::Lib(path) if &**path == "numpy.ndarray" || &**path == "builtins.list" || &**path == "pandas.Series"));
                if copies || array_index { self.lib("numpy.ndarray") } else { self.view_of(id, "numpy.ndarray") }
            }
            "pandas.DataFrame" => match slice {
                Expr::StringLiteral(_) => self.view_of(id, "pandas.Series"),
                Expr::List(_) | Expr::Compare(_) => self.lib("pandas.DataFrame"),
                Expr::Slice(_) => self.view_of(id, "pandas.DataFrame"),
                _ if index.as_str().is_some() => self.view_of(id, "pandas.Series"),
                _ if index.objs.is_empty() => self.view_of(id, "pandas.Series"),
                _ => self.lib("pandas.DataFrame"),
            },
            "pandas.Series" => match slice {
                Expr::Slice(_) => self.view_of(id, "pandas.Series"),
                Expr::Compare(_) | Expr::List(_) => self.lib("pandas.Series"),
                _ => self.known_or_summary(id),
            },
            "builtins.str" | "builtins.bytes" => Val::scalar(),
            "builtins.list" | "builtins.tuple" if is_slice => {
                let elems = self.known_or_summary(id);
                self.container(path, &[elems])
            }
            _ => {
                if let Found::Entry(entry) = self.member(path, "__getitem__") {
                    let receiver = Val::of(id);
                    let args = Args::positional(vec![index.clone()]);
                    return self.apply(entry, &format!("{path}.__getitem__"), Some(&receiver), &args, range);
                }
                if &**path == "matplotlib.axes.Axes" {
                    return self.view_of(id, path);
                }
                self.known_or_summary(id)
            }
        }
    }

    /// Something reads names that cannot be told: all of them are needed.
    pub(super) fn read_everything(&mut self, range: TextRange) -> Val {
        let names = self.all_names();
        let mut val = Val::default();
        for name in names {
            let part = self.assuming("the name is computed", |interp| interp.read_global(&name, range));
            val.join(&part);
        }
        val.literal = None;
        val
    }
}
