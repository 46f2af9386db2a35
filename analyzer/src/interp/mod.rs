//! Abstract interpretation of a notebook: its cells run, in order, over abstract values.
//!
//! Every cell leaves a trace: which names it needed from outside on some path, which it bound on every path, which objects
//! made elsewhere it may have changed, and what else it did. Functions of the notebook are followed where they are called, with the values they
//! are called with; library calls are looked up in the table of library effects. Work is bounded by steps: what would exceed the
//! bound is summarised, and said to be assumed.

mod arguments;
mod attribute;
mod base;
mod builtin_calls;
mod builtin_names;
mod call;
mod chance;
mod class;
mod contained;
mod control;
mod differing;
mod elements;
mod expr;
mod extent;
mod flow;
mod function;
mod heap;
mod library;
mod magic;
mod main_module;
mod marks;
mod memo;
mod memory;
mod names;
mod names_in_text;
mod numbers;
mod recorder;
mod shapes;
mod stamps;
mod stmt;
mod sweep;
mod tables;
mod text;
mod trace;
mod value;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use ruff_python_ast::name::Name;
use ruff_text_size::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

pub(crate) use builtin_names::{builtins, is_builtin};
pub(crate) use control::constant_truth;
pub(crate) use flow::{Bound, Slot};
pub(crate) use heap::{Const, Heap, How, Kind, ObjId, Val};
pub(crate) use memo::Memo;
pub(crate) use memory::Weighed;
pub(crate) use names_in_text::at_names;
pub(crate) use tables::Uses;
pub(crate) use trace::{Bind, CellTrace, Change, Draw, LibraryCall, Peak, Read, add_reasons};
pub(crate) use work::{Call, Work};

use crate::facts::CellFacts;
use crate::library_effects::{Found, Table};
use crate::notebook::{Cell, CellKind, Notebook};
use crate::report::{Because, Certainty, EffectKind};
use arguments::Args;
use base::{Base, Canon};
use flow::Flow;

/// Steps that one cell may take before what remains is summarised.
const STEPS_PER_CELL: u32 = 60_000;
/// Nesting beyond which expressions are not followed.
const MAX_DEPTH: u32 = 150;
/// Objects that a value is told apart into.
const MAX_CANDIDATES: usize = 40;
/// Calls inside calls that are followed.
const MAX_CALLS: usize = 12;

/// What the interpretation of a whole notebook leaves.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Traces of the cells, in the order of execution.
    pub(crate) traces: Vec<Arc<CellTrace>>,
    /// All objects.
    pub(crate) heap: Heap,
}

/// What an interpretation is asked besides what the rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// How much work cells do.
    pub(crate) work: bool,
    /// Why names are read and values changed, and through which names a change can be seen: what reports and plans say.
    pub(crate) reasons: bool,
    /// Which values change.
    pub(crate) changes: bool,
}

impl Wanted {
    /// Whether the rules alone ask.
    const fn by_rules_alone(self) -> bool {
        !self.reasons && !self.work
    }

    /// Whether nobody asks which values change.
    const fn ignores_changes(self) -> bool {
        self.by_rules_alone() && !self.changes
    }
}

