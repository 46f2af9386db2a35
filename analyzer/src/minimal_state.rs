//! The smallest state of a block: what it needs from outside and what it gives back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ruff_python_ast::name::Name;

use crate::graph::{ambient_state, writes_ambient};
use crate::interp::{self, Bind, CellTrace, Change, How, Kind, ObjId};
use crate::linked::{ChangedName, Env, Linked};
use crate::report::{Because, BlockFile, Certainty, Decision, EffectKind, Estimate, Input, Plan, Refusal, Return, Size, ValueKind};
use crate::sizes;

/// Who may use what a block leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The cells that follow it in the notebook: a headless run.
    FollowingCells,
    /// Anything: a person is at the keyboard.
    Anything,
}

/// The plan for one block.
pub(crate) fn plan(linked: &Linked, cells: &[u32], after: After) -> Plan {
    let block: BTreeSet<u32> = cells.iter().copied().collect();
    let mut survey = Survey::new(linked, &block, after);
    survey.walk();
    survey.finish()
}

/// Inputs that may carry one change home, where none surely does.
const MAX_POSSIBLE: usize = 4;

struct Survey<'l> {
    linked: &'l Linked,
    block: &'l BTreeSet<u32>,
    after: After,
    /// Names before the next cell.
    env: Env,
    /// The last bindings before the block, by name.
    binders: BTreeMap<Name, Vec<(u32, &'l Bind)>>,
    inputs: BTreeMap<Name, Input>,
    imports: Vec<String>,
    /// Names that surely come from inside the block.
    inside: BTreeSet<Name>,
    /// Names that the block binds, and with which values.
    bound: BTreeMap<Name, (Vec<ObjId>, Certainty, u32)>,
    deletes: BTreeSet<Name>,
    /// Names through which a change made by the block can be seen.
    changed: BTreeMap<Name, ChangedName>,
    /// Names just before the block.
    before: Env,
    /// What the block changes in place.
    changes: Vec<(ObjId, Change)>,
    /// What in the block may bind names nobody can see, and where.
    binds_unseen: Option<(u32, String)>,
    /// Inputs through which changes come home to other names.
    carriers: BTreeSet<Name>,
    /// Names that what the block makes reads when it is unpacked.
    kept: BTreeSet<Name>,
    /// Cells that read a name after the block, while it is still the block's.
    needed: BTreeMap<Name, Vec<u32>>,
    ambient: BTreeSet<String>,
    files: BTreeMap<String, BlockFile>,
    warnings: Vec<String>,
    stays: Vec<Because>,
    started: bool,
}

impl<'l> Survey<'l> {
    fn new(linked: &'l Linked, block: &'l BTreeSet<u32>, after: After) -> Self {
        Self {
            linked,
            block,
            after,
            env: Env::default(),
            binders: BTreeMap::new(),
            inputs: BTreeMap::new(),
            imports: Vec::new(),
            inside: BTreeSet::new(),
            bound: BTreeMap::new(),
            deletes: BTreeSet::new(),
            changed: BTreeMap::new(),
            binds_unseen: None,
            before: Env::default(),
            changes: Vec::new(),
            carriers: BTreeSet::new(),
            kept: BTreeSet::new(),
            needed: BTreeMap::new(),
            ambient: BTreeSet::new(),
            files: BTreeMap::new(),
            warnings: Vec::new(),
            stays: Vec::new(),
            started: false,
        }
    }

    fn walk(&mut self) {
        let linked = self.linked;
        let mut replaced: BTreeSet<Name> = BTreeSet::new();
        let mut changed_ambient: BTreeSet<String> = BTreeSet::new();
        let last = self.block.last().copied().unwrap_or(0);
        for trace in linked.traces() {
            if self.block.contains(&trace.cell) {
                if !self.started {
                    self.started = true;
                    self.before = self.env.clone();
                    self.ambient.extend(changed_ambient.iter().cloned());
                }
                self.enter(trace);
            } else {
                if self.started {
                    self.follow(trace, &mut replaced);
                } else {
                    changed_ambient.extend(
                        trace
                            .effects
                            .iter()
                            .filter(|effect| writes_ambient(effect.kind))
                            .filter_map(|effect| ambient_state(effect.kind, &effect.detail))
                            .filter(|state| state != "figures"),
                    );
                }
                self.note_binders(trace);
            }
            // Behind the block nobody asks what names stand for.
            if trace.cell < last {
                self.env.apply(trace);
            }
        }
    }

