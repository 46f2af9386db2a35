//! nbhoist's analysis: a pure function from a notebook to what its cells need, change and cost, and to where
//! a block of them should run.
//!
//! No I/O, clock, threads or async. It never fails and never panics: it returns what it knows and a list of problems.
#![warn(missing_docs)]

pub mod cost;
pub mod facts;
pub mod finding;
pub mod fix;
mod graph;
mod interp;
pub mod ipynb;
pub mod library_effects;
mod linked;
pub mod local_files;
pub mod measurements;
mod minimal_state;
pub mod names;
pub mod nearest;
pub mod notebook;
pub mod percent;
pub mod picture;
pub mod placement;
pub mod report;
pub mod rules;
mod sizes;
mod syntax;
pub mod text_index;
pub mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use facts::FactsCache;
pub use minimal_state::After;

use finding::Finding;
use linked::Linked;
use measurements::Measurements;
use notebook::{CellKind, Notebook};
use report::{CellReport, Cost, Edge, Plan};

/// What the analysis may be told besides the notebook.
#[derive(Clone, Debug)]
pub struct Config {
    /// Budget of a cell, seconds; above it a cell is heavy.
    pub heavy_seconds: f64,
    /// Size above which the saved outputs of a cell are large, bytes.
    pub large_output_bytes: u64,
    /// Codes, prefixes of codes or names of the rules to apply, or `ALL`; empty for the default ones.
    pub select: Vec<String>,
    /// Rules to apply besides those.
    pub extend_select: Vec<String>,
    /// Rules to leave out.
    pub ignore: Vec<String>,
    /// Severities that differ from the rules' own, by code, prefix, name or `ALL`.
    pub severity: Vec<(String, finding::Severity)>,
    /// What libraries do: the built-in table, and what a user's files add to it.
    pub library_effects: Arc<library_effects::Table>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            heavy_seconds: 10.0,
            large_output_bytes: 1_000_000,
            select: Vec::new(),
            extend_select: Vec::new(),
            ignore: Vec::new(),
            severity: Vec::new(),
            library_effects: Arc::default(),
        }
    }
}

/// One question to the analysis.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The notebook.
    pub notebook: &'a Notebook,
    /// Configuration.
    pub config: Config,
    /// Texts of other files that the notebook refers to (`%run` targets, local modules), by the path it uses.
    pub files: BTreeMap<String, String>,
    /// Bytes of files that the notebook names, by the path it uses; what is not there is not known.
    pub file_sizes: BTreeMap<String, u64>,
    /// What earlier runs have shown.
    pub measurements: Measurements,
    /// Places that can run a block; without any, nothing is decided.
    pub placement: placement::Options,
    /// The model of what cells cost; none for the embedded one.
    pub cost_model: Option<Arc<cost::Model>>,
    /// Whether the model is to be asked; without it only cells with a saved or measured time have a cost. The rules need no more.
    pub weighs: bool,
}

impl<'a> Request<'a> {
    /// A question about this notebook, everything else at its default.
    pub fn new(notebook: &'a Notebook) -> Self {
        Self {
            notebook,
            config: Config::default(),
            files: BTreeMap::new(),
            file_sizes: BTreeMap::new(),
            measurements: Measurements::default(),
            placement: placement::Options::default(),
            cost_model: None,
            weighs: true,
        }
    }
}

/// What the analysis knows about a notebook.
#[derive(Debug, Default)]
pub struct Analysis {
    /// One report for each cell, markdown cells included.
    pub cells: Vec<CellReport>,
    /// What the rules found.
    pub findings: Vec<Finding>,
    /// What the source alone says of each cell's work, seconds; only ratios count. A history keeps it beside the time that a run took, so that
    /// an edited cell can be compared with what ran.
    pub cold: Vec<Option<f64>>,
    linked: Linked,
    placement: placement::Options,
    /// What the values of names weighed last, bytes.
    sizes: BTreeMap<String, u64>,
}

/// Analyzes a notebook.
pub fn analyze(request: &Request<'_>) -> Analysis {
    analyze_with(request, &mut FactsCache::default())
}

/// Analyzes a notebook, taking the facts of unchanged cells from a cache.
pub fn analyze_with(request: &Request<'_>, cache: &mut FactsCache) -> Analysis {
    let analysis = in_stages(request, cache, &mut Listener { told: &mut |_| {}, wanted: &|| true }, None);
    // It is nothing only where it is not wanted.
    analysis.unwrap_or_default()
}

