//! What stands around a cell: how far the notebook has got, what it imports, what is said in front of the cell.

use std::collections::HashSet;
use std::sync::Arc;

use super::features::log;
use super::growth::Weight;
use super::words::{hash, warns};
use crate::facts::CellFacts;
use crate::interp::CellTrace;
use crate::library_effects::cost::Class;
use crate::library_effects::usual_seconds;
use crate::notebook::{CellKind, Notebook};

/// Words of prose that count.
const MAX_PROSE: usize = 60;

const DEEP_LEARNING: [&str; 12] = [
    "torch",
    "tensorflow",
    "keras",
    "transformers",
    "fastai",
    "pytorch_lightning",
    "lightning",
    "jax",
    "flax",
    "torchvision",
    "timm",
    "scvi",
];
const BAYESIAN: [&str; 9] = ["pymc", "pymc3", "stan", "pystan", "cmdstanpy", "numpyro", "pyro", "emcee", "bambi"];
const BOOSTING: [&str; 5] = ["xgboost", "lightgbm", "catboost", "optuna", "h2o"];
const ACCELERATED: [&str; 6] = ["cudf", "cuml", "cupy", "numba", "rapids", "dask"];

/// What stands around a cell.
pub(super) struct Context {
    code_cells: usize,
    position: usize,
    /// Top-level modules that some cell imports.
    modules: HashSet<String>,
    /// Those that a cell before this one imports.
    loaded: HashSet<String>,
    fits: usize,
    plots: usize,
    loads: usize,
    /// Words of the prose since the last code cell.
    prose: Vec<u32>,
    /// Whether that prose says that it takes long.
    warned: bool,
    /// Rough seconds of every cell, ascending.
    works: Vec<f64>,
    /// What the cell before called.
    previous: Vec<u32>,
}

impl Context {
    pub(super) fn of(notebook: &Notebook, facts: &[Arc<CellFacts>], traces: &[Arc<CellTrace>]) -> Self {
        let mut works: Vec<f64> = traces.iter().map(|trace| Weight::of_cell(&trace.work).usual).collect();
        works.sort_by(f64::total_cmp);
        Self {
            code_cells: notebook.cells.iter().filter(|cell| cell.kind == CellKind::Code && !cell.source.trim().is_empty()).count(),
            position: 0,
            modules: facts.iter().flat_map(|facts| facts.text.modules.iter().cloned()).collect(),
            loaded: HashSet::new(),
            fits: 0,
            plots: 0,
            loads: 0,
            prose: Vec::new(),
            warned: false,
            works,
            previous: Vec::new(),
        }
    }

    /// Prose in front of the next code cell.
    pub(super) fn prose(&mut self, text: &str) {
        self.warned |= warns(text);
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2);
        self.prose.extend(words.take(MAX_PROSE).map(|word| hash("prose", word)));
    }

    /// The cell has been looked at.
    pub(super) fn pass(&mut self, facts: &CellFacts, trace: &CellTrace) {
        self.position += 1;
        self.loaded.extend(facts.text.modules.iter().cloned());
        let count = |class: Class| trace.work.calls.iter().filter(|call| call.class == class).count();
        self.fits += count(Class::Fit);
        self.plots += count(Class::Plot);
        self.loads += count(Class::Io);
        self.prose.clear();
        self.warned = false;
        let names = trace.work.calls.iter().filter(|call| !call.path.starts_with("builtins."));
        self.previous = names.map(|call| hash("before", call.path.rsplit('.').next().unwrap_or_default())).collect();
    }

    /// What the imports take that no cell before made, seconds.
    pub(super) fn import_seconds(&self, facts: &CellFacts) -> f64 {
        let new: HashSet<&String> = facts.text.modules.iter().filter(|module| self.is_new(module)).collect();
        let mut seconds: Vec<f64> = new.into_iter().filter_map(|module| usual_seconds::import(module)).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.iter().sum()
    }

    fn is_new(&self, module: &str) -> bool {
        !self.loaded.contains(module)
    }

    pub(super) fn numbers(&self, numbers: &mut Vec<f32>, facts: &CellFacts, trace: &CellTrace) {
        let flag = |set: bool| f32::from(u8::from(set));
        let text = &facts.text;
        let new: HashSet<&String> = text.modules.iter().filter(|module| self.is_new(module)).collect();
        let has = |class: Class| trace.work.calls.iter().any(|call| call.class == class);
        let uses = |names: &[&str]| flag(names.iter().any(|name| self.modules.contains(*name)));
        let work = Weight::of_cell(&trace.work).usual;
        let definitions = text.counts.functions + text.counts.classes + text.counts.imports;
        numbers.extend([
            self.position.min(200) as f32,
            (self.position as f32 + 0.5) / (self.code_cells.max(1) as f32),
            self.code_cells.min(200) as f32,
            new.len() as f32,
            self.modules.len() as f32,
            flag(self.plots == 0 && has(Class::Plot)),
            flag(self.fits == 0 && has(Class::Fit)),
            self.fits.min(50) as f32,
            self.plots.min(50) as f32,
            self.loads.min(50) as f32,
            uses(&DEEP_LEARNING),
            uses(&BAYESIAN),
            uses(&BOOSTING),
            uses(&ACCELERATED),
            flag(self.warned),
            log(self.works.last().copied().unwrap_or_default() * 1e3),
            self.works.partition_point(|known| *known < work) as f32 / (self.works.len().max(1) as f32),
            flag(trace.work.calls.is_empty() && definitions > 0),
        ]);
    }

    pub(super) fn words(&self, words: &mut Vec<u32>, facts: &CellFacts) {
        words.extend(&self.prose);
        words.extend(&self.previous);
        for module in facts.text.modules.iter().filter(|module| self.is_new(module)) {
            words.push(hash("first", module));
        }
        for module in &self.modules {
            words.push(hash("notebook", module));
        }
    }
}