/// Which cells run.
pub(crate) enum Until<'m, 'e> {
    /// Those that the memo does not know.
    Remembered(&'m mut Memo),
    /// Those before what the ones so far did is enough.
    Enough(&'e dyn Fn(&[Arc<CellTrace>]) -> bool),
}

/// Texts that are not cells, once read; nothing where they cannot be parsed.
type KnownTexts = FxHashMap<String, Option<Arc<CellFacts>>>;

/// Runs the code cells of a notebook in document order. With a memo only those run for which something differs from the last time, and
/// the memo is brought up to date.
pub(crate) fn run(
    notebook: &Notebook,
    facts: &[Arc<CellFacts>],
    table: &Arc<Table>,
    texts: &BTreeMap<String, String>,
    file_sizes: &BTreeMap<String, u64>,
    wanted: Wanted,
    until: Until<'_, '_>,
) -> World {
    let mut interp = Interp {
        weighs: wanted.work,
        explains: wanted.reasons,
        wanted,
        table,
        texts,
        file_sizes,
        known_texts: KnownTexts::default(),
        modules: FxHashMap::default(),
        new_modules: Vec::new(),
        nested: 0,
        pin: None,
        bound_somewhere: BTreeSet::new(),
        heap: Heap::new(wanted.reasons),
        swept: 0,
        stamps: stamps::Stamps::default(),
        base: Base::default(),
        flow: Flow::default(),
        frames: Vec::new(),
        trace: CellTrace::default(),
        facts: None,
        cell: 0,
        steps: 0,
        depth: 0,
        loops: 0,
        around: work::Around::default(),
        nothing: Arc::default(),
        branches: 0,
        inner: 0,
        looked_into: Vec::new(),
        calls: Vec::new(),
        counts: FxHashMap::default(),
        held_run: FxHashSet::default(),
        contained: FxHashMap::default(),
        reach: contained::Reach::default(),
        searched: FxHashMap::default(),
        methods_run: FxHashMap::default(),
        rebound: 0,
        assumed: Vec::new(),
        raised: Flow::dead(),
        loop_exits: Vec::new(),
        opaque: Vec::new(),
        stars: Vec::new(),
        canon: Canon::default(),
        blurs: FxHashMap::default(),
        new_blurs: Vec::new(),
        kinds: FxHashSet::default(),
        members: FxHashMap::default(),
        effects_of: FxHashMap::default(),
    };
    let cells: Vec<(&Cell, &Arc<CellFacts>)> = notebook.cells.iter().zip(facts).filter(|(cell, _)| cell.kind == CellKind::Code).collect();
    let traces = match until {
        Until::Remembered(memo) => {
            let asked = memo::Asked {
                table: Arc::clone(table),
                texts: texts.clone(),
                file_sizes: file_sizes.clone(),
                wanted,
                bound: BTreeSet::new(),
            };
            interp.run_remembered(memo, asked, &cells);
            memo.records.iter().map(|record| Arc::clone(&record.trace)).collect()
        }
        Until::Enough(enough) => {
            interp.bound_somewhere = memo::bound_somewhere(&cells);
            let mut traces = Vec::with_capacity(cells.len());
            for (cell, facts) in &cells {
                traces.push(Arc::new(interp.run_cell(cell, facts)));
                if enough(&traces) {
                    break;
                }
                interp.sweep(&traces);
            }
            traces
        }
    };
    World { traces, heap: interp.heap }
}

/// A call being followed: where it stands.
#[derive(Clone, Debug)]
struct CallSite {
    function: u32,
    name: Name,
    /// Cell whose text the function stands in.
    of: u32,
    cell: u32,
    range: TextRange,
}

/// What kind of scope a frame is.
#[derive(Clone, Debug)]
struct Frame {
    scope: Arc<crate::facts::Scope>,
    kind: FrameKind,
    /// Environment in which the function was made.
    closure: Option<ObjId>,
    /// Environment that functions made in this frame see.
    own: Option<ObjId>,
    /// What it returns.
    returned: Option<Val>,
    /// What it yields.
    yielded: Val,
    /// States at its `return` statements.
    exits: Flow,
    /// Class and receiver for `super()`.
    method_of: Option<(ObjId, Val)>,
    /// Cell whose text the frame's statements stand in.
    cell: u32,
    /// Namespace of the module whose code it runs; none for the notebook's own.
    module: Option<ObjId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    Function,
    Class,
    Comprehension,
}

/// States that leave a loop early.
#[derive(Clone, Debug)]
struct LoopExit {
    breaks: Flow,
    continues: Flow,
}

struct Interp<'a> {
    /// Whether anybody asks how much work cells do.
    weighs: bool,
    /// Whether anybody asks why names are read and values changed.
    explains: bool,
    wanted: Wanted,
    table: &'a Table,
    texts: &'a BTreeMap<String, String>,
    /// Bytes of files, by the paths that the source gives.
    file_sizes: &'a BTreeMap<String, u64>,
    known_texts: KnownTexts,
    /// Namespaces of local modules.
    modules: FxHashMap<String, ObjId>,
    /// Those that came since the last note.
    new_modules: Vec<(String, ObjId)>,
    /// How many texts are being run inside each other.
    nested: usize,
    /// Where in the cell the code from elsewhere is named that is running.
    pin: Option<TextRange>,
    /// Builtins that some cell binds.
    bound_somewhere: BTreeSet<Name>,
    heap: Heap,
    /// Objects that there were when those were let go of that nothing leads to.
    swept: usize,
    /// Which changes the cell that runs has noted, where nobody asks for more than one reason of each.
    stamps: stamps::Stamps,
    /// Names before the current cell.
    base: Base,
    flow: Flow,
    frames: Vec<Frame>,
    trace: CellTrace,
    /// Of the text whose statements run.
    facts: Option<Arc<CellFacts>>,
    cell: u32,
    steps: u32,
    depth: u32,
    loops: u32,
    /// The loops around what is being run, as often as they turn.
    around: work::Around,
    /// No numbers.
    nothing: Arc<[work::Given]>,
    /// Branches, of which only some run, that the current statement stands in.
    branches: u32,
    /// Wrappers being looked through for elements.
    inner: u32,
    /// What was looked through on the way, and how deep inside of others.
    looked_into: Vec<(ObjId, u32)>,
    calls: Vec<CallSite>,
    /// How often each function was followed in this cell.
    counts: FxHashMap<u32, u32>,
    /// Functions that were run in this cell because a library value holds them.
    held_run: FxHashSet<ObjId>,
    /// Those of them that reach nothing of the notebook but these names of libraries.
    contained: FxHashMap<ObjId, Vec<Name>>,
    reach: contained::Reach,
    /// How much each value held when functions were looked for behind it in this cell.
    searched: FxHashMap<ObjId, usize>,
    /// Values of which all methods were run in this cell.
    methods_run: FxHashMap<ObjId, class::MethodsRun>,
    /// How often this cell bound or removed a name of the notebook.
    rebound: u32,
    /// Why what happens now is only assumed.
    assumed: Vec<String>,
    raised: Flow,
    loop_exits: Vec<LoopExit>,
    /// Cells that may bind names nobody can see (`%run`, star imports of unknown modules).
    opaque: Vec<(u32, String)>,
    /// Star imports so far, as source lines.
    stars: Vec<(u32, String)>,
    /// Objects for module paths, one each.
    canon: Canon,
    /// Objects that stand for very many others.
    blurs: FxHashMap<heap::Objs, ObjId>,
    /// Those that came since the last note.
    new_blurs: Vec<(heap::Objs, ObjId)>,
    /// Paths of kinds of values, each once.
    kinds: FxHashSet<Arc<str>>,
    /// Answers of the table, by kind and member.
    members: FxHashMap<String, FxHashMap<String, Found<'a>>>,
    /// Answers of the table, by path.
    effects_of: FxHashMap<String, Found<'a>>,
}

impl Interp<'_> {
    fn run_cell(&mut self, cell: &Cell, facts: &Arc<CellFacts>) -> CellTrace {
        self.cell = cell.number;
        self.heap.now = cell.number;
        self.base.at(cell.number);
        self.facts = Some(Arc::clone(facts));
        self.steps = 0;
        self.around = work::Around::default();
        self.counts.clear();
        self.held_run.clear();
        self.searched.clear();
        self.methods_run.clear();
        self.rebound = 0;
        self.trace = CellTrace { cell: cell.number, ..CellTrace::default() };
        self.flow = Flow::default();
        self.raised = Flow::dead();
        self.run_cell_body(facts);
        if self.flow.dead {
            self.flow = std::mem::replace(&mut self.raised, Flow::dead());
        }
        self.trace.stars = self.stars.clone();
        self.trace.opaque = self.opaque.clone();
        self.settle_names();
        self.weigh_cell();
        let any = |is: fn(&Read) -> bool| self.trace.reads.values().any(is);
        self.trace.any_read = trace::AnyRead { unbound: any(|read| read.unbound), deferred: any(|read| read.deferred) };
        std::mem::take(&mut self.trace)
    }

