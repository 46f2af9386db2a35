//! How much a cell does: its calls, how often the loops around them turn, how large what they work on is.

use std::sync::Arc;

use ruff_python_ast::{CmpOp, Expr, Operator};
use ruff_text_size::TextRange;

use super::Interp;
use super::arguments::Args;
use super::heap::{Const, Extent, Kind, ObjId, Val};
use crate::library_effects::cost::{Class, by_name, draws};
use crate::library_effects::{Found, usual_seconds};

/// Turns a loop is taken to make when nobody knows.
pub(crate) const TURNS: f64 = 10.0;
/// Beyond this a count of turns says nothing any more.
const MOST: f64 = 1e15;
/// Calls kept of one cell.
const MAX_CALLS: usize = 600;
/// Calls kept of branches that a flag switches off.
const MAX_IDLE: usize = 60;
/// Numbers kept of what one object was made with.
const MAX_GIVEN: usize = 24;
/// Objects behind an argument that are asked what they were made with.
const MAX_HELD: usize = 12;

/// A number that a call was given: by keyword, or by position (`#0`).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Given {
    pub(crate) name: Arc<str>,
    pub(crate) value: f64,
    /// Last part of the path of what was given it.
    pub(crate) to: Arc<str>,
}

/// One call that a cell makes.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Dotted path; `?.name` for a method of a value of unknown kind.
    pub(crate) path: Arc<str>,
    /// How it grows.
    pub(crate) class: Class,
    /// What such a call takes as a rule, seconds, where that is known.
    pub(crate) seconds: Option<f64>,
    /// Where this cell causes it.
    pub(crate) range: TextRange,
    /// How often the loops around it turn, as far as it is known, `TURNS` for each other.
    pub(crate) times: f64,
    /// The same if every loop turned `TURNS` times.
    pub(crate) usual: f64,
    /// Loops around it.
    pub(crate) depth: u32,
    /// Loops around it of which nobody knows how often they turn.
    pub(crate) open: u32,
    /// Whether it stands in a function of the notebook that the cell calls.
    pub(crate) inside: bool,
    /// Numbers it is given.
    pub(crate) given: Vec<Given>,
    /// Numbers that its receiver and arguments were made with.
    pub(crate) made_with: Arc<[Given]>,
    /// The largest thing it works on.
    pub(crate) extent: Extent,
    pub(crate) conditional: bool,
    /// Share of the runs in which it is made, as far as flags and questions for files say.
    pub(crate) chance: f64,
}

impl Call {
    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// A loop that a cell runs.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    /// Where this cell causes it.
    pub(crate) range: TextRange,
    pub(crate) turns: Option<f64>,
    /// How often it is started.
    pub(crate) times: f64,
}

/// What a cell does, and how often.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    pub(crate) calls: Vec<Call>,
    pub(crate) loops: Vec<Loop>,
    /// Expressions and statements evaluated, loops counted as often as they turn.
    pub(crate) steps: f64,
    /// The same if every loop turned `TURNS` times.
    pub(crate) usual_steps: f64,
    /// Functions of the notebook that were followed.
    pub(crate) followed: u32,
    /// Calls of a function from inside itself.
    pub(crate) recursive: u32,
    /// Deepest nest of loops, those of called functions included.
    pub(crate) depth: u32,
    /// Loops of which nobody knows how often they turn.
    pub(crate) open: u32,
    /// Branches that ask whether a file is there.
    pub(crate) guards: u32,
    /// Calls in branches of its own that a flag switches off.
    pub(crate) idle: Vec<Call>,
}

/// The loops around what is being run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    times: f64,
    usual: f64,
    depth: u32,
    open: u32,
    /// A body is being run once more, only to learn what its first turn leaves to the next.
    again: u32,
    /// Share of the runs in which this is reached.
    chance: f64,
}

impl Around {
    /// Whether what runs is not only run once more to learn what its first turn leaves.
    pub(super) const fn is_first(&self) -> bool {
        self.again == 0
    }
}

impl Default for Around {
    fn default() -> Self {
        Self { times: 1.0, usual: 1.0, depth: 0, open: 0, again: 0, chance: 1.0 }
    }
}