/// What the rules find, and nothing else: without reports and plans the analysis need not say why things are as they are. Earlier runs, on
/// which findings may depend through what cells cost, count as in [`analyze`].
pub fn findings(request: &Request<'_>) -> Vec<Finding> {
    if !request.measurements.runs.is_empty() {
        return analyze(request).findings;
    }
    let facts = facts_of(request.notebook, &mut FactsCache::default());
    let costs = cost::saved(request);
    let context = |linked| rules::Context { request, costs: &costs, linked, facts: &facts, uses: None, index: rules::Index::default() };
    let nothing = Linked::default();
    let plain = context(&nothing);
    let wanted = interp::Wanted { work: request.weighs, reasons: false, changes: rules::look_at_changes(&plain) };
    match rules::needed(&plain) {
        rules::Needed::Nothing => rules::run(&plain),
        rules::Needed::First(first) => {
            let enough = |traces: &[Arc<interp::CellTrace>]| first.are_done(traces);
            rules::run(&context(&Linked::until(request, &facts, wanted, interp::Until::Enough(&enough))))
        }
        rules::Needed::Everything => rules::run(&context(&link(request, &facts, wanted, None))),
    }
}

/// Whoever waits for an analysis in parts.
pub struct Listener<'l> {
    /// Is given the findings as soon as they are final. What the model says of costs moves no finding unless runs were measured, so it is asked after
    /// that: an editor need not wait for it.
    pub told: &'l mut dyn FnMut(&[Finding]),
    /// Whether what comes behind the findings is still of use. It is asked between cells, so that an edit does not wait for what it makes outdated.
    pub wanted: &'l dyn Fn() -> bool,
}

impl std::fmt::Debug for Listener<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

/// The same as [`analyze_with`] for somebody who waits for the findings first; nothing when the rest was no more wanted.
pub fn analyze_telling(request: &Request<'_>, cache: &mut FactsCache, listener: &mut Listener<'_>) -> Option<Analysis> {
    in_stages(request, cache, listener, None)
}

/// A part of an analysis, for those who measure what each takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// What each cell says on its own.
    Facts,
    /// Interpretation of all cells.
    Graph,
    /// The edges between them; found when somebody asks for them unless stages are observed.
    Edges,
    /// What each cell needs, binds, changes and deletes.
    Liveness,
    /// What each cell will take.
    Cost,
    /// The rules.
    Rules,
}

/// The same as [`analyze_with`]; `ended` is told when a stage is over, in the order in which they run.
pub fn analyze_observed(request: &Request<'_>, cache: &mut FactsCache, ended: &mut dyn FnMut(Stage)) -> Analysis {
    let analysis = in_stages(request, cache, &mut Listener { told: &mut |_| {}, wanted: &|| true }, Some(ended));
    analysis.unwrap_or_default()
}

/// What hears of the end of each stage.
type Ended<'e> = Option<&'e mut dyn FnMut(Stage)>;

fn in_stages(request: &Request<'_>, cache: &mut FactsCache, listener: &mut Listener<'_>, mut ended: Ended<'_>) -> Option<Analysis> {
    let mut ended = |stage: Stage| {
        if let Some(ended) = &mut ended {
            ended(stage);
        }
        ended.is_some()
    };
    let facts = facts_of(request.notebook, cache);
    ended(Stage::Facts);
    let wanted = interp::Wanted { work: request.weighs, reasons: true, changes: true };
    let linked = link(request, &facts, wanted, cache.memo.as_mut());
    if ended(Stage::Graph) {
        linked.edges();
        ended(Stage::Edges);
    }
    let mut find = |costs: &[Cost], cache: &FactsCache, ended: &mut dyn FnMut(Stage) -> bool| {
        let index = rules::Index::default();
        let uses = cache.memo.as_ref().map(interp::Memo::uses);
        let findings = rules::run(&rules::Context { request, costs, linked: &linked, facts: &facts, uses, index });
        ended(Stage::Rules);
        (listener.told)(&findings);
        findings
    };
    let saved = cost::saved(request);
    let early = request.measurements.runs.is_empty().then(|| find(&saved, cache, &mut ended));
    let wanted = || early.is_none() || (listener.wanted)();
    let cells = wanted().then(|| linked.reports(request.notebook, &facts, saved, &wanted)).flatten();
    ended(Stage::Liveness);
    let cold = |mut cells: Vec<CellReport>| Some((cost(request, &facts, &linked, &mut cells, cache.predicted.as_mut(), &wanted)?, cells));
    let Some((cold, cells)) = cells.and_then(cold) else {
        if let Some(memo) = &mut cache.memo {
            memo.give_back(linked.world.heap);
        }
        return None;
    };
    ended(Stage::Cost);
    let findings = early.unwrap_or_else(|| {
        let costs: Vec<Cost> = cells.iter().map(|cell| cell.cost.clone()).collect();
        find(&costs, cache, &mut ended)
    });
    if let Some(memo) = &mut cache.memo {
        memo.keep(&linked.world.heap);
    }
    let mut placement = request.placement.clone();
    for (path, bytes) in &request.file_sizes {
        placement.sizes.entry(path.clone()).or_insert(*bytes);
    }
    Some(Analysis { cells, findings, cold, linked, placement, sizes: request.measurements.sizes.clone() })
}

