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
mod minimal_state;
pub mod names;
pub mod nearest;
pub mod notebook;
pub mod percent;
pub mod picture;
pub mod report;
pub mod rules;
mod syntax;
pub mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use facts::FactsCache;
pub use minimal_state::After;

use finding::Finding;
use linked::Linked;
use notebook::{CellKind, Notebook};
use report::{CellReport, Edge, Plan};

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
    /// The model of what cells cost; none for the embedded one.
    pub cost_model: Option<Arc<cost::Model>>,
}

impl<'a> Request<'a> {
    /// A question about this notebook, everything else at its default.
    pub fn new(notebook: &'a Notebook) -> Self {
        Self { notebook, config: Config::default(), files: BTreeMap::new(), cost_model: None }
    }
}

/// What the analysis knows about a notebook.
#[derive(Debug)]
pub struct Analysis {
    /// One report for each cell, markdown cells included.
    pub cells: Vec<CellReport>,
    /// Dependencies between cells.
    pub edges: Vec<Edge>,
    /// What the rules found.
    pub findings: Vec<Finding>,
    linked: Linked,
}

/// Analyzes a notebook.
pub fn analyze(request: &Request<'_>) -> Analysis {
    analyze_with(request, &mut FactsCache::default())
}

/// Analyzes a notebook, taking the facts of unchanged cells from a cache.
pub fn analyze_with(request: &Request<'_>, cache: &mut FactsCache) -> Analysis {
    let facts = facts_of(request.notebook, cache);
    let linked = Linked::of(request, &facts);
    let mut cells = linked.reports(request.notebook, &facts);
    cost::estimate(request, &facts, linked.traces(), &mut cells);
    let edges = graph::edges(&linked);
    let findings = rules::run(&rules::Context { request, cells: &cells, edges: &edges, linked: &linked, facts: &facts });
    Analysis { cells, edges, findings, linked }
}

/// The facts of all cells; those of prose are empty.
fn facts_of(notebook: &Notebook, cache: &mut FactsCache) -> Vec<Arc<facts::CellFacts>> {
    let facts = |cell: &notebook::Cell| if cell.kind == CellKind::Code { cache.get(&cell.source) } else { Arc::default() };
    notebook.cells.iter().map(facts).collect()
}

impl Analysis {
    /// What moving these cells takes. `after` says who may use what the block leaves.
    pub fn plan(&self, cells: &[u32], after: After) -> Plan {
        minimal_state::plan(&self.linked, cells, after)
    }

    /// Plans for the blocks worth moving, best first: marked blocks and heavy cells.
    pub fn plans(&self) -> Vec<Plan> {
        let mut blocks = self.linked.marked.clone();
        for cell in self.cells.iter().filter(|cell| cell.cost.heavy) {
            if !blocks.iter().any(|block| block.contains(&cell.cell)) {
                blocks.push(vec![cell.cell]);
            }
        }
        blocks.iter().map(|block| self.plan(block, After::FollowingCells)).collect()
    }

    /// Cells that cells of the block need, directly or through others, in order.
    pub fn needed_by(&self, block: &[u32]) -> Vec<u32> {
        graph::ancestors(&self.edges, block)
    }
}
