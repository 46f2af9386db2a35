//! The cells of a notebook, linked: what each did in the state that the ones before it left.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use ruff_python_ast::name::Name;
use rustc_hash::FxHashMap;

use crate::Request;
use crate::facts::CellFacts;
use crate::interp::{self, CellTrace, Change, How, Memo, ObjId, Until, Wanted, World};
use crate::library_effects::Table;
use crate::minimal_state;
use crate::notebook::{CellKind, Notebook, marked_blocks};
use crate::placement::Binding;
use crate::report::{Because, CellReport, Certainty, Cost, Edge, Memory, NameFact, ValueKind};
use crate::{graph, sizes};

/// A notebook after linking.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    pub(crate) world: World,
    pub(crate) table: Arc<Table>,
    /// Cells of each marked block.
    pub(crate) marked: Vec<Vec<u32>>,
    /// Cells that hold something that could not be parsed.
    pub(crate) broken: Vec<u32>,
    /// Cells that only import: what they load is loaded at every place anyway, and here as well when something comes back.
    pub(crate) importing: BTreeSet<u32>,
    bindings: OnceLock<HashMap<String, Binding>>,
    edges: OnceLock<Vec<Edge>>,
}

impl Linked {
    pub(crate) fn of(request: &Request<'_>, facts: &[Arc<CellFacts>], wanted: Wanted, memo: Option<&mut Memo>) -> Self {
        Self::until(request, facts, wanted, memo.map_or(Until::Enough(&|_| false), Until::Remembered))
    }

    /// The same for the first cells, those before what they did is `enough`.
    pub(crate) fn until(request: &Request<'_>, facts: &[Arc<CellFacts>], wanted: Wanted, until: Until<'_, '_>) -> Self {
        let table = Arc::clone(&request.config.library_effects);
        let marked: Vec<Vec<u32>> = marked_blocks(request.notebook).into_iter().map(|(_, cells)| cells).collect();
        // Rules look at the plans of marked blocks.
        let reasons = wanted.reasons || !marked.is_empty();
        let wanted = Wanted { reasons, ..wanted };
        let world = interp::run(request.notebook, facts, &table, &request.files, &request.file_sizes, wanted, until);
        let (mut broken, mut importing) = (Vec::new(), BTreeSet::new());
        for (cell, facts) in request.notebook.cells.iter().zip(facts) {
            if !facts.syntax.problems.is_empty() {
                broken.push(cell.number);
            }
            if facts.imports_only {
                importing.insert(cell.number);
            }
        }
        Self { world, table, marked, broken, importing, bindings: OnceLock::new(), edges: OnceLock::new() }
    }

    /// Every dependency of a cell on one before it; found when somebody asks.
    pub(crate) fn edges(&self) -> &[Edge] {
        self.edges.get_or_init(|| graph::edges(self))
    }

    pub(crate) fn traces(&self) -> &[Arc<CellTrace>] {
        &self.world.traces
    }

    /// What each name is bound to.
    pub(crate) fn bindings(&self) -> &HashMap<String, Binding> {
        self.bindings.get_or_init(|| self.bind())
    }

    fn bind(&self) -> HashMap<String, Binding> {
        let mut bindings: HashMap<String, Binding> = HashMap::new();
        for bind in self.traces().iter().flat_map(|trace| &trace.binds) {
            let kind = minimal_state::value_kind(self, &bind.val.objs);
            let binding = bindings.entry(bind.name.to_string()).or_insert(Binding { import: true, kind });
            binding.import &= bind.import.is_some();
            if binding.kind != kind {
                binding.kind = ValueKind::Unknown;
            }
        }
        bindings
    }

    /// Numbers of the cells that never move by themselves: those that must run in the live kernel, and those that only import.
    pub(crate) fn staying(&self) -> BTreeSet<u32> {
        let must = self.traces().iter().filter(|trace| !trace.stays.is_empty()).map(|trace| trace.cell);
        must.chain(self.importing.iter().copied()).collect()
    }

    /// One report for each cell; `costs` says what is known of their costs so far. Nothing when they are no more `wanted`.
    #[inline(never)]
    pub(crate) fn reports(
        &self,
        notebook: &Notebook,
        facts: &[Arc<CellFacts>],
        costs: Vec<Cost>,
        wanted: &dyn Fn() -> bool,
    ) -> Option<Vec<CellReport>> {
        let mut env = Env::default();
        let mut traces = self.world.traces.iter();
        let mut reports = Vec::with_capacity(notebook.cells.len());
        for ((cell, facts), cost) in notebook.cells.iter().zip(facts).zip(costs) {
            if !wanted() {
                return None;
            }
            let mut report = CellReport {
                cell: cell.number,
                id: cell.id.clone(),
                kind: cell.kind,
                defines: Vec::new(),
                reads: Vec::new(),
                mutates: Vec::new(),
                deletes: Vec::new(),
                effects: Vec::new(),
                problems: facts.syntax.problems.clone(),
                cost,
                sizes: BTreeMap::new(),
                memory: Memory::default(),
            };
            if cell.kind == CellKind::Code
                && let Some(trace) = traces.next()
            {
                for (name, read) in trace.reads.iter().filter(|(_, read)| read.unbound) {
                    env.learn(name, &read.objs);
                }
                self.fill(&mut report, trace, &env);
                env.apply(trace);
            }
            reports.push(report);
        }
        Some(reports)
    }

