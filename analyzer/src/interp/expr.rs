//! Expressions.

use std::collections::BTreeSet;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_python_ast::{CmpOp, Comprehension, Expr, ExprContext, InterpolatedStringElement, Number, Operator};
use ruff_text_size::{Ranged, TextRange};

use super::arguments::Args;
use super::flow::{Flow, Names};
use super::heap::{Const, Kind, ObjId, Val};
use super::{FrameKind, Interp};
use crate::facts::{Scope, comprehension_targets};
use crate::library_effects::{Found, Gives};
use crate::report::EffectKind;

/// An object that was given more than this hardly gives one of them back under an attribute.
const MAX_GIVEN: usize = 8;

impl<'a> Interp<'a> {
    pub(super) fn eval(&mut self, expression: &'a Expr) -> Val {
        if self.depth > super::MAX_DEPTH || !self.step() {
            return self.unknown();
        }
        self.depth += 1;
        let val = self.eval_inner(expression);
        self.depth -= 1;
        self.narrow(val)
    }

    fn eval_inner(&mut self, expression: &'a Expr) -> Val {
        match expression {
            Expr::Name(name) => match name.ctx {
                ExprContext::Load | ExprContext::Invalid if name.id.is_empty() => Val::default(),
                _ => self.read_name(&name.id, name.range()),
            },
            Expr::StringLiteral(literal) => Val::string(literal.value.to_str()),
            Expr::BytesLiteral(_) | Expr::EllipsisLiteral(_) => Val::scalar(),
            Expr::NumberLiteral(literal) => match &literal.value {
                Number::Int(value) => value.as_i64().map_or_else(Val::scalar, |value| Val::literal(Const::Int(value))),
                _ => Val::scalar(),
            },
            Expr::BooleanLiteral(literal) => Val::literal(Const::Bool(literal.value)),
            Expr::NoneLiteral(_) => Val::literal(Const::None),
            Expr::BoolOp(inner) => self.eval_bool_op(&inner.values),
            Expr::Named(inner) => {
                let val = self.eval(&inner.value);
                if let Expr::Name(name) = &*inner.target {
                    self.bind_walrus(&name.id, &val);
                }
                val
            }
            Expr::BinOp(inner) => {
                let left = self.eval(&inner.left);
                let right = self.eval(&inner.right);
                self.operate(&left, &right, inner.op, inner.range())
            }
            Expr::UnaryOp(inner) => {
                let operand = self.eval(&inner.operand);
                self.call_special(&operand, "__neg__", &[], inner.range());
                if inner.op == ruff_python_ast::UnaryOp::Not { Val::scalar() } else { self.like(&operand) }
            }
            Expr::Lambda(inner) => self.make_lambda(inner),
            Expr::If(inner) => {
                self.eval(&inner.test);
                let before = self.flow.clone();
                let mut val = self.eval(&inner.body);
                let after_body = std::mem::replace(&mut self.flow, before);
                let other = self.eval(&inner.orelse);
                self.flow.join(&after_body);
                val.join(&other);
                val
            }
            Expr::Dict(inner) => {
                let mut held = Vec::new();
                for item in &inner.items {
                    if let Some(key) = &item.key {
                        held.push(self.eval(key));
                        held.push(self.eval(&item.value));
                    } else {
                        let spread = self.eval(&item.value);
                        held.push(self.element(&spread, item.value.range()));
                    }
                }
                self.container("builtins.dict", &held)
            }
            Expr::Set(inner) => {
                let held = self.eval_all(&inner.elts);
                self.container("builtins.set", &held)
            }
            Expr::List(inner) => {
                let held = self.eval_all(&inner.elts);
                self.container_of("builtins.list", &held, &inner.elts)
            }
            Expr::Tuple(inner) => {
                let held = self.eval_all(&inner.elts);
                self.container_of("builtins.tuple", &held, &inner.elts)
            }
            Expr::ListComp(inner) => self.comprehend(&inner.generators, &[&inner.elt], "builtins.list"),
            Expr::SetComp(inner) => self.comprehend(&inner.generators, &[&inner.elt], "builtins.set"),
            Expr::DictComp(inner) => {
                let parts: Vec<&Expr> = inner.key.as_deref().into_iter().chain([&*inner.value]).collect();
                self.comprehend(&inner.generators, &parts, "builtins.dict")
            }
            Expr::Generator(inner) => self.comprehend(&inner.generators, &[&inner.elt], "builtins.generator"),
            Expr::Await(inner) => self.eval(&inner.value),
            Expr::Yield(inner) => {
                let val = inner.value.as_deref().map(|value| self.eval(value)).unwrap_or_default();
                self.yield_value(&val);
                self.unknown()
            }
            Expr::YieldFrom(inner) => {
                let val = self.eval(&inner.value);
                let element = self.element(&val, inner.range());
                self.yield_value(&element);
                self.unknown()
            }
            Expr::Compare(inner) => self.eval_compare(inner),
            Expr::Call(inner) => self.eval_call(inner),
            Expr::FString(inner) => {
                let mut text = Some(String::new());
                for part in &inner.value {
                    match part {
                        ruff_python_ast::FStringPart::Literal(literal) => append(&mut text, &literal.value),
                        ruff_python_ast::FStringPart::FString(string) => self.eval_elements(&string.elements, &mut text),
                    }
                }
                text.map_or_else(Val::scalar, Val::string)
            }
            Expr::TString(inner) => {
                let mut text = None;
                for string in &inner.value {
                    self.eval_elements(&string.elements, &mut text);
                }
                self.unknown()
            }
            Expr::Attribute(inner) => {
                let holder = self.eval(&inner.value);
                self.attribute(&holder, &inner.attr.id, inner.range())
            }
            Expr::Subscript(inner) => {
                let holder = self.eval(&inner.value);
                let index = self.eval(&inner.slice);
                self.subscript(&holder, &index, &inner.slice, inner.range())
            }
            Expr::Starred(inner) => {
                let val = self.eval(&inner.value);
                self.element(&val, inner.range())
            }
            Expr::Slice(inner) => {
                for part in [&inner.lower, &inner.upper, &inner.step].into_iter().flatten() {
                    self.eval(part);
                }
                Val::scalar()
            }
            Expr::IpyEscapeCommand(inner) => self.run_escape(inner.range()),
        }
    }