    fn note_binders(&mut self, trace: &'l CellTrace) {
        if self.started {
            return;
        }
        for bind in &trace.binds {
            let binders = self.binders.entry(bind.name.clone()).or_default();
            if bind.must {
                binders.clear();
            }
            binders.push((trace.cell, bind));
        }
        for name in trace.deletes.iter().filter(|name| !trace.binds.iter().any(|bind| bind.name == **name)) {
            self.binders.remove(name);
        }
    }

    /// A cell of the block.
    fn enter(&mut self, trace: &'l CellTrace) {
        for (name, read) in trace.reads.iter().filter(|(_, read)| read.unbound) {
            self.env.learn(name, &read.objs);
        }
        for (name, read) in &trace.reads {
            if !self.inside.contains(name) {
                self.need(name, read.certainty, &read.because, trace);
            }
        }
        self.changes.extend(
            trace
                .changes
                .iter()
                .filter(|&(&id, _)| !self.block.contains(&self.linked.world.heap.get(id).born))
                .map(|(id, change)| (*id, change.clone())),
        );
        for (name, change) in self.linked.changed_names(trace, &self.env, self.ties_until(trace.cell)) {
            // What the block itself bound is returned as such.
            if self.inside.contains(&name) && !change.same {
                continue;
            }
            match self.changed.get_mut(&name) {
                Some(known) => {
                    known.how = known.how.min(change.how);
                    known.same |= change.same;
                    interp::add_reasons(&mut known.because, change.because);
                }
                None => {
                    self.changed.insert(name, change);
                }
            }
        }
        for name in &trace.deletes {
            if !trace.binds.iter().any(|bind| bind.name == *name) {
                self.inside.insert(name.clone());
                self.bound.remove(name);
                self.deletes.insert(name.clone());
            }
        }
        for bind in &trace.binds {
            let certainty = if bind.must { Certainty::Proved } else { Certainty::Assumed };
            if bind.must {
                self.inside.insert(bind.name.clone());
                self.deletes.remove(&bind.name);
                self.bound.insert(bind.name.clone(), (bind.val.objs.to_vec(), certainty, trace.cell));
            } else {
                let entry = self.bound.entry(bind.name.clone()).or_insert_with(|| (Vec::new(), certainty, trace.cell));
                entry.0.extend(bind.val.objs.iter().copied());
            }
        }
        let unseen = trace.opaque.iter().chain(&trace.stars).find(|(cell, _)| *cell == trace.cell);
        if self.binds_unseen.is_none() {
            self.binds_unseen = unseen.cloned();
        }
        self.note_effects(trace);
        self.stays.extend(trace.stays.iter().cloned());
        if trace.exhausted {
            self.warnings.push(format!("cell {} is too large to follow in full; what it needs is partly assumed", trace.cell));
        }
        if self.linked.broken.contains(&trace.cell) {
            self.warnings.push(format!("cell {} cannot be parsed; only its intact statements count", trace.cell));
        }
        for (_, line) in trace.stars.iter().filter(|(cell, _)| !self.block.contains(cell)) {
            if !self.imports.contains(line) {
                self.imports.push(line.clone());
            }
        }
    }

    /// The block needs this name from outside.
    fn need(&mut self, name: &Name, certainty: Certainty, because: &[Because], trace: &CellTrace) {
        if let Some(known) = self.inputs.get_mut(name) {
            known.certainty = known.certainty.min(certainty);
            interp::add_reasons(&mut known.because, because.to_vec());
            return;
        }
        let binders = self.binders.get(name).map(Vec::as_slice).unwrap_or_default();
        if binders.is_empty() {
            self.need_unseen(name, because, trace);
            return;
        }
        let heap = &self.linked.world.heap;
        let objects: Vec<ObjId> = binders.iter().flat_map(|(_, bind)| bind.val.objs.iter().copied()).collect();
        let untouched = objects.iter().all(|&id| heap.changed_in(id).is_empty());
        if let [(_, bind)] = binders
            && let Some(line) = &bind.import
            && untouched
        {
            if !self.imports.iter().any(|known| **known == **line) {
                self.imports.push(line.to_string());
            }
            return;
        }
        self.add_input(name.clone(), certainty, because.to_vec());
    }