    /// Carries what the cell did to names over to the notebook.
    fn settle_names(&mut self) {
        let mut delta: Vec<(Name, Slot)> = std::mem::take(&mut self.flow.delta).into_iter().collect();
        delta.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        for (name, slot) in delta {
            if slot.deleted && (self.base.contains(&name) || self.trace.reads.contains_key(&name)) {
                self.trace.deletes.push(name.clone());
            }
            if slot.assigned {
                let weighed = if self.weighs { self.weigh(&slot.val) } else { None };
                self.trace.binds.push(Bind::of(&name, &slot, weighed));
            }
            match slot.bound {
                Bound::Never => self.base.set(&name, None),
                Bound::Must => self.base.set(&name, Some(Arc::new(slot))),
                Bound::May => match self.base.get(&name).cloned() {
                    Some(mut shared) => {
                        let known = Arc::make_mut(&mut shared);
                        let was = known.bound;
                        known.join(&slot);
                        known.bound = if slot.deleted { Bound::May } else { was };
                        self.base.set(&name, Some(shared));
                    }
                    None if slot.assigned => self.base.set(&name, Some(Arc::new(slot))),
                    None => {}
                },
            }
        }
    }

    /// A frame for code that stands where the innermost one's does.
    fn frame(&self, scope: crate::facts::Scope, kind: FrameKind) -> Frame {
        Frame {
            scope: Arc::new(scope),
            kind,
            closure: None,
            own: None,
            returned: None,
            yielded: Val::default(),
            exits: Flow::dead(),
            method_of: None,
            cell: self.text_cell(),
            module: self.module(),
        }
    }