    fn eval_all(&mut self, parts: &'a [Expr]) -> Vec<Val> {
        parts.iter().map(|part| self.eval(part)).collect()
    }

    fn eval_bool_op(&mut self, values: &'a [Expr]) -> Val {
        let mut val = Val::default();
        let mut skipped: Option<Flow> = None;
        for (index, value) in values.iter().enumerate() {
            let part = self.eval(value);
            if index == 0 {
                val = part;
            } else {
                val.join(&part);
            }
            // What stands behind may not be evaluated.
            match &mut skipped {
                Some(flow) => flow.join(&self.flow),
                None => skipped = Some(self.flow.clone()),
            }
        }
        if let Some(skipped) = skipped {
            self.flow.join(&skipped);
        }
        val
    }

    fn bind_walrus(&mut self, name: &Name, val: &Val) {
        // Inside a comprehension it binds in the scope around it, which is where it counts as local.
        self.bind_name(name, val.clone());
    }

    fn eval_elements(&mut self, elements: &'a [InterpolatedStringElement], text: &mut Option<String>) {
        for element in elements {
            match element {
                InterpolatedStringElement::Literal(literal) => append(text, &literal.value),
                InterpolatedStringElement::Interpolation(inner) => {
                    let val = self.eval(&inner.expression);
                    match (&val.literal, &inner.format_spec) {
                        (Some(Const::Str(part)), None) => append(text, part),
                        (Some(Const::Int(part)), None) => append(text, &part.to_string()),
                        _ => *text = None,
                    }
                    for method in ["__format__", "__str__", "__repr__"] {
                        self.call_special(&val, method, &[], inner.range());
                    }
                    if let Some(spec) = &inner.format_spec {
                        self.eval_elements(&spec.elements, &mut None);
                    }
                }
            }
        }
    }