    fn fill(&self, report: &mut CellReport, trace: &CellTrace, env: &Env) {
        report.defines = trace
            .binds
            .iter()
            .map(|bind| NameFact {
                name: bind.name.to_string(),
                certainty: if bind.must { Certainty::Proved } else { Certainty::Assumed },
                because: if bind.must { Vec::new() } else { vec![reason(trace.cell, "bound on some paths only")] },
            })
            .collect();
        report.reads = trace
            .reads
            .iter()
            .map(|(name, read)| NameFact { name: name.to_string(), certainty: read.certainty, because: read.because.clone() })
            .collect();
        report.deletes = trace
            .deletes
            .iter()
            .map(|name| NameFact { name: name.to_string(), certainty: Certainty::Proved, because: Vec::new() })
            .collect();
        report.mutates = self
            .changed_names(trace, env, trace.cell)
            .into_iter()
            .filter(|(_, change)| change.same)
            .map(|(name, change)| NameFact { name: name.to_string(), certainty: change.certainty(), because: change.because })
            .collect();
        report.effects.clone_from(&trace.effects);
        report.sizes = trace.binds.iter().filter_map(|bind| Some((bind.name.to_string(), sizes::of(bind)?))).collect();
        report.memory = sizes::memory(&trace.peak);
    }

    /// Names through which changes of this cell can be seen, in the state before it. What cells after `until` tie together does not count.
    pub(crate) fn changed_names(&self, trace: &CellTrace, env: &Env, until: u32) -> BTreeMap<Name, ChangedName> {
        let heap = &self.world.heap;
        // Made by this very cell: nobody outside knows it.
        let changes: Vec<(ObjId, &Change)> = trace
            .changes
            .iter()
            .filter(|&(&id, _)| heap.get(id).born != trace.cell || !heap.get(id).views.is_empty())
            .map(|(&id, change)| (id, change))
            .collect();
        let mut names: BTreeMap<Name, ChangedName> = BTreeMap::new();
        for seer in heap.seers(changes.iter().map(|(id, change)| (*id, change.certainty == Certainty::Proved)), until) {
            for name in env.names_of(seer.id) {
                let entry = match names.entry(name.clone()) {
                    std::collections::btree_map::Entry::Vacant(vacant) => {
                        let mut because = changes[seer.from].1.reasons();
                        if let Some(first) = because.first_mut() {
                            match seer.how {
                                How::Changed | How::MaybeChanged => {}
                                How::Holds => first.text = format!("{}; `{name}` holds it", first.text),
                                How::MaybeHolds => first.text = format!("{}; `{name}` may share it", first.text),
                            }
                        }
                        vacant.insert(ChangedName { how: seer.how, same: seer.same, because })
                    }
                    std::collections::btree_map::Entry::Occupied(occupied) => occupied.into_mut(),
                };
                entry.how = entry.how.min(seer.how);
                entry.same |= seer.same;
            }
        }
        names
    }
}

fn reason(cell: u32, text: &str) -> Because {
    Because { text: text.to_owned(), cell, start: 0, end: 0 }
}

/// A name through which a change can be seen.
#[derive(Clone, Debug)]
pub(crate) struct ChangedName {
    pub(crate) how: How,
    /// The value itself, or its memory; otherwise it only holds it.
    pub(crate) same: bool,
    pub(crate) because: Vec<Because>,
}

impl ChangedName {
    pub(crate) fn certainty(&self) -> Certainty {
        if matches!(self.how, How::Changed | How::Holds) { Certainty::Proved } else { Certainty::Assumed }
    }
}

/// Names and what they may stand for, between two cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Env {
    values: FxHashMap<Name, Vec<ObjId>>,
    by_object: FxHashMap<ObjId, Vec<Name>>,
}

impl Env {
    /// The state after the cell.
    pub(crate) fn apply(&mut self, trace: &CellTrace) {
        for name in &trace.deletes {
            if !trace.binds.iter().any(|bind| bind.name == *name) {
                self.forget(name);
            }
        }
        for bind in &trace.binds {
            if bind.must {
                self.forget(&bind.name);
            }
            self.learn(&bind.name, &bind.val.objs);
        }
    }

    /// The name may stand for these objects, too.
    pub(crate) fn learn(&mut self, name: &Name, more: &[ObjId]) {
        let objects = self.values.entry(name.clone()).or_default();
        for &object in more {
            if !objects.contains(&object) {
                objects.push(object);
                self.by_object.entry(object).or_default().push(name.clone());
            }
        }
    }

    fn forget(&mut self, name: &Name) {
        for object in self.values.remove(name).unwrap_or_default() {
            if let Some(names) = self.by_object.get_mut(&object) {
                names.retain(|known| known != name);
            }
        }
    }

    pub(crate) fn names_of(&self, object: ObjId) -> &[Name] {
        self.by_object.get(&object).map(Vec::as_slice).unwrap_or_default()
    }
}
