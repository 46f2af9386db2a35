//! How many bytes values take, as far as constants of the source and the sizes of files say.
//!
//! An array or table has a shape, which library calls, operators and subscripts carry on (`shapes`); a container weighs what it was written with. What
//! nobody knows has no memory here, never a small one.

use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_python_ast::{Expr, ExprSubscript, Operator};
use ruff_text_size::{Ranged as _, TextRange};
use rustc_hash::FxHashSet;

use super::Interp;
use super::arguments::Args;
use super::heap::{Const, Kind, ObjId, Val};
use super::trace::Peak;

/// What a number or an object that holds nothing takes, bytes.
const SMALL: f64 = 32.0;
/// What a container takes for each thing that it holds besides that thing, bytes.
const SLOT: f64 = 8.0;
/// Candidates of a value that are weighed; one that may be more is not known.
const MAX_CANDIDATES: usize = 4;

/// What a value takes in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Memory {
    /// Dimensions; none where only the bytes are known.
    pub(crate) shape: Vec<f64>,
    /// Bytes of one element.
    pub(crate) item: f64,
    /// By what factor the bytes may be off to either side.
    pub(crate) spread: f64,
    /// The file that it was read from.
    pub(crate) file: Option<Arc<str>>,
    /// Where it was made: number of the cell, and the range in its text.
    pub(crate) made: (u32, TextRange),
}

impl Memory {
    pub(super) fn of_shape(shape: Vec<f64>, item: f64) -> Self {
        Self { shape, item, spread: 1.0, file: None, made: (0, TextRange::default()) }
    }

    /// So many bytes, whatever their shape.
    pub(super) fn of_bytes(bytes: f64) -> Self {
        Self::of_shape(Vec::new(), bytes)
    }

    /// The same elements in another shape.
    pub(super) fn shaped(&self, shape: Vec<f64>) -> Self {
        Self { shape, ..self.clone() }
    }

    pub(super) fn with_item(self, item: f64) -> Self {
        Self { item, ..self }
    }

    /// Less sure by this factor.
    pub(super) fn about(self, factor: f64) -> Self {
        Self { spread: self.spread * factor, ..self }
    }

    pub(crate) fn bytes(&self) -> f64 {
        self.shape.iter().product::<f64>() * self.item
    }
}

/// Bytes of a value, with the most telling of what is known about them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) bytes: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Of an array, table or container.
    pub(crate) memory: Option<Arc<Memory>>,
}

impl Weighed {
    fn small(bytes: f64) -> Self {
        Self { bytes, low: bytes, high: bytes, memory: None }
    }

    /// The value may be either of the two.
    fn or(self, other: Self) -> Self {
        let (low, high) = (self.low.min(other.low), self.high.max(other.high));
        if other.bytes > self.bytes { Self { low, high, ..other } } else { Self { low, high, ..self } }
    }
}