    fn eval_compare(&mut self, inner: &'a ruff_python_ast::ExprCompare) -> Val {
        let mut left = self.eval(&inner.left);
        let mut result = Val::scalar();
        for (op, right) in inner.ops.iter().zip(&inner.comparators) {
            let right_val = self.eval(right);
            let method = match op {
                CmpOp::Eq | CmpOp::NotEq => "__eq__",
                CmpOp::Lt | CmpOp::GtE => "__lt__",
                CmpOp::LtE | CmpOp::Gt => "__gt__",
                CmpOp::In | CmpOp::NotIn => "__contains__",
                CmpOp::Is | CmpOp::IsNot => "",
            };
            if matches!(op, CmpOp::In | CmpOp::NotIn) {
                // `"x" in globals()` needs the name's presence.
                let is_namespace = right_val.objs.iter().any(|&id| self.heap.get(id).kind == Kind::Namespace);
                if let (true, Some(name)) = (is_namespace, left.as_str().map(Name::new)) {
                    self.read_global(&name, inner.range());
                }
            }
            if !method.is_empty() {
                let receiver = if method == "__contains__" { right_val.clone() } else { left.clone().joined(&right_val) };
                self.call_special(&receiver, method, &[], inner.range());
                result = self.like(&left.clone().joined(&right_val));
            }
            left = right_val;
        }
        if matches!(inner.ops.first(), Some(CmpOp::In | CmpOp::NotIn | CmpOp::Is | CmpOp::IsNot)) { Val::scalar() } else { result }
    }

    /// A new value of the kind that arithmetic on these gives.
    fn like(&mut self, val: &Val) -> Val {
        let mut kinds: Vec<Arc<str>> = Vec::new();
        let mut unknown = false;
        for &id in &val.objs {
            match &self.heap.get(id).kind {
                Kind::Lib(path) => kinds.push(Arc::clone(path)),
                _ => unknown = true,
            }
        }
        if val.objs.is_empty() {
            return Val::scalar();
        }
        // A frame wins over an array, an array over a list.
        let rank = |path: &str| match path {
            "pandas.DataFrame" | "xarray.Dataset" => 5,
            "pandas.Series" | "xarray.DataArray" => 4,
            "numpy.ndarray" => 2,
            path if path.starts_with("builtins.") => 1,
            _ => 3,
        };
        kinds.sort_by_key(|path| std::cmp::Reverse(rank(path)));
        match kinds.first() {
            Some(path) if !unknown || rank(path) > 1 => self.lib(&path.clone()),
            _ => self.unknown(),
        }
    }