// Stages stay functions of their own, so that a profiler tells them apart by name.
#[inline(never)]
fn link(request: &Request<'_>, facts: &[Arc<facts::CellFacts>], wanted: interp::Wanted, memo: Option<&mut interp::Memo>) -> Linked {
    Linked::of(request, facts, wanted, memo)
}

#[inline(never)]
fn cost(
    request: &Request<'_>,
    facts: &[Arc<facts::CellFacts>],
    linked: &Linked,
    cells: &mut [CellReport],
    known: Option<&mut cost::Predicted>,
    wanted: &dyn Fn() -> bool,
) -> Option<Vec<Option<f64>>> {
    let cold = cost::estimate(request, facts, linked.traces(), cells, known, wanted)?;
    request.measurements.apply(request.notebook, cells, &cold, request.config.heavy_seconds);
    Some(cold)
}

/// The facts of all cells; those of prose are empty.
#[inline(never)]
fn facts_of(notebook: &Notebook, cache: &mut FactsCache) -> Vec<Arc<facts::CellFacts>> {
    cache.places.truncate(notebook.cells.len());
    let prose = Arc::default();
    let facts = |(at, cell): (usize, &notebook::Cell)| match cell.kind {
        CellKind::Code => cache.get_at(at, &cell.source),
        _ => Arc::clone(&prose),
    };
    notebook.cells.iter().enumerate().map(facts).collect()
}

impl Analysis {
    /// Dependencies between cells.
    pub fn edges(&self) -> &[Edge] {
        self.linked.edges()
    }

    /// What moving these cells takes, and where they should run. `after` says who may use what the block leaves.
    #[inline(never)]
    pub fn plan(&self, cells: &[u32], after: After) -> Plan {
        self.plan_at(cells, after, &self.placement)
    }

    /// The same with other places than those of the request.
    pub(crate) fn plan_at(&self, cells: &[u32], after: After, placement: &placement::Options) -> Plan {
        let mut plan = minimal_state::plan(&self.linked, cells, after);
        plan.measured(&self.sizes);
        if !placement.places.is_empty() {
            let first = plan.cells.first().copied().unwrap_or(0);
            let before = if placement.preferences.rerun { self.versions(first) } else { placement::Versions::default() };
            placement::decide(&mut plan, &self.cells, &before, placement);
            if !plan.cells.is_empty() && plan.cells.iter().all(|cell| self.linked.importing.contains(cell)) {
                placement::keep(&mut plan, "it only imports, which every place does for itself");
            }
        }
        plan
    }

    /// Plans for the blocks worth moving, best first: marked blocks, heavy cells, and what a run from top to bottom would best do elsewhere.
    pub fn plans(&self) -> Vec<Plan> {
        let mut blocks = self.linked.marked.clone();
        for block in self.worth_moving() {
            if !blocks.iter().flatten().any(|cell| block.contains(cell)) {
                blocks.push(block);
            }
        }
        for cell in self.cells.iter().filter(|cell| cell.cost.heavy) {
            if !blocks.iter().any(|block| block.contains(&cell.cell)) {
                blocks.push(vec![cell.cell]);
            }
        }
        let mut plans: Vec<Plan> = blocks.iter().map(|block| self.plan(block, After::FollowingCells)).collect();
        plans.sort_by(|a, b| b.decision.gain.unwrap_or(0.0).total_cmp(&a.decision.gain.unwrap_or(0.0)));
        plans
    }

    /// Blocks that the places would run faster.
    fn worth_moving(&self) -> Vec<Vec<u32>> {
        if self.placement.places.is_empty() {
            return Vec::new();
        }
        let versions = self.versions(u32::MAX);
        let stays = self.linked.staying();
        placement::candidates(&versions, &|cell| stays.contains(&cell), &self.placement)
    }

    /// The versions of variables that the cells before this one make.
    fn versions(&self, end: u32) -> placement::Versions<'_> {
        let code = self.cells.iter().filter(|cell| cell.kind == CellKind::Code && cell.cell < end);
        placement::Versions::of(code, self.linked.bindings(), &self.placement)
    }

    /// Whether a cell only imports, so that it never moves by itself.
    pub fn only_imports(&self, cell: u32) -> bool {
        self.linked.importing.contains(&cell)
    }

    /// Cells that cells of the block need, directly or through others, in order.
    pub fn needed_by(&self, block: &[u32]) -> Vec<u32> {
        graph::ancestors(self.edges(), block)
    }
}