    /// Nothing before the block binds this name, as far as can be seen.
    fn need_unseen(&mut self, name: &Name, because: &[Because], trace: &CellTrace) {
        let opaque = trace.opaque.iter().find(|(cell, _)| !self.block.contains(cell));
        let is_history = is_history(name);
        let later = self
            .linked
            .traces()
            .iter()
            .find(|other| !self.block.contains(&other.cell) && other.binds.iter().any(|bind| bind.name == *name))
            .map(|other| other.cell);
        let reason = match (opaque, later) {
            (Some((cell, what)), _) => format!("{what} in cell {cell} may bind it"),
            (None, _) if is_history => "IPython's history has it".to_owned(),
            (None, Some(cell)) if self.after == After::Anything => format!("only cell {cell}, after the block, binds it"),
            (None, later) => {
                if !interp::is_builtin(name) {
                    let place = later.map_or_else(String::new, |cell| format!("; cell {cell}, after the block, binds it"));
                    self.warnings.push(format!("nothing before cell {} defines `{name}`{place}", trace.cell));
                }
                return;
            }
        };
        let mut because = because.to_vec();
        if let Some(first) = because.first_mut() {
            first.text = format!("{}, assumed: {reason}", first.text);
        }
        self.inputs.insert(
            name.clone(),
            Input {
                name: name.to_string(),
                kind: ValueKind::Unknown,
                defined_in: opaque.map(|(cell, _)| *cell),
                size: None,
                certainty: Certainty::Assumed,
                because,
            },
        );
    }

    /// A cell outside the block that runs after its first cell.
    fn follow(&mut self, trace: &CellTrace, replaced: &mut BTreeSet<Name>) {
        for name in trace.reads.keys().filter(|name| !replaced.contains(*name)) {
            self.needed.entry(name.clone()).or_default().push(trace.cell);
        }
        // A name that nothing visible binds may come from a star import or `%run` in the block.
        if let Some((cell, _)) = &self.binds_unseen {
            for (name, _) in trace
                .reads
                .iter()
                .filter(|(name, read)| read.unbound && read.cells.is_empty() && !interp::is_builtin(name) && !replaced.contains(*name))
            {
                self.bound.entry(name.clone()).or_insert_with(|| (Vec::new(), Certainty::Assumed, *cell));
            }
        }
        replaced.extend(trace.binds.iter().filter(|bind| bind.must).map(|bind| bind.name.clone()));
        replaced.extend(trace.deletes.iter().cloned());
    }

    fn note_effects(&mut self, trace: &CellTrace) {
        if trace.runs_libraries || trace.runs_unknown {
            self.ambient.insert("libraries".to_owned());
        }
        if trace.runs_unknown {
            // It may draw random numbers: that costs a few kilobytes to carry, and the numbers if it is forgotten.
            self.ambient.extend(["random".to_owned(), "numpy.random".to_owned()]);
        }
        for effect in &trace.effects {
            match effect.kind {
                EffectKind::FileRead | EffectKind::FileWrite => {
                    let resolved = effect.detail != "?";
                    let path = if resolved { effect.detail.clone() } else { format!("(computed in cell {})", trace.cell) };
                    let file = self.files.entry(path.clone()).or_insert(BlockFile {
                        path,
                        resolved,
                        read: false,
                        written: false,
                        certainty: effect.certainty,
                    });
                    file.read |= effect.kind == EffectKind::FileRead;
                    file.written |= effect.kind == EffectKind::FileWrite;
                    self.ambient.insert("directory".to_owned());
                }
                kind => self.ambient.extend(ambient_state(kind, &effect.detail)),
            }
        }
    }

    fn finish(mut self) -> Plan {
        self.keep_changes_in_reach();
        self.need_what_unpacking_reads();
        let returns = self.returns();
        let refusal = self.refusal(&returns);
        Plan {
            cells: self.block.iter().copied().collect(),
            inputs: self.inputs.into_values().collect(),
            returns,
            deletes: self.deletes.iter().filter(|name| self.binders.contains_key(*name)).map(ToString::to_string).collect(),
            imports: self.imports,
            ambient: self.ambient.into_iter().collect(),
            files: self.files.into_values().collect(),
            warnings: self.warnings,
            refusal,
            estimates: vec![Estimate { executor: "here".to_owned(), seconds: None, transfer_in: None, transfer_out: None, overhead: None }],
            decision: Decision { executor: "here".to_owned(), gain: None, because: Vec::new() },
        }
    }

    /// The last cell whose ties between values count at this one. With a person at the keyboard any cell may have run already.
    fn ties_until(&self, cell: u32) -> u32 {
        if self.after == After::Anything { u32::MAX } else { cell }
    }

    fn is_live(&self, name: &Name) -> bool {
        self.after == After::Anything || self.needed.contains_key(name)
    }

