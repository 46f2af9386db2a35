//! Abstract objects: one for each place of the source that makes a value, with what it holds and what it shares memory with.

use std::sync::{Arc, LazyLock};

use ruff_python_ast::name::Name;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::function::FunctionDef;
use super::marks::Marks;
use super::memory::Memory;
use super::recorder::{Recorder, Tie};
use super::value::join_objects;
pub(crate) use super::value::{Const, Objs, Val};
use super::work::Given;

/// Number of an abstract object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjId(pub(crate) u32);

/// What an abstract object is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Anything.
    Unknown,
    /// A value of this library or builtin class (`pandas.DataFrame`, `builtins.list`).
    Lib(Arc<str>),
    /// A module, or a function, class or constant reached through one, by its dotted path.
    Path(Arc<str>),
    /// A function of the notebook, by the number of the object.
    Function(u32),
    /// A class of the notebook.
    Class,
    /// A value of a class of the notebook.
    Instance(ObjId),
    /// A method of the notebook bound to its receiver.
    Bound { function: ObjId, receiver: Val },
    /// A member of a library value.
    Member { receiver: Val, name: Name },
    /// Variables of a function that inner functions may use.
    Environment,
    /// `globals()`.
    Namespace,
    /// `super()`.
    Super { class: ObjId, receiver: Val },
}

/// An abstract object: what the interpretation of a cell may see of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Obj {
    pub(crate) kind: Kind,
    /// Number of the cell that made it.
    pub(crate) born: u32,
    /// Whether its elements are all known (`[]`, `[a, b]`), or may be others too.
    pub(crate) closed: bool,
    /// What it holds as elements.
    pub(crate) elems: Val,
    /// What it holds as attributes.
    pub(crate) attrs: Vec<(Name, Val)>,
    /// Objects whose memory it shows, and whether that is sure.
    pub(crate) views: Vec<(ObjId, bool)>,
    /// How large it is.
    pub(crate) extent: Extent,
    /// What few objects have.
    rare: Option<Box<Rare>>,
}

/// What few objects have: apart, because there are hundreds of thousands of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rare {
    /// Parts of a tuple, in order, when they are known.
    pub(crate) parts: Option<Vec<Val>>,
    /// Names of the notebook that must be bound where it is unpacked: a model evaluates its formula again.
    pub(crate) needs: Vec<Name>,
    /// What it takes in memory, where that is known.
    pub(crate) memory: Option<Arc<Memory>>,
    /// Numbers that it, and what it wraps, were made with.
    pub(crate) made_with: Arc<[Given]>,
    /// Base classes of a class; for the environment of a function: the one around it.
    pub(crate) bases: Vec<Val>,
    /// The function that it is.
    pub(super) function: Option<Arc<FunctionDef>>,
}

static NOTHING_RARE: LazyLock<Rare> = LazyLock::new(Rare::default);

impl Obj {
    fn new(kind: Kind, born: u32) -> Self {
        Self {
            kind,
            born,
            closed: false,
            elems: Val::default(),
            attrs: Vec::new(),
            views: Vec::new(),
            extent: Extent::default(),
            rare: None,
        }
    }

    pub(crate) fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&NOTHING_RARE)
    }

    /// Its parts, where it has any.
    pub(super) fn parts_mut(&mut self) -> Option<&mut Vec<Val>> {
        self.rare.as_mut()?.parts.as_mut()
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// How large a value is: elements, and for a table or matrix what each of them has. 0 where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Extent {
    pub(crate) rows: f64,
    pub(crate) columns: f64,
}

impl Extent {
    pub(crate) const fn of_rows(rows: f64) -> Self {
        Self { rows, columns: 0.0 }
    }

    /// Numbers in it; 0 when it is not known.
    pub(crate) const fn size(self) -> f64 {
        self.rows * self.columns.max(1.0)
    }

    pub(crate) fn larger(self, other: Self) -> Self {
        if other.size() > self.size() { other } else { self }
    }

    /// This one if it is known, else the other.
    pub(crate) const fn or(self, other: Self) -> Self {
        if self.rows > 0.0 { self } else { other }
    }
}

/// An object holds another one, or shows its memory.
#[derive(Clone, Copy, Debug)]
struct Link {
    by: ObjId,
    sure: bool,
    /// Number of the cell that made it so.
    since: u32,
}

