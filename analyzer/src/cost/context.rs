//! What stands around a cell: how far the notebook has got, what it imports, what is said in front of the cell.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::features::log;
use super::growth::Weighed;
use super::hints;
use super::words::{hash, warns};
use crate::facts::CellFacts;
use crate::interp::CellTrace;
use crate::library_effects::cost::Class;
use crate::library_effects::usual_seconds;
use crate::notebook::{CellKind, Host, Notebook};

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

fn ascending(numbers: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut numbers: Vec<f32> = numbers.collect();
    numbers.sort_by(f32::total_cmp);
    numbers
}

fn millis(seconds: f64) -> f32 {
    log(seconds * 1e3)
}

/// The most that the libraries which a cell calls are for, and the same with what the names of the calls say: rough seconds.
fn of_libraries(trace: &CellTrace, weighed: &Weighed) -> (f64, f64) {
    let (mut most, mut named) = (0.0f64, 0.0f64);
    for (call, weighed) in trace.work.calls.iter().zip(&weighed.calls) {
        let library = call.path.split('.').next().unwrap_or_default();
        if matches!(library, "builtins" | "?" | "operator") {
            continue;
        }
        let seconds = hints::library(library) * call.chance;
        most = most.max(seconds);
        named = named.max(seconds * weighed.verb.unwrap_or(1.0));
    }
    (most, named.sqrt())
}

/// What stands around a cell.
pub(super) struct Context<'n> {
    code_cells: usize,
    position: usize,
    /// Top-level modules that some cell imports.
    modules: FxHashSet<&'n str>,
    /// The same as words.
    everywhere: Vec<u32>,
    /// Those that a cell before this one imports.
    loaded: FxHashSet<&'n str>,
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
    /// What the names in calls say of every cell, rough milliseconds in logarithms, ascending.
    verbs: Vec<f32>,
    verb_mean: f32,
    /// The same with what the libraries are for.
    library_verbs: Vec<f32>,
    /// What the libraries of the notebook are for, rough seconds, descending.
    libraries: Vec<f64>,
    unknown_libraries: usize,
    host: Host,
}

impl<'n> Context<'n> {
    pub(super) fn of(notebook: &Notebook, facts: &'n [Arc<CellFacts>], traces: &[Arc<CellTrace>], weighed: &[Weighed]) -> Self {
        let mut works: Vec<f64> = weighed.iter().map(|weighed| weighed.all.usual).collect();
        works.sort_by(f64::total_cmp);
        let modules: FxHashSet<&str> = facts.iter().flat_map(|facts| facts.text().modules.iter().map(String::as_str)).collect();
        let mut libraries: Vec<f64> = modules.iter().map(|module| hints::library(module)).collect();
        libraries.sort_by(|a, b| b.total_cmp(a));
        let code = || notebook.cells.iter().zip(facts).filter(|(cell, _)| cell.kind == CellKind::Code).map(|(_, facts)| facts);
        let verbs = ascending(code().map(|facts| millis(facts.text().hints.most)));
        Self {
            verb_mean: verbs.iter().sum::<f32>() / (verbs.len().max(1) as f32),
            verbs,
            library_verbs: ascending(traces.iter().zip(weighed).map(|(trace, weighed)| millis(of_libraries(trace, weighed).1))),
            libraries,
            unknown_libraries: modules.iter().filter(|module| !hints::knows(module)).count(),
            host: notebook.host,
            everywhere: modules.iter().map(|module| hash("notebook", module)).collect(),
            code_cells: notebook.cells.iter().filter(|cell| cell.kind == CellKind::Code && !cell.source.trim().is_empty()).count(),
            position: 0,
            modules,
            loaded: FxHashSet::default(),
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
    pub(super) fn pass(&mut self, facts: &'n CellFacts, trace: &CellTrace) {
        self.position += 1;
        self.loaded.extend(facts.text().modules.iter().map(String::as_str));
        let count = |class: Class| trace.work.calls.iter().filter(|call| call.class == class).count();
        self.fits += count(Class::Fit);
        self.plots += count(Class::Plot);
        self.loads += count(Class::Io);
        self.prose.clear();
        self.warned = false;
        let names = trace.work.calls.iter().filter(|call| !call.path.starts_with("builtins."));
        self.previous = names.map(|call| hash("before", call.name())).collect();
    }

    /// What the imports take that no cell before made, seconds.
    pub(super) fn import_seconds(&self, facts: &CellFacts) -> f64 {
        let mut seconds: Vec<f64> = self.new_modules(facts).into_iter().filter_map(usual_seconds::import).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.iter().sum()
    }

    /// Modules that the cell imports and no cell before it, each once.
    fn new_modules<'f>(&self, facts: &'f CellFacts) -> FxHashSet<&'f str> {
        facts.text().modules.iter().map(String::as_str).filter(|module| self.is_new(module)).collect()
    }

    fn is_new(&self, module: &str) -> bool {
        !self.loaded.contains(module)
    }

    pub(super) fn numbers(&self, numbers: &mut Vec<f32>, facts: &CellFacts, trace: &CellTrace, weighed: &Weighed) {
        let flag = |set: bool| f32::from(u8::from(set));
        let text = facts.text();
        let has = |class: Class| trace.work.calls.iter().any(|call| call.class == class);
        let uses = |names: &[&str]| flag(names.iter().any(|name| self.modules.contains(*name)));
        let work = weighed.all.usual;
        let definitions = text.counts.functions + text.counts.classes + text.counts.imports;
        numbers.extend([
            self.position.min(200) as f32,
            (self.position as f32 + 0.5) / (self.code_cells.max(1) as f32),
            self.code_cells.min(200) as f32,
            self.new_modules(facts).len() as f32,
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

    /// What names say, and where the notebook ran.
    pub(super) fn hints(&self, numbers: &mut Vec<f32>, facts: &CellFacts, trace: &CellTrace, weighed: &Weighed) {
        let flag = |set: bool| f32::from(u8::from(set));
        let said = &facts.text().hints;
        let rank = |all: &[f32], one: f32| all.partition_point(|known| *known < one) as f32 / (all.len().max(1) as f32);
        let above = |seconds: f64| self.libraries.partition_point(|known| *known >= seconds).min(50) as f32;
        let (library, named) = of_libraries(trace, weighed);
        numbers.extend([
            millis(said.most),
            millis(said.looped),
            millis(said.sum),
            millis(said.last),
            said.silent.min(200) as f32,
            millis(said.argument),
            said.arguments.min(50) as f32,
            self.verb_mean,
            rank(&self.verbs, millis(said.most)),
            millis(library),
            millis(named),
            rank(&self.library_verbs, millis(named)),
            millis(self.libraries.first().copied().unwrap_or_default()),
            above(20.0),
            above(8.0),
            self.unknown_libraries.min(50) as f32,
            flag(self.host.accelerator),
            flag(self.host.hosted),
            flag(self.host.batch),
            self.host.python as f32,
        ]);
    }

    pub(super) fn words(&self, words: &mut Vec<u32>, facts: &CellFacts) {
        words.extend(&self.prose);
        words.extend(&self.previous);
        for module in facts.text().modules.iter().filter(|module| self.is_new(module)) {
            words.push(hash("first", module));
        }
        words.extend(&self.everywhere);
    }
}