    /// A change must come home through a name that the block still has at its end. Where a name that is read later sees the change, the
    /// inputs that carry it are returned as well; where none carries it any more, the name itself goes along.
    fn keep_changes_in_reach(&mut self) {
        let until = self.ties_until(self.block.last().copied().unwrap_or(u32::MAX));
        for (object, change) in std::mem::take(&mut self.changes) {
            let mut carriers: Vec<(bool, Name)> = Vec::new();
            let mut possible: Vec<Name> = Vec::new();
            let mut later: Vec<(How, Name)> = Vec::new();
            for seer in self.linked.world.heap.seers(std::iter::once((object, change.certainty == Certainty::Proved)), until) {
                for name in self.before.names_of(seer.id).iter().filter(|name| !self.inside.contains(*name)) {
                    match (self.inputs.contains_key(name), seer.how) {
                        (true, How::MaybeHolds) => possible.push(name.clone()),
                        (true, _) => carriers.push((seer.same, name.clone())),
                        (false, How::MaybeHolds) if !seer.tied => {}
                        (false, how) if self.is_live(name) => later.push((how, name.clone())),
                        (false, _) => {}
                    }
                }
            }
            if later.is_empty() {
                continue;
            }
            let direct = carriers.iter().any(|(same, _)| *same);
            let chosen = carriers.iter().filter(|(same, _)| *same == direct);
            self.carriers.extend(chosen.map(|(_, name)| name.clone()));
            if carriers.is_empty() {
                self.carriers.extend(possible.into_iter().take(MAX_POSSIBLE));
            }
            // Sending more than the block reads is worth it for a change that is sure.
            if carriers.is_empty() && change.certainty == Certainty::Proved {
                self.bring_along(later.swap_remove(0).1, &change);
            }
        }
    }

    /// What an input, or something that the block makes, reads by name when it is unpacked must be there then.
    fn need_what_unpacking_reads(&mut self) {
        let heap = &self.linked.world.heap;
        let inputs: Vec<String> = self.inputs.keys().map(ToString::to_string).collect();
        for input in inputs {
            let objects: Vec<ObjId> = self.objects_before(&Name::new(&input));
            for name in heap.needs(&objects) {
                if !self.inputs.contains_key(&name) && self.binders.contains_key(&name) {
                    let text = format!("`{input}` evaluates its formula again when it is unpacked, assumed: the formula mentions `{name}`");
                    let because = vec![Because { text, cell: self.inputs[&Name::new(&input)].defined_in.unwrap_or(0), start: 0, end: 0 }];
                    self.add_input(name, Certainty::Assumed, because);
                }
            }
        }
        let made: Vec<ObjId> =
            self.bound.iter().filter(|(name, _)| self.is_live(name)).flat_map(|(_, (objects, ..))| objects.clone()).collect();
        self.kept.extend(heap.needs(&made));
    }

    fn objects_before(&self, name: &Name) -> Vec<ObjId> {
        self.binders.get(name).into_iter().flatten().flat_map(|(_, bind)| bind.val.objs.iter().copied()).collect()
    }

    /// The size of what the name is bound to before the block.
    fn size_before(&self, name: &Name) -> Option<Size> {
        self.binders.get(name).and_then(|binders| sizes::of_either(binders.iter().map(|(_, bind)| *bind)))
    }

    fn bring_along(&mut self, name: Name, change: &Change) {
        if !self.binders.contains_key(&name) {
            return;
        }
        let objects = self.objects_before(&name);
        if objects.iter().all(|&id| matches!(self.linked.world.heap.get(id).kind, Kind::Path(_))) {
            return;
        }
        let mut because = change.reasons();
        if let Some(first) = because.first_mut() {
            first.text = format!("shares what the block changes: {}", first.text);
        }
        self.add_input(name, change.certainty, because);
    }

    fn add_input(&mut self, name: Name, certainty: Certainty, because: Vec<Because>) {
        let input = Input {
            name: name.to_string(),
            kind: value_kind(self.linked, &self.objects_before(&name)),
            defined_in: self.binders.get(&name).and_then(|binders| binders.last()).map(|(cell, _)| *cell),
            size: self.size_before(&name),
            certainty,
            because,
        };
        self.inputs.insert(name, input);
    }

