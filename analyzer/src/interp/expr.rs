//! Expressions.

use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_python_ast::{CmpOp, Comprehension, Expr, ExprContext, InterpolatedStringElement, Number, Operator};
use ruff_text_size::{Ranged, TextRange};

use super::flow::{Flow, Names};
use super::heap::{Const, Kind, Val};
use super::numbers::arithmetic;
use super::{FrameKind, Interp};
use crate::facts::{Scope, comprehension_targets};

impl Interp<'_> {
    pub(super) fn eval(&mut self, expression: &Expr) -> Val {
        if self.depth > super::MAX_DEPTH || !self.step() {
            return self.unknown();
        }
        self.depth += 1;
        let val = self.eval_inner(expression);
        self.depth -= 1;
        self.narrow(val)
    }

    fn eval_inner(&mut self, expression: &Expr) -> Val {
        match expression {
            Expr::Name(name) => match name.ctx {
                ExprContext::Load | ExprContext::Invalid if name.id.is_empty() => Val::default(),
                _ => self.read_name(&name.id, name.range()),
            },
            Expr::StringLiteral(literal) => Val::string(literal.value.to_str()),
            Expr::BytesLiteral(_) | Expr::EllipsisLiteral(_) => Val::scalar(),
            Expr::NumberLiteral(literal) => match &literal.value {
                Number::Int(value) => value.as_i64().map_or_else(Val::scalar, |value| Val::literal(Const::Int(value))),
                Number::Float(value) => Val::literal(Const::Float(*value)),
                Number::Complex { .. } => Val::scalar(),
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
                if let (ruff_python_ast::UnaryOp::USub, Some(literal)) = (inner.op, &operand.literal)
                    && let Some(negative) = arithmetic(Operator::Sub, &Const::Int(0), literal)
                {
                    return Val::literal(negative);
                }
                if inner.op == ruff_python_ast::UnaryOp::Not {
                    return Val::scalar();
                }
                let result = self.like(&operand);
                self.note_operation_memory(&operand, &Val::scalar(), Some(Operator::Sub), &result, inner.range());
                result
            }
            Expr::Lambda(inner) => self.make_lambda(inner),
            Expr::If(inner) => {
                self.eval(&inner.test);
                let answer = self.answer(&inner.test);
                let before = self.flow.clone();
                let mut val = self.with_chance(answer.chance(), |interp| interp.eval(&inner.body));
                let after_body = std::mem::replace(&mut self.flow, before);
                let other = self.with_chance(answer.otherwise(), |interp| interp.eval(&inner.orelse));
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
                let dict = self.container("builtins.dict", &held);
                self.note_rows(&dict, inner.items.len() as f64);
                if inner.items.iter().all(|item| item.key.is_some()) {
                    self.note_display_memory(&dict, &held, inner.items.len(), inner.range());
                }
                dict
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
                if let Some(length) = self.length_in_shape(inner) {
                    return length;
                }
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

    fn eval_all(&mut self, parts: &[Expr]) -> Vec<Val> {
        parts.iter().map(|part| self.eval(part)).collect()
    }

    fn eval_bool_op(&mut self, values: &[Expr]) -> Val {
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

    fn eval_elements(&mut self, elements: &[InterpolatedStringElement], text: &mut Option<String>) {
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

    fn eval_compare(&mut self, inner: &ruff_python_ast::ExprCompare) -> Val {
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
                self.note_operation_memory(&left, &right_val, None, &result, inner.range());
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
            (_, Some(a), Some(b)) if a.number().is_some() && b.number().is_some() => {
                return arithmetic(op, a, b).map_or_else(Val::scalar, Val::literal);
            }
            _ => {}
        }
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
        let (method, reflected) = match op {
            Operator::Add => ("__add__", "__radd__"),
            Operator::Sub => ("__sub__", "__rsub__"),
            Operator::Mult => ("__mul__", "__rmul__"),
            Operator::MatMult => ("__matmul__", "__rmatmul__"),
            Operator::Div => ("__truediv__", "__rtruediv__"),
            Operator::Mod => ("__mod__", "__rmod__"),
            Operator::Pow => ("__pow__", "__rpow__"),
            Operator::LShift => ("__lshift__", "__rlshift__"),
            Operator::RShift => ("__rshift__", "__rrshift__"),
            Operator::BitOr => ("__or__", "__ror__"),
            Operator::BitXor => ("__xor__", "__rxor__"),
            Operator::BitAnd => ("__and__", "__rand__"),
            Operator::FloorDiv => ("__floordiv__", "__rfloordiv__"),
        };
        if let Some(val) = self.call_special(left, method, std::slice::from_ref(right), range) {
            return val;
        }
        if let Some(val) = self.call_special(right, reflected, std::slice::from_ref(left), range) {
            return val;
        }
        let both = left.clone().joined(right);
        let result = self.like(&both);
        self.note_operation(left, right, op, &result, range);
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

    fn comprehend(&mut self, generators: &[Comprehension], parts: &[&Expr], kind: &str) -> Val {
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
        let around = self.around();
        let mut rows = Some(1.0);
        for turn in 0..if self.loops >= 3 { 1 } else { 2 } {
            self.loops += 1;
            held.clear();
            if turn > 0 {
                self.run_again();
            }
            for (index, generator) in generators.iter().enumerate() {
                let source = if index == 0 { iterable.clone() } else { self.eval(&generator.iter) };
                if turn == 0 {
                    let turns = self.turns_of(&source, &generator.iter);
                    rows = rows.zip(turns).map(|(rows, turns)| rows * turns);
                    self.enter_loop(turns, generator.iter.range());
                }
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
        self.leave_loop(around);
        if !(generators.len() == 1 && first.ifs.is_empty() && self.has_elements(&first.iter, &iterable)) {
            self.flow.join(&before);
        }
        self.flow.frames.pop();
        self.frames.pop();
        let val = self.container(kind, &held);
        self.note_rows(&val, rows.unwrap_or(0.0));
        if let [first, ..] = parts {
            let tested = generators.iter().any(|generator| !generator.ifs.is_empty());
            self.note_comprehension_memory(&val, &held, rows, tested, first.range().cover(generators[generators.len() - 1].range()));
        }
        val
    }

    fn yield_value(&mut self, val: &Val) {
        if let Some(frame) = self.frames.iter_mut().rev().find(|frame| frame.kind == FrameKind::Function) {
            frame.yielded.join(val);
        }
    }
}

fn append(text: &mut Option<String>, part: &str) {
    if let Some(text) = text
        && text.len() < 4096
    {
        text.push_str(part);
    }
}