/// All abstract objects of a notebook.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    objects: Vec<Arc<Obj>>,
    /// Number of the next object. Behind it are only objects of cells behind the one that runs, which ran before.
    pub(super) next: usize,
    /// Whether ties and changes are only noted: a cell runs again, and its objects have those of the cells behind it already.
    pub(super) notes_only: bool,
    /// Whether nobody asks through what a change can be seen, so that no ties are kept.
    untied: bool,
    /// For each object, what holds it or shows its memory. No cell's interpretation depends on that, nor on which cells change it.
    seen_by: Vec<Vec<Link>>,
    /// Cells that change an object, where any does.
    changed_in: FxHashMap<ObjId, SmallVec<[u32; 4]>>,
    /// Whether something other than a class or a scope may hold a function, a class or a value of a class of the notebook.
    holds_callables: bool,
    /// Members of values that something holds; they may be methods.
    pub(super) held_members: Vec<ObjId>,
    /// Objects that a search has come to.
    marks: Marks,
    /// Number of the cell that runs.
    pub(crate) now: u32,
    /// Notes what the cell that runs reads and changes, where that is asked for.
    pub(super) recorder: Option<Box<Recorder>>,
}

impl Heap {
    /// No objects; without `ties` what holds them is not kept.
    pub(super) fn new(ties: bool) -> Self {
        Self { untied: !ties, ..Self::default() }
    }

    pub(crate) fn add(&mut self, kind: Kind, born: u32) -> ObjId {
        let id = ObjId(self.next as u32);
        let object = Arc::new(Obj::new(kind, born));
        match self.objects.get_mut(self.next) {
            Some(place) => *place = object,
            None => self.objects.push(object),
        }
        self.next += 1;
        self.tie_up_to(self.next);
        id
    }

    pub(crate) fn get(&self, id: ObjId) -> &Obj {
        if let Some(recorder) = &self.recorder {
            recorder.read(id);
        }
        &self.objects[id.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, id: ObjId) -> &mut Obj {
        let object = &mut self.objects[id.0 as usize];
        if let Some(recorder) = &mut self.recorder {
            recorder.write(id, object);
        }
        Arc::make_mut(object)
    }

    /// All objects, in the order in which they were made.
    pub(super) fn objects(&self) -> &[Arc<Obj>] {
        &self.objects
    }

    /// Puts in objects that were made before.
    pub(super) fn restore(&mut self, objects: &[Arc<Obj>]) {
        self.objects.extend_from_slice(objects);
        self.next = self.objects.len();
        self.tie_up_to(self.next);
    }

    /// Puts an object in the place of another state of it.
    pub(super) fn replace(&mut self, id: ObjId, object: &Arc<Obj>) {
        self.objects[id.0 as usize] = Arc::clone(object);
    }

    /// Leaves the numbers up to this one free.
    pub(super) fn leave_free(&mut self, first: usize) {
        let filler = Arc::new(Obj::new(Kind::Unknown, 0));
        self.objects.resize(first, filler);
        self.next = first;
        self.tie_up_to(first);
    }

    /// Has a place for the ties of so many objects, where they are kept.
    fn tie_up_to(&mut self, objects: usize) {
        if !self.untied && self.seen_by.len() < objects {
            self.seen_by.resize_with(objects, Vec::new);
        }
    }

    /// Leaves the numbers from the next one up to this one free, where objects of a cell were that makes fewer now.
    pub(super) fn free_up_to(&mut self, end: usize) {
        let filler = Arc::new(Obj::new(Kind::Unknown, 0));
        let end = end.min(self.objects.len());
        if self.next < end {
            self.objects[self.next..end].fill(filler);
        }
    }

    /// Leaves only the numbers of these objects.
    pub(super) fn forget(&mut self, is_gone: impl Fn(ObjId) -> bool) {
        let filler = Arc::new(Obj::new(Kind::Unknown, 0));
        for (number, object) in self.objects.iter_mut().enumerate() {
            if is_gone(ObjId(number as u32)) {
                *object = Arc::clone(&filler);
            }
        }
    }

    /// The same heap once more. What a search or a recorder notes on the way is not part of it.
    pub(super) fn copy(&self) -> Self {
        Self {
            objects: self.objects.clone(),
            next: self.next,
            untied: self.untied,
            seen_by: self.seen_by.clone(),
            changed_in: self.changed_in.clone(),
            ..Self::default()
        }
    }

    /// Cells that change an object, in the order in which they ran.
    pub(crate) fn changed_in(&self, id: ObjId) -> &[u32] {
        self.changed_in.get(&id).map(SmallVec::as_slice).unwrap_or_default()
    }

    /// Notes that this cell changes an object.
    pub(super) fn note_change(&mut self, id: ObjId, cell: u32) {
        if self.notes_only {
            return;
        }
        let changed_in = self.changed_in.entry(id).or_default();
        if changed_in.last() != Some(&cell) {
            changed_in.push(cell);
        }
    }

    /// Puts a cell among those that change an object, or takes it out.
    pub(super) fn set_change(&mut self, id: ObjId, cell: u32, changes: bool) {
        let changed_in = self.changed_in.entry(id).or_default();
        match (changed_in.binary_search(&cell), changes) {
            (Err(at), true) => changed_in.insert(at, cell),
            (Ok(at), false) => drop(changed_in.remove(at)),
            _ => {}
        }
    }

    /// Forgets what holds an object or shows its memory.
    pub(super) fn untie(&mut self, id: ObjId) {
        self.seen_by[id.0 as usize].clear();
    }

    /// Whether anything may be held that can be called. Where it is noted what a cell reads, always: its answer would be one thing more to note.
    pub(super) const fn holds_callables(&self) -> bool {
        self.holds_callables || self.recorder.is_some()
    }

    /// From now on something is held that can be called.
    pub(super) fn note_callables(&mut self) {
        self.holds_callables = true;
        self.held_members = Vec::new();
    }

    fn look_for_callables(&mut self, holder: ObjId, held: &[ObjId]) {
        // What classes and scopes hold is met only by who meets them.
        if self.holds_callables() || held.is_empty() || matches!(self.objects[holder.0 as usize].kind, Kind::Class | Kind::Environment) {
            return;
        }
        for &id in held {
            match self.objects[id.0 as usize].kind {
                Kind::Function(_) | Kind::Bound { .. } | Kind::Class | Kind::Instance(_) => return self.note_callables(),
                Kind::Member { .. } => self.held_members.push(id),
                _ => {}
            }
        }
    }

    /// `holder` keeps references to what `held` may be.
    pub(crate) fn hold(&mut self, holder: ObjId, held: &Val) {
        self.look_for_callables(holder, &held.objs);
        join_objects(&mut self.get_mut(holder).elems.objs, &held.objs);
        self.link(holder, held, true);
    }

    /// `holder` may keep references to what `held` may be.
    pub(crate) fn may_hold(&mut self, holder: ObjId, held: &Val) {
        self.look_for_callables(holder, &held.objs);
        join_objects(&mut self.get_mut(holder).elems.objs, &held.objs);
        self.link(holder, held, false);
    }

    pub(crate) fn set_attr(&mut self, holder: ObjId, name: &Name, value: &Val) {
        self.look_for_callables(holder, &value.objs);
        self.link(holder, value, true);
        let attrs = &mut self.get_mut(holder).attrs;
        match attrs.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.join(value),
            None => attrs.push((name.clone(), value.clone())),
        }
    }