impl Interp<'_> {
    /// What a value takes; nothing where that is not known.
    pub(super) fn weigh(&self, val: &Val) -> Option<Weighed> {
        if val.objs.is_empty() {
            return match val.literal.as_ref()? {
                Const::Str(text) => Some(Weighed::small(SMALL + text.len() as f64)),
                _ => Some(Weighed::small(SMALL)),
            };
        }
        if val.objs.len() > MAX_CANDIDATES {
            return None;
        }
        let each = val.objs.iter().map(|&id| {
            let memory = self.heap.get(id).rare().memory.as_ref()?;
            let bytes = memory.bytes();
            Some(Weighed { bytes, low: bytes / memory.spread, high: bytes * memory.spread, memory: Some(Arc::clone(memory)) })
        });
        each.reduce(|one, other| Some(one?.or(other?))).flatten()
    }

    /// The memory of a value that is one thing.
    pub(super) fn memory_of(&self, val: &Val) -> Option<&Memory> {
        match val.objs[..] {
            [id] => self.heap.get(id).rare().memory.as_deref(),
            _ => None,
        }
    }

    pub(super) fn remember(&mut self, id: ObjId, memory: Option<Memory>, range: TextRange) {
        let Some(mut memory) = memory.filter(|memory| self.weighs && memory.bytes().is_finite()) else { return };
        if !is_weighable(&self.heap.get(id).kind) {
            return;
        }
        memory.made = (self.text_cell(), range);
        let is_array = matches!(&self.heap.get(id).kind, Kind::Lib(path) if !path.starts_with("builtins."));
        if is_array && self.around.is_first() {
            self.trace.made_bytes += memory.bytes();
            self.trace.largest_bytes = self.trace.largest_bytes.max(memory.bytes());
        }
        self.heap.get_mut(id).rare_mut().memory = Some(Arc::new(memory));
    }

    /// Notes what the result of a call takes.
    pub(super) fn note_memory(&mut self, path: &str, receiver: Option<&Val>, args: &Args, result: &Val, range: TextRange) {
        let &[id] = result.objs.as_slice() else { return };
        if self.heap.get(id).rare().memory.is_some() {
            return;
        }
        if let Some(parts) = self.heap.get(id).rare().parts.clone().filter(|_| !path.starts_with("builtins.")) {
            for (at, part) in parts.iter().enumerate() {
                if let &[part] = part.objs.as_slice()
                    && self.heap.get(part).rare().memory.is_none()
                {
                    let memory = self.memory_of_part(path, at, args);
                    self.remember(part, memory, range);
                }
            }
            return;
        }
        let memory = self.memory_of_call(path, receiver, args);
        self.remember(id, memory, range);
    }

    /// Notes what the result of an operator takes.
    pub(super) fn note_operation_memory(&mut self, left: &Val, right: &Val, op: Option<Operator>, result: &Val, range: TextRange) {
        let &[id] = result.objs.as_slice() else { return };
        if !self.weighs || self.heap.get(id).rare().memory.is_some() {
            return;
        }
        let is_list = matches!(&self.heap.get(id).kind, Kind::Lib(path) if path.starts_with("builtins."));
        let memory = if is_list { self.repeated(left, right, op) } else { self.combined(left, right, op) };
        self.remember(id, memory, range);
    }

    /// `[0] * n`, `a + b` of lists.
    fn repeated(&self, left: &Val, right: &Val, op: Option<Operator>) -> Option<Memory> {
        match op? {
            Operator::Add => {
                let (one, other) = (self.memory_of(left)?, self.memory_of(right)?);
                Some(Memory::of_bytes(one.bytes() + other.bytes()).about(one.spread.max(other.spread)))
            }
            Operator::Mult => {
                let list = self.memory_of(left).or_else(|| self.memory_of(right))?;
                let times = [left, right].into_iter().find_map(|val| val.literal.as_ref().and_then(Const::number))?;
                Some(Memory::of_bytes((list.bytes() - SMALL).max(0.0) * times.max(0.0) + SMALL).about(list.spread))
            }
            _ => None,
        }
    }

    /// Notes what a display takes: `[a, b]`, `{"x": x}`; `count` is the number of its slots.
    pub(super) fn note_display_memory(&mut self, container: &Val, held: &[Val], count: usize, range: TextRange) {
        let &[id] = container.objs.as_slice() else { return };
        if !self.weighs {
            return;
        }
        let mut all = Memory::of_bytes(SMALL + SLOT * held.len() as f64);
        let mut high = all.item;
        for part in held {
            let Some(weighed) = self.weigh(part) else { return };
            all.item += weighed.bytes;
            high += weighed.high;
        }
        all.spread = high / all.item;
        if count > 0 {
            all = Memory { shape: vec![count as f64], item: all.item / count as f64, ..all };
        }
        self.remember(id, Some(all), range);
    }

    /// Notes what a comprehension takes: so many turns, each of which holds these. With a condition it may be anything up to that.
    pub(super) fn note_comprehension_memory(&mut self, container: &Val, held: &[Val], turns: Option<f64>, tested: bool, range: TextRange) {
        let (&[id], Some(turns)) = (container.objs.as_slice(), turns) else { return };
        let is_kept =
            matches!(&self.heap.get(id).kind, Kind::Lib(path) if matches!(&**path, "builtins.list" | "builtins.set" | "builtins.dict"));
        if !self.weighs || !is_kept || held.is_empty() {
            return;
        }
        let weighed: Option<Vec<Weighed>> = held.iter().map(|val| self.weigh(val).or_else(|| number(val))).collect();
        let Some(weighed) = weighed else { return };
        let each = weighed.iter().map(|one| one.bytes + SLOT).sum::<f64>();
        let spread = weighed.iter().map(|one| one.high / one.bytes).fold(1.0, f64::max);
        let memory = Memory::of_shape(vec![turns], each + SMALL / turns.max(1.0)).about(if tested { 4.0 } else { spread });
        self.remember(id, Some(memory), range);
    }

    /// Notes what an attribute takes that shows its holder: `x.T`, `frame.values`.
    pub(super) fn note_attribute_memory(&mut self, holder: &Val, name: &Name, result: &Val, range: TextRange) {
        let &[id] = result.objs.as_slice() else { return };
        if !self.weighs || self.heap.get(id).rare().memory.is_some() {
            return;
        }
        let is_data_set =
            matches!(holder.objs[..], [id] if matches!(&self.heap.get(id).kind, Kind::Lib(path) if &**path == "sklearn.utils.Bunch"));
        let of = if is_data_set { super::shapes::of_data_set } else { super::shapes::of_attribute };
        let memory = self.memory_of(holder).and_then(|known| of(known, name));
        self.remember(id, memory, range);
    }

    /// Notes what a column takes that is read as an attribute: `frame.price`.
    pub(super) fn note_column_memory(&mut self, frame: ObjId, column: &Val) {
        let (&[id], Some(known)) = (column.objs.as_slice(), self.heap.get(frame).rare().memory.clone()) else { return };
        if let [rows, _] = known.shape[..] {
            self.remember(id, Some(known.shaped(vec![rows])), known.made.1);
        }
    }

    /// `x.shape[0]`, where it is known.
    pub(super) fn length_in_shape(&mut self, subscript: &ExprSubscript) -> Option<Val> {
        let Expr::Attribute(attribute) = &*subscript.value else { return None };
        if !self.weighs || attribute.attr.as_str() != "shape" {
            return None;
        }
        let at = super::shapes::literal(&subscript.slice)?;
        let holder = self.eval(&attribute.value);
        let result = self.attribute(&holder, &attribute.attr.id, attribute.range());
        let shape = self.memory_of(&holder).map(|memory| memory.shape.clone()).unwrap_or_default();
        let length = super::shapes::place(at, shape.len()).map(|at| shape[at]);
        let Some(length) = length else {
            let index = Val::literal(Const::Float(at));
            return Some(self.subscript(&result, &index, &subscript.slice, subscript.range()));
        };
        Some(Val::literal(Const::About(length)))
    }

    /// Notes what an item takes: `x[1:5]`, `frame["a"]`, `x[mask]`.
    pub(super) fn note_item_memory(&mut self, holder: ObjId, slice: &Expr, index: &Val, result: &Val, range: TextRange) {
        let &[id] = result.objs.as_slice() else { return };
        if !self.weighs || id == holder || self.heap.get(id).rare().memory.is_some() {
            return;
        }
        let object = self.heap.get(holder);
        let (Some(known), Kind::Lib(path)) = (object.rare().memory.clone(), object.kind.clone()) else { return };
        let memory = match &*path {
            "numpy.ndarray" | "torch.Tensor" => self.item_of_array(&known, slice, index),
            "pandas.DataFrame" => self.item_of_frame(&known, slice, index),
            _ => None,
        };
        self.remember(id, memory, range);
    }

    /// What the cell takes at most at one time: all that it reads and binds, and the largest value on the way.
    pub(super) fn weigh_cell(&mut self) {
        if !self.weighs {
            return;
        }
        let trace = &self.trace;
        let ids = trace.reads.values().flat_map(|read| &read.objs).chain(trace.binds.iter().flat_map(|bind| &bind.val.objs));
        let mut peak = Peak { complete: !trace.exhausted, ..Peak::default() };
        let (mut seen, mut made) = (FxHashSet::default(), 0.0);
        for &id in ids {
            let object = self.heap.get(id);
            let shown = object.views.iter().any(|(base, _)| seen.contains(base));
            let is_code = matches!(object.kind, Kind::Path(_) | Kind::Function(_) | Kind::Class | Kind::Bound { .. });
            if is_code || shown || !seen.insert(id) {
                continue;
            }
            let Some(memory) = &object.rare().memory else {
                peak.complete = false;
                continue;
            };
            let bytes = memory.bytes();
            made += if object.born == self.cell { bytes } else { 0.0 };
            peak.low += bytes / memory.spread;
            peak.bytes += bytes;
            peak.high += bytes * memory.spread;
        }
        let between = (trace.made_bytes - made).max(0.0);
        peak.bytes += between.min(trace.largest_bytes);
        peak.high += between;
        self.trace.peak = peak;
    }

    /// A container that is changed may hold anything afterwards; arrays and tables keep their size.
    pub(super) fn forget_memory(&mut self, id: ObjId) {
        let object = self.heap.get(id);
        if object.rare().memory.is_some() && matches!(&object.kind, Kind::Lib(path) if path.starts_with("builtins.")) {
            self.heap.get_mut(id).rare_mut().memory = None;
        }
    }

    /// Bytes of a file of the workspace, by the path that the source gives.
    pub(super) fn file_bytes(&self, path: &str) -> Option<f64> {
        self.file_sizes.get(path).map(|bytes| *bytes as f64)
    }
}

/// An immutable value that is no text: most likely a number.
fn number(val: &Val) -> Option<Weighed> {
    (val.objs.is_empty() && val.literal.is_none()).then(|| Weighed { high: SMALL * 2.0, ..Weighed::small(SMALL) })
}

/// Whether the memory of such a value is all that it takes: a fitted model, say, holds more than what it was made from.
fn is_weighable(kind: &Kind) -> bool {
    let Kind::Lib(path) = kind else { return false };
    matches!(
        &**path,
        "numpy.ndarray"
            | "numpy.matrix"
            | "pandas.DataFrame"
            | "pandas.Series"
            | "pandas.Index"
            | "pandas.DatetimeIndex"
            | "torch.Tensor"
            | "sklearn.utils.Bunch"
            | "builtins.list"
            | "builtins.tuple"
            | "builtins.set"
            | "builtins.dict"
            | "builtins.range"
    )
}