impl Interp<'_> {
    /// Enters a loop; what it returns goes to `leave_loop`.
    pub(super) fn enter_loop(&mut self, turns: Option<f64>, range: TextRange) -> Around {
        let before = self.around;
        if before.again == 0 && before.chance > 0.0 {
            let range = self.cause(range);
            let work = &mut self.trace.work;
            if work.loops.len() < MAX_CALLS {
                work.loops.push(Loop { range, turns, times: before.times });
            }
            work.depth = work.depth.max(before.depth + 1);
            work.open += u32::from(turns.is_none());
        }
        let around = &mut self.around;
        around.times = (around.times * turns.unwrap_or(TURNS)).min(MOST);
        around.usual = (around.usual * TURNS).min(MOST);
        around.depth += 1;
        around.open += u32::from(turns.is_none());
        before
    }

    /// The loops around what is being run, for `leave_loop`.
    pub(super) const fn around(&self) -> Around {
        self.around
    }

    pub(super) const fn leave_loop(&mut self, before: Around) {
        self.around = before;
    }

    /// From here on things run in this share of the runs; what it returns goes to `set_chance`.
    pub(super) const fn scale_chance(&mut self, chance: f64) -> f64 {
        let before = self.around.chance;
        self.around.chance = before * chance;
        before
    }

    pub(super) const fn set_chance(&mut self, chance: f64) {
        self.around.chance = chance;
    }

    /// Notes a branch that asks whether a file is there.
    pub(super) const fn note_guard(&mut self) {
        if self.around.again == 0 {
            self.trace.work.guards += 1;
        }
    }

    /// From here to `leave_loop` the body is run once more: nothing is counted.
    pub(super) const fn run_again(&mut self) {
        self.around.again += 1;
    }

    /// Counts a step.
    pub(super) fn count_step(&mut self) {
        if self.around.again == 0 {
            self.trace.work.steps += self.around.times * self.around.chance;
            self.trace.work.usual_steps += self.around.usual * self.around.chance;
        }
    }

    /// Notes that a function of the notebook is called that is already being run so often.
    pub(super) fn note_followed(&mut self, active: usize) {
        self.trace.work.followed += 1;
        self.trace.work.recursive += u32::from(active > 0);
    }

    /// Notes a call.
    pub(super) fn note_call(&mut self, path: &Arc<str>, receiver: Option<&Val>, args: &Args, range: TextRange) {
        if !self.weighs || self.around.again > 0 || self.trace.work.calls.len() >= MAX_CALLS {
            return;
        }
        let mut extent = Extent::default();
        for id in ids(receiver, args) {
            extent = extent.larger(self.heap.get(id).extent);
        }
        let class = self.class_of(path, receiver.is_some());
        if matches!(&**path, "numpy.convolve" | "numpy.correlate") {
            extent = self.both_operands(args, class).unwrap_or(extent);
        }
        let call = Call {
            path: Arc::clone(path),
            class,
            seconds: usual_seconds::call(path, class == Class::Fit),
            range: self.cause(range),
            times: self.around.times,
            usual: self.around.usual,
            depth: self.around.depth,
            open: self.around.open,
            inside: !self.calls.is_empty(),
            given: self.given(path, args),
            made_with: self.made_with(receiver, args),
            extent,
            conditional: self.branches > 0,
            chance: self.around.chance,
        };
        let work = &mut self.trace.work;
        if call.chance > 0.0 {
            work.calls.push(call);
        } else if !call.inside && work.idle.len() < MAX_IDLE {
            work.idle.push(call);
        }
    }

    /// The work of `convolve(signal, kernel)` is the product of both; an operand of which nobody knows how large it is counts as usual.
    fn both_operands(&self, args: &Args, class: Class) -> Option<Extent> {
        let [one, other, ..] = args.positional.as_slice() else { return None };
        if one.objs.is_empty() || other.objs.is_empty() {
            return None;
        }
        let (one, other) = (self.extent_of(one), self.extent_of(other));
        let usual = Extent { rows: class.usual_rows(), columns: one.columns.max(other.columns) };
        let known = one.rows > 0.0 || other.rows > 0.0;
        known.then(|| Extent { rows: (one.or(usual).rows * other.or(usual).rows).sqrt(), ..usual })
    }

    /// Notes a call of a value that is no function: `pipeline(prompt)`, `model(x)`.
    pub(super) fn note_call_of_value(&mut self, callee: &Val, function: &Expr, args: &Args, range: TextRange) {
        let Some(&id) = callee.objs.first().filter(|_| self.weighs) else { return };
        let path = match &self.heap.get(id).kind {
            Kind::Lib(path) if &**path != "functools.partial" => format!("{path}.__call__"),
            Kind::Unknown => match function {
                Expr::Name(name) => format!("?.{}", name.id),
                Expr::Attribute(attribute) => format!("?.{}", attribute.attr),
                _ => return,
            },
            _ => return,
        };
        self.note_call(&path.into(), Some(&Val::of(id)), args, range);
    }

    /// How a call grows: as the table of library effects says, or by its name.
    fn class_of(&mut self, path: &str, is_method: bool) -> Class {
        let (holder, name) = path.rsplit_once('.').unwrap_or(("", path));
        let found = if is_method && holder != "?" { self.member(holder, name) } else { self.function_effects(path) };
        let told = match found {
            Found::Entry(entry) => entry.cost.as_deref().and_then(Class::named),
            _ => None,
        };
        let library = path.split('.').next().unwrap_or_default();
        told.or_else(|| by_name(name)).unwrap_or(match library {
            "builtins" => Class::Cheap,
            library if draws(library) => Class::Plot,
            _ => Class::Unknown,
        })
    }

    /// The numbers among the arguments; of a grid, how many points it has.
    fn given(&self, path: &str, args: &Args) -> Vec<Given> {
        let positional = args.positional.iter().enumerate();
        let numbers = positional.filter_map(|(index, val)| Some((POSITIONS.get(index).copied().unwrap_or("#9"), self.number_of(val)?)));
        let named = args.keywords.iter().filter_map(|(name, val)| Some((name.as_str(), self.number_of(val)?)));
        let mut to: Option<Arc<str>> = None;
        let mut note = |(name, value): (&str, f64)| {
            let to = to.get_or_insert_with(|| path.rsplit('.').next().unwrap_or(path).into());
            Given { name: name.into(), value, to: Arc::clone(to) }
        };
        numbers.chain(named).map(&mut note).collect()
    }

    fn number_of(&self, val: &Val) -> Option<f64> {
        if let Some(literal) = &val.literal {
            return literal.number();
        }
        let object = self.heap.get(*val.objs.first()?);
        match &object.kind {
            Kind::Lib(path) if &**path == "builtins.dict" => {
                let sizes = object.elems.objs.iter().map(|&id| self.heap.get(id).extent.rows).filter(|rows| *rows > 0.0);
                let points: f64 = sizes.product();
                (points > 1.0).then_some(points)
            }
            Kind::Lib(path) if matches!(&**path, "builtins.list" | "builtins.tuple" | "builtins.range") => {
                (object.extent.rows > 0.0).then_some(object.extent.rows)
            }
            _ => None,
        }
    }

    /// What these were made with, and what they hold: `GridSearchCV(SVC(C=2), grid, cv=5)`.
    fn made_with(&self, receiver: Option<&Val>, args: &Args) -> Arc<[Given]> {
        let mut all: Vec<Given> = Vec::new();
        let mut seen: Vec<*const Given> = Vec::new();
        for id in ids(receiver, args) {
            let held = self.heap.get(id).elems.objs.iter().copied().take(MAX_HELD);
            for id in std::iter::once(id).chain(held) {
                let made = &self.heap.get(id).rare().made_with;
                if !made.is_empty() && !seen.contains(&made.as_ptr()) && all.len() < MAX_GIVEN {
                    seen.push(made.as_ptr());
                    all.extend(made.iter().cloned());
                }
            }
        }
        if all.is_empty() { Arc::clone(&self.nothing) } else { all.into() }
    }

    /// Notes what the result of a call is made with, and how large it is.
    pub(super) fn note_result(&mut self, path: &str, receiver: Option<&Val>, args: &Args, result: &Val, range: TextRange) {
        if !self.weighs {
            return;
        }
        self.note_memory(path, receiver, args, result, range);
        let fresh: Vec<ObjId> = result.objs.iter().copied().filter(|&id| self.is_new(id)).collect();
        if fresh.is_empty() {
            return;
        }
        let extent = self.extent_of_result(path, receiver, args);
        let class = super::call::is_class_name(path);
        let mut made: Vec<Given> = Vec::new();
        if class {
            made.extend(self.given(path, args));
        }
        let inherited = self.made_with(receiver, args);
        made.extend(inherited.iter().cloned());
        made.truncate(MAX_GIVEN);
        let made: Arc<[Given]> = if made.is_empty() { Arc::clone(&self.nothing) } else { made.into() };
        for id in fresh {
            let parts: Vec<ObjId> = self.heap.get(id).rare().parts.iter().flatten().flat_map(|part| part.objs.iter().copied()).collect();
            for part in parts {
                if self.heap.get(part).extent.rows == 0.0 && self.is_new(part) {
                    self.heap.get_mut(part).extent = extent;
                }
            }
            let object = self.heap.get_mut(id);
            if !made.is_empty() {
                object.rare_mut().made_with = Arc::clone(&made);
            }
            if object.extent.rows == 0.0 {
                object.extent = extent;
            }
        }
    }

    /// Whether nobody knew it before the call that gives it.
    fn is_new(&self, id: ObjId) -> bool {
        let object = self.heap.get(id);
        object.rare().made_with.is_empty() && object.born == self.cell && matches!(object.kind, Kind::Lib(_) | Kind::Unknown)
    }

    /// How many elements iterating over a value gives.
    pub(super) fn turns(&self, val: &Val) -> Option<f64> {
        let rows = val.objs.iter().map(|&id| self.heap.get(id).extent.rows).fold(0.0, f64::max);
        (rows > 0.0).then_some(rows)
    }

    /// How often `while i < 10` turns, if it counts up from what the name is now.
    pub(super) fn turns_of_test(&mut self, test: &Expr) -> Option<f64> {
        let Expr::Compare(compare) = test else { return None };
        let left = self.known_number(&compare.left);
        let right = self.known_number(compare.comparators.first()?);
        let span = match compare.ops.first()? {
            CmpOp::Lt | CmpOp::LtE => right? - left.unwrap_or(0.0),
            CmpOp::Gt | CmpOp::GtE => left? - right.unwrap_or(0.0),
            _ => return None,
        };
        (span >= 1.0).then_some(span)
    }

    /// The value of a simple expression, without running it.
    fn known_number(&mut self, expression: &Expr) -> Option<f64> {
        match expression {
            Expr::Name(_) | Expr::NumberLiteral(_) => {
                let val = self.eval(expression);
                val.literal.as_ref().and_then(Const::number)
            }
            _ => None,
        }
    }

    pub(super) fn note_rows(&mut self, val: &Val, rows: f64) {
        for &id in &val.objs {
            if rows > 0.0 {
                self.heap.get_mut(id).extent = Extent { rows, columns: 0.0 };
            }
        }
    }

    /// How large the result of an operator is: as the larger side, or a list as often as it is repeated.
    pub(super) fn note_operation(&mut self, left: &Val, right: &Val, op: Operator, result: &Val, range: TextRange) {
        let mut extent = self.extent_of(left).larger(self.extent_of(right));
        let times = [left, right].into_iter().find_map(|val| val.literal.as_ref().and_then(Const::number));
        let is_list = |id: &ObjId| matches!(&self.heap.get(*id).kind, Kind::Lib(path) if path.starts_with("builtins."));
        if let (Operator::Mult, Some(times), true) = (op, times, result.objs.iter().any(is_list)) {
            extent.rows *= times.max(0.0);
        }
        if op == Operator::MatMult {
            let args = Args::positional(vec![left.clone(), right.clone()]);
            self.note_call(&"operator.matmul".into(), None, &args, range);
            extent = Extent { rows: self.extent_of(left).rows, columns: self.extent_of(right).columns };
        }
        for &id in &result.objs {
            self.heap.get_mut(id).extent = extent;
        }
        self.note_operation_memory(left, right, Some(op), result, range);
    }

    /// The iterable of a `for`, with how often it makes the loop turn.
    pub(super) fn turns_of(&self, iterable: &Val, iter: &Expr) -> Option<f64> {
        self.turns(iterable).or_else(|| match iter {
            Expr::StringLiteral(literal) => Some(literal.value.chars().count() as f64),
            _ => None,
        })
    }
}

const POSITIONS: [&str; 8] = ["#0", "#1", "#2", "#3", "#4", "#5", "#6", "#7"];

fn ids<'v>(receiver: Option<&'v Val>, args: &'v Args) -> impl Iterator<Item = ObjId> + use<'v> {
    let keywords = args.keywords.iter().map(|(_, val)| val);
    receiver.into_iter().chain(&args.positional).chain(keywords).flat_map(|val| val.objs.iter().copied().take(4))
}