    /// Namespace of the module whose code runs; none in the notebook's own code.
    fn module(&self) -> Option<ObjId> {
        self.frames.last().and_then(|frame| frame.module)
    }

    // --- objects ---------------------------------------------------------------------------------

    fn add(&mut self, kind: Kind) -> ObjId {
        self.heap.add(kind, self.cell)
    }

    fn fresh(&mut self, kind: Kind) -> Val {
        let id = self.add(kind);
        Val::of(id)
    }

    fn unknown(&mut self) -> Val {
        self.fresh(Kind::Unknown)
    }

    fn lib(&mut self, path: &str) -> Val {
        let path = match self.kinds.get(path) {
            Some(known) => Arc::clone(known),
            None => {
                let path: Arc<str> = path.into();
                self.kinds.insert(Arc::clone(&path));
                path
            }
        };
        self.fresh(Kind::Lib(path))
    }

    /// A value that may be any of very many objects becomes one object that may share the memory of each of them.
    fn narrow(&mut self, val: Val) -> Val {
        if val.objs.len() <= MAX_CANDIDATES {
            return val;
        }
        if let Some(blur) = self.blurs.get(&val.objs) {
            return Val::of(*blur);
        }
        let born = val.objs.iter().map(|&id| self.heap.get(id).born).min().unwrap_or(self.cell);
        let blur = self.heap.add(Kind::Unknown, born);
        for &id in &val.objs {
            self.heap.view(blur, id, false);
        }
        if self.heap.recorder.is_some() {
            self.new_blurs.push((val.objs.clone(), blur));
        }
        self.blurs.insert(val.objs, blur);
        Val::of(blur)
    }

    /// The object for a module path: always the same one.
    fn path(&mut self, path: &str) -> Val {
        if let Some(id) = self.canon.get(path) {
            return Val::of(id);
        }
        let path: Arc<str> = path.into();
        let id = self.heap.add(Kind::Path(Arc::clone(&path)), 0);
        self.canon.add(path, id);
        Val::of(id)
    }

    /// Notes that these values may be changed in place.
    fn change(&mut self, val: &Val, range: TextRange, why: impl Display) {
        let certainty = self.certainty();
        self.change_as(val, range, &why, certainty);
    }