    fn returns(&self) -> Vec<Return> {
        let mut returns: BTreeMap<Name, Return> = BTreeMap::new();
        for (name, (objects, certainty, cell)) in &self.bound {
            if !self.is_live(name) && !self.kept.contains(name) {
                continue;
            }
            let text = match (&self.binds_unseen, certainty) {
                (_, Certainty::Proved) => "the block binds it".to_owned(),
                (Some((_, what)), _) if objects.is_empty() => format!("the block may bind it, assumed: {what} does not say what it binds"),
                _ => "the block binds it on some paths, assumed: the path is not known".to_owned(),
            };
            let because = vec![Because { text, cell: *cell, start: 0, end: 0 }];
            returns.insert(
                name.clone(),
                Return {
                    name: name.to_string(),
                    kind: value_kind(self.linked, objects),
                    needed_by: self.needed.get(name).cloned().unwrap_or_default(),
                    size: sizes::of_any(
                        self.linked.traces().iter().map(Arc::as_ref).filter(|trace| self.block.contains(&trace.cell)),
                        name,
                    ),
                    certainty: *certainty,
                    because,
                },
            );
        }
        for (name, change) in &self.changed {
            if !(self.is_live(name) || self.carriers.contains(name)) || returns.contains_key(name) || self.deletes.contains(name) {
                continue;
            }
            let objects = self.objects_before(name);
            if !objects.is_empty() && objects.iter().all(|&id| matches!(self.linked.world.heap.get(id).kind, Kind::Path(_))) {
                continue;
            }
            returns.insert(
                name.clone(),
                Return {
                    name: name.to_string(),
                    kind: value_kind(self.linked, &objects),
                    needed_by: self.needed.get(name).cloned().unwrap_or_default(),
                    size: self.size_before(name).filter(|_| objects.iter().all(|&id| self.linked.world.heap.get(id).memory.is_some())),
                    certainty: change.certainty(),
                    because: change.because.clone(),
                },
            );
        }
        returns.into_values().collect()
    }

    fn refusal(&mut self, returns: &[Return]) -> Option<Refusal> {
        if let Some(first) = self.stays.first() {
            return Some(Refusal { text: format!("the block must run here: {}", first.text), because: self.stays.clone() });
        }
        for input in self.inputs.values() {
            let objects = self.objects_before(&Name::new(&input.name));
            if let Some(why) = self.linked.cannot_travel(&objects) {
                let text = format!("`{}` (cell {}) cannot travel: {why}", input.name, input.defined_in.unwrap_or(0));
                if input.certainty == Certainty::Proved {
                    return Some(Refusal { text, because: input.because.clone() });
                }
                self.warnings.push(text);
            }
        }
        for given in returns {
            if let Some((objects, Certainty::Proved, _)) = self.bound.get(&Name::new(&given.name))
                && let Some(why) = self.linked.cannot_travel(objects)
                && !given.needed_by.is_empty()
            {
                return Some(Refusal {
                    text: format!("`{}`, which the block makes and cell {} needs, cannot travel: {why}", given.name, given.needed_by[0]),
                    because: given.because.clone(),
                });
            }
        }
        None
    }
}

impl Linked {
    /// Why a value that is one of these cannot be sent, when none of them can.
    fn cannot_travel(&self, objects: &[ObjId]) -> Option<String> {
        let mut reason = None;
        for &id in objects {
            let Kind::Lib(path) = &self.world.heap.get(id).kind else { return None };
            let entry = self.table.exact(path).filter(|entry| entry.travels == Some(false))?;
            reason = Some(entry.why.clone().unwrap_or_else(|| format!("a `{path}` is tied to the process that made it")));
        }
        reason
    }
}

pub(crate) fn value_kind(linked: &Linked, objects: &[ObjId]) -> ValueKind {
    let heap = &linked.world.heap;
    let all = |test: fn(&Kind) -> bool| !objects.is_empty() && objects.iter().all(|&id| test(&heap.get(id).kind));
    if all(|kind| matches!(kind, Kind::Function(_) | Kind::Bound { .. })) {
        ValueKind::Function
    } else if all(|kind| matches!(kind, Kind::Class)) {
        ValueKind::Class
    } else if objects.is_empty() || all(|kind| matches!(kind, Kind::Lib(_) | Kind::Instance(_))) {
        ValueKind::Data
    } else {
        ValueKind::Unknown
    }
}

/// Whether IPython keeps this name itself: `_`, `_5`, `In`, `Out`.
pub(crate) fn is_history(name: &str) -> bool {
    matches!(name, "_" | "__" | "___" | "In" | "Out" | "_i" | "_ii" | "_iii" | "_ih" | "_oh" | "_dh")
        || name
            .strip_prefix("_i")
            .or_else(|| name.strip_prefix('_'))
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}