    pub(super) fn operate(&mut self, left: &Val, right: &Val, op: Operator, range: TextRange) -> Val {
        match (op, &left.literal, &right.literal) {
            (Operator::Add, Some(Const::Str(a)), Some(Const::Str(b))) if a.len() + b.len() < 4096 => return Val::string(format!("{a}{b}")),
            (Operator::Add, Some(Const::Int(a)), Some(Const::Int(b))) => {
                return a.checked_add(*b).map_or_else(Val::scalar, |sum| Val::literal(Const::Int(sum)));
            }
            (Operator::Sub, Some(Const::Int(a)), Some(Const::Int(b))) => {
                return a.checked_sub(*b).map_or_else(Val::scalar, |sum| Val::literal(Const::Int(sum)));
            }
            (Operator::Mult, Some(Const::Int(a)), Some(Const::Int(b))) => {
                return a.checked_mul(*b).map_or_else(Val::scalar, |sum| Val::literal(Const::Int(sum)));
            }
            _ => {}
        }
        let both = left.clone().joined(right);
        // `Path("a") / "b"`
        if op == Operator::Div
            && let Some(&id) = left.objs.first()
            && matches!(&self.heap.get(id).kind, Kind::Lib(path) if path.starts_with("pathlib."))
        {
            let joined = match (left.as_str(), right.as_str()) {
                (Some(a), Some(b)) => {
                    Some(if a.is_empty() || b.starts_with('/') { b.to_owned() } else { format!("{}/{b}", a.trim_end_matches('/')) })
                }
                _ => None,
            };
            let mut val = self.lib("pathlib.Path");
            val.literal = joined.map(|text| Const::Str(text.into()));
            return val;
        }
        // `"%s" % value`
        if op == Operator::Mod && left.objs.is_empty() {
            self.show_with_elements(right, range);
        }
        let method = match op {
            Operator::Add => "__add__",
            Operator::Sub => "__sub__",
            Operator::Mult => "__mul__",
            Operator::MatMult => "__matmul__",
            Operator::Div => "__truediv__",
            Operator::Mod => "__mod__",
            Operator::Pow => "__pow__",
            Operator::LShift => "__lshift__",
            Operator::RShift => "__rshift__",
            Operator::BitOr => "__or__",
            Operator::BitXor => "__xor__",
            Operator::BitAnd => "__and__",
            Operator::FloorDiv => "__floordiv__",
        };
        if let Some(val) = self.call_special(left, method, std::slice::from_ref(right), range) {
            return val;
        }
        let reflected = format!("__r{}", &method[2..]);
        if let Some(val) = self.call_special(right, &reflected, std::slice::from_ref(left), range) {
            return val;
        }
        let result = self.like(&both);
        // Concatenated lists hold what both held; `[x] * 3` too.
        let held: Vec<Val> = both
            .objs
            .iter()
            .filter(|&&id| matches!(&self.heap.get(id).kind, Kind::Lib(path) if path.starts_with("builtins.")))
            .map(|&id| self.heap.get(id).elems.clone())
            .collect();
        for &id in &result.objs {
            for val in &held {
                self.heap.hold(id, val);
            }
            self.heap.get_mut(id).closed = true;
        }
        result
    }

    // --- containers ------------------------------------------------------------------------------

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