    pub(crate) fn attr(&self, holder: ObjId, name: &str) -> Option<&Val> {
        self.get(holder).attrs.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// `view` shows the memory of `base`.
    pub(crate) fn view(&mut self, view: ObjId, base: ObjId, sure: bool) {
        if view != base && !self.get(view).views.iter().any(|(known, _)| *known == base) {
            self.look_for_callables(view, &[base]);
            self.get_mut(view).views.push((base, sure));
            self.tie(Tie { object: base, by: view, sure, once: false });
        }
    }

    pub(crate) fn link(&mut self, holder: ObjId, held: &Val, sure: bool) {
        if self.untied {
            return;
        }
        for &object in held.objs.iter().filter(|&&object| object != holder) {
            self.tie(Tie { object, by: holder, sure, once: true });
        }
    }

    /// Notes that an object is held, or its memory shown.
    fn tie(&mut self, tie: Tie) {
        if let Some(recorder) = &mut self.recorder {
            recorder.tie(tie);
        }
        if !self.notes_only && !self.untied {
            self.put(tie);
        }
    }

    /// The same without a note.
    pub(super) fn put(&mut self, tie: Tie) {
        let Tie { object, by, sure, once } = tie;
        let link = Link { by, sure, since: self.now };
        let seen_by = &mut self.seen_by[object.0 as usize];
        if !once {
            return seen_by.push(link);
        }
        // What everything holds would make this quadratic: only the latest entries are compared, and beyond a bound only sure ones are kept.
        let from = seen_by.len().saturating_sub(COMPARED);
        match seen_by[from..].iter_mut().find(|link| link.by == by) {
            Some(link) => link.sure |= sure,
            None if sure || from < MAX_HOLDERS => seen_by.push(link),
            None => {}
        }
    }

    /// Every object through which changes of `starts` can be seen: those that share their memory and all that hold any of them. Each is
    /// found once, by the surest way, with the index of the change it is reached from. What cells after `until` tie together does not count.
    pub(crate) fn seers(&self, starts: impl Iterator<Item = (ObjId, bool)>, until: u32) -> Vec<Seer> {
        let mut queues: [Vec<Seer>; 4] = Default::default();
        for (from, (id, proved)) in starts.enumerate() {
            let how = if proved { How::Changed } else { How::MaybeChanged };
            queues[how as usize].push(Seer { id, how, same: true, tied: true, from });
        }
        let mut marks = self.marks.begin(self.objects.len());
        let mut found: Vec<Seer> = Vec::new();
        for level in 0..queues.len() {
            while let Some(seer) = queues[level].pop() {
                if found.len() >= MAX_SEERS || !marks.insert(seer.id) {
                    continue;
                }
                found.push(seer);
                let object = self.get(seer.id);
                let mut push = |id: ObjId, same: bool, sure: bool| {
                    let how = match (seer.how, same, sure) {
                        (_, _, false) | (How::MaybeChanged, false, _) | (How::MaybeHolds, ..) => How::MaybeHolds,
                        (How::Changed, false, true) | (How::Holds, _, true) => How::Holds,
                        (how, true, true) => how,
                    };
                    queues[how as usize].push(Seer { id, how, same, tied: seer.tied && sure, from: seer.from });
                };
                // What a view shows changes with it; so do that value's other views.
                if seer.same {
                    object.views.iter().for_each(|&(base, sure)| push(base, true, sure));
                }
                for &Link { by, sure, .. } in self.seen_by.get(seer.id.0 as usize).into_iter().flatten().filter(|link| link.since <= until)
                {
                    let is_view = self.get(by).views.iter().any(|(base, _)| *base == seer.id);
                    push(by, seer.same && is_view, sure);
                }
            }
        }
        found
    }

    /// Names that must be bound where any of these objects, or what they hold, is unpacked.
    pub(crate) fn needs(&self, start: &[ObjId]) -> Vec<Name> {
        let mut names: Vec<Name> = self.reach(start).into_iter().flat_map(|id| self.get(id).rare().needs.iter().cloned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The object and what it shows or holds, to a bounded depth.
    pub(crate) fn reach(&self, start: &[ObjId]) -> Vec<ObjId> {
        self.reach_some(start, MAX_REACH)
    }

    /// The first so many of them.
    pub(super) fn reach_some(&self, start: &[ObjId], most: usize) -> Vec<ObjId> {
        let mut found: Vec<ObjId> = Vec::with_capacity(start.len().max(most.min(EXPECTED)));
        found.extend_from_slice(start);
        let mut marks = self.marks.begin(self.objects.len());
        start.iter().for_each(|id| {
            marks.insert(*id);
        });
        let mut at = 0;
        while at < found.len() && found.len() < most {
            let object = self.get(found[at]);
            at += 1;
            // Whether there may be more.
            let mut reach = |id: ObjId| {
                if marks.insert(id) {
                    found.push(id);
                }
                found.len() < most
            };
            let all = object.elems.objs.iter().all(|id| reach(*id))
                && object.attrs.iter().all(|(_, val)| val.objs.iter().all(|id| reach(*id)))
                && object.views.iter().all(|(base, _)| reach(*base));
            if !all {
                break;
            }
        }
        found
    }
}

/// Holders compared before one more is noted.
const COMPARED: usize = 32;
/// Possible holders that are remembered of one object.
const MAX_HOLDERS: usize = 500;
/// Objects visited in one search; a notebook that ties everything together is cut off here.
const MAX_SEERS: usize = 4000;
/// Objects that are usually found behind a value.
const EXPECTED: usize = 64;
/// Objects looked at behind one read.
const MAX_REACH: usize = 200;

/// How a change is seen, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    /// It surely changes.
    Changed,
    /// It surely holds what surely changes.
    Holds,
    /// It may change.
    MaybeChanged,
    /// It may hold, or show the memory of, what may change.
    MaybeHolds,
}

/// An object through which a change can be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seer {
    pub(crate) id: ObjId,
    pub(crate) how: How,
    /// It is the same value or memory; otherwise it only holds it.
    pub(crate) same: bool,
    /// Whether it surely holds or shows the object, however unsure the change is.
    pub(crate) tied: bool,
    /// Index of the change.
    pub(crate) from: usize,
}