    fn change_assumed(&mut self, val: &Val, range: TextRange, why: impl Display) {
        self.change_as(val, range, &why, Certainty::Assumed);
    }

    fn change_as(&mut self, val: &Val, range: TextRange, why: &dyn Display, certainty: Certainty) {
        if self.wanted.ignores_changes() {
            return;
        }
        let mut reasons: Option<Vec<Arc<Because>>> = None;
        // With several candidates it is not sure which one changes.
        for &object in &val.objs {
            if !self.explains && !self.stamps.is_new(object, self.cell, certainty) {
                continue;
            }
            if matches!(self.heap.get(object).kind, Kind::Path(_) | Kind::Member { .. } | Kind::Bound { .. } | Kind::Namespace) {
                continue;
            }
            if self.explains && self.trace.knows_change(object, certainty) {
                continue;
            }
            self.forget_memory(object);
            let because = if self.explains {
                reasons.get_or_insert_with(|| self.because(&why.to_string(), range).into_iter().map(Arc::new).collect()).clone()
            } else {
                Vec::new()
            };
            self.trace.change(object, Change { certainty, because });
            self.heap.note_change(object, self.cell);
        }
    }

    // --- reasons ---------------------------------------------------------------------------------

    fn certainty(&self) -> Certainty {
        if self.assumed.is_empty() { Certainty::Proved } else { Certainty::Assumed }
    }

    /// Cell in whose text the statements being run stand.
    fn text_cell(&self) -> u32 {
        self.frames.iter().rev().find(|frame| frame.kind != FrameKind::Comprehension).map_or(self.cell, |frame| frame.cell)
    }

    fn because(&self, what: &str, range: TextRange) -> Vec<Because> {
        let text_cell = self.text_cell();
        let range = self.pin.unwrap_or(range);
        let mut text = what.to_owned();
        if let Some(reason) = self.assumed.last() {
            text = format!("{text}, assumed: {reason}");
        }
        let mut reasons = vec![Because { text, cell: text_cell, start: range.start().to_u32(), end: range.end().to_u32() }];
        // Where the chain of calls left this cell's own text.
        if let Some(call) = self.calls.iter().find(|call| call.cell == self.cell)
            && text_cell != self.cell
        {
            reasons.push(Because {
                text: format!("`{}` is called", call.name),
                cell: call.cell,
                start: call.range.start().to_u32(),
                end: call.range.end().to_u32(),
            });
        }
        reasons
    }

    /// Where this cell causes what happens: at the call when it happens in another cell's function.
    fn cause(&self, range: TextRange) -> TextRange {
        if self.text_cell() == self.cell {
            self.pin.unwrap_or(range)
        } else {
            self.calls.iter().find(|call| call.cell == self.cell).map_or(range, |call| call.range)
        }
    }

    fn library_call(&self, path: &str, args: &Args, range: TextRange) -> LibraryCall {
        let bare = args.positional.is_empty() && args.keywords.is_empty() && args.spread.is_empty();
        LibraryCall { path: path.into(), bare, range: self.cause(range), certainty: self.certainty(), conditional: self.branches > 0 }
    }

    fn effect(&mut self, kind: EffectKind, detail: &str, range: TextRange) {
        let range = self.cause(range);
        self.trace.effect(kind, detail, self.certainty(), range);
    }

    fn assuming<T>(&mut self, why: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        self.assumed.push(why.to_owned());
        let result = act(self);
        self.assumed.pop();
        result
    }

    /// Counts a step; false when the cell has used up its share.
    fn step(&mut self) -> bool {
        self.steps += 1;
        self.count_step();
        if self.steps == STEPS_PER_CELL {
            self.trace.exhausted = true;
        }
        self.steps < STEPS_PER_CELL
    }

    /// All names the interpreter knows at this point, for `globals()` and the like.
    fn all_names(&self) -> BTreeSet<Name> {
        self.base.all().chain(self.flow.delta.keys()).cloned().collect()
    }
}