    fn container_of(&mut self, kind: &str, held: &[Val], parts: &[Expr]) -> Val {
        let val = self.container(kind, held);
        // A tuple of immutable literals is immutable itself.
        if kind == "builtins.tuple" && held.iter().all(|part| part.objs.is_empty()) && parts.is_empty() {
            return Val::scalar();
        }
        if !parts.iter().any(Expr::is_starred_expr) {
            for &id in &val.objs {
                self.heap.get_mut(id).parts = Some(held.to_vec());
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
        }
        element.literal = None;
        element
    }

    fn element_of(&mut self, id: ObjId, range: TextRange) -> Val {
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
                    return self.apply(entry, &format!("{path}.__iter__"), Some(&receiver), &Args::default(), range);
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
    fn known_or_inner(&mut self, id: ObjId, range: TextRange) -> Val {
        let mut val = self.known_or_summary(id);
        let object = self.heap.get(id);
        if object.closed || self.inner > 2 {
            return val;
        }
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
            if matches!(self.heap.get(source).kind, Kind::Lib(_) | Kind::Unknown) {
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
            let one = match self.heap.get(id).parts.as_ref().and_then(|parts| parts.get(index)) {
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

    fn comprehend(&mut self, generators: &'a [Comprehension], parts: &[&'a Expr], kind: &str) -> Val {
        let Some(first) = generators.first() else { return self.unknown() };
        // The first iterable is evaluated outside.
        let iterable = self.eval(&first.iter);
        let scope = Scope { locals: comprehension_targets(generators), ..Scope::default() };
        let mut frame = self.frame(scope, FrameKind::Comprehension);
        frame.method_of = self.frames.last().and_then(|frame| frame.method_of.clone());
        self.frames.push(frame);
        self.flow.frames.push(Names::new());
        let before = self.flow.clone();
        let mut held = Vec::new();
        for _turn in 0..if self.loops >= 3 { 1 } else { 2 } {
            self.loops += 1;
            held.clear();
            for (index, generator) in generators.iter().enumerate() {
                let source = if index == 0 { iterable.clone() } else { self.eval(&generator.iter) };
                let element = self.element(&source, generator.iter.range());
                self.assign(&generator.target, &element);
                for test in &generator.ifs {
                    self.eval(test);
                }
            }
            for part in parts {
                held.push(self.eval(part));
            }
            self.loops -= 1;
        }
        if !(generators.len() == 1 && first.ifs.is_empty() && self.has_elements(&first.iter, &iterable)) {
            self.flow.join(&before);
        }
        self.flow.frames.pop();
        self.frames.pop();
        self.container(kind, &held)
    }

    fn yield_value(&mut self, val: &Val) {
        if let Some(frame) = self.frames.iter_mut().rev().find(|frame| frame.kind == FrameKind::Function) {
            frame.yielded.join(val);
        }
    }

    // --- attributes and items --------------------------------------------------------------------

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
        val
    }

    fn attribute_of(&mut self, id: ObjId, holder: &Val, attr: &Name, range: TextRange) -> Val {
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
                let bases = self.heap.get(class).bases.clone();
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
                    let full = format!("{path}.{attr}");
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
                let base = self.member_as_value(id);
                self.attribute(&base, attr, range)
            }
            Kind::Function(_) | Kind::Bound { .. } => match self.heap.attr(id, attr).cloned() {
                Some(val) => val,
                None => Val::scalar(),
            },
            Kind::Namespace | Kind::Environment => self.fresh(Kind::Member { receiver: Val::of(id), name: attr.clone() }),
        }
    }

    fn module_attribute(&mut self, id: ObjId, path: &str, attr: &Name, range: TextRange) -> Val {
        let full = format!("{path}.{attr}");
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
            return self.apply(entry, &full, None, &Args::default(), range);
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
                    self.view_of(holder, "pandas.Series")
                }
                Some(path) if matches!(self.member(path, &name), Found::Entry(entry) if !entry.attribute) => Val::default(),
                // Under a name of its own: the attribute may be a method after all, which must be found again as such.
                _ => self.lazy_attribute(holder, &Name::new(format!(".{name}"))),
            };
            val.join(&part);
        }
        val
    }

    /// Replaces members by the values they are; called where a value is kept rather than called.
    pub(super) fn settle(&mut self, val: Val) -> Val {
        if !val.objs.iter().any(|&id| matches!(self.heap.get(id).kind, Kind::Member { .. })) {
            return val;
        }
        let mut settled = Val { objs: Vec::new(), literal: val.literal.clone() };
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

    fn subscript(&mut self, holder: &Val, index: &Val, slice: &'a Expr, range: TextRange) -> Val {
        let holder = &self.settle(holder.clone());
        let mut val = Val::default();
        for &id in &holder.objs {
            let part = self.item_of(id, index, slice, range);
            val.join(&part);
        }
        val.literal = None;
        if let Some(element) = self.call_special(holder, "__getitem__", std::slice::from_ref(index), range) {
            val.join(&element);
        }
        val
    }

    fn item_of(&mut self, id: ObjId, index: &Val, slice: &'a Expr, range: TextRange) -> Val {
        let kind = self.heap.get(id).kind.clone();
        match &kind {
            Kind::Namespace => match index.as_str() {
                Some(name) => self.read_global(&Name::new(name), range),
                None => self.read_everything(range),
            },
            Kind::Path(path) => match &**path {
                "os.environ" => Val::scalar(),
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

    fn library_item(&mut self, id: ObjId, path: &Arc<str>, index: &Val, slice: &'a Expr, range: TextRange) -> Val {
        if let Some(Const::Int(at)) = index.literal
            && let Some(parts) = &self.heap.get(id).parts
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

fn append(text: &mut Option<String>, part: &str) {
    if let Some(text) = text
        && text.len() < 4096
    {
        text.push_str(part);
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
