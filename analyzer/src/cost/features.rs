//! What the model is told about a cell: numbers and words, all of them facts of the analysis. Training reads the same numbers (`examples/cost_features.rs`).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::Context;
use super::growth::{SELDOM, Weighed};
use super::words::{Text, hash};
use crate::facts::CellFacts;
use crate::interp::{CellTrace, Work};
use crate::library_effects::cost::{CLASSES, Class};
use crate::notebook::{Cell, CellKind, Notebook};
use crate::report::EffectKind;

/// What the model is told about one cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellFeatures {
    /// Numbers, in the order of [`FEATURES`].
    pub numbers: Vec<f32>,
    /// Hashes of words, ascending, each once.
    pub words: Vec<u32>,
    /// The logarithm of the factor by which the numbers of the source make the cell do more or less than usual.
    pub scale: f64,
    /// The same with each number counted in full: a cell with twice the epochs has it larger by `ln 2`.
    pub growth: f64,
}

/// Names of the numbers. Their order is part of the model file's format.
pub const FEATURES: [&str; 109] = [
    "lines",
    "comments",
    "warned",
    "statements",
    "imports",
    "functions",
    "classes",
    "assignments",
    "bare",
    "calls",
    "keywords",
    "attributes",
    "subscripts",
    "operators",
    "strings",
    "comprehensions",
    "loops",
    "withs",
    "branches",
    "magics",
    "shells",
    "installs",
    "timed",
    "repeated",
    "work",
    "known",
    "known_in_loop",
    "imported",
    "largest_call",
    "largest_in_loop",
    "library_calls",
    "conditional",
    "inside",
    "followed",
    "recursive",
    "depth",
    "open_loops",
    "sized",
    "class_cheap",
    "class_linear",
    "class_sort",
    "class_quadratic",
    "class_cubic",
    "class_fit",
    "class_io",
    "class_network",
    "class_heavy",
    "class_plot",
    "class_unknown",
    "unknown_receivers",
    "runs_unknown",
    "exhausted",
    "problems",
    "reads",
    "binds",
    "changes",
    "reads_far",
    "deferred",
    "file_read",
    "file_write",
    "network",
    "subprocess",
    "display",
    "plot_read",
    "plot_write",
    "random",
    "options",
    "session",
    "position",
    "share",
    "code_cells",
    "new_modules",
    "modules",
    "first_plot",
    "first_fit",
    "fits_before",
    "plots_before",
    "loads_before",
    "deep_learning",
    "bayesian",
    "boosting",
    "accelerated",
    "warned_before",
    "notebook_work",
    "work_rank",
    "definitions_only",
    "verb",
    "verb_in_loop",
    "verbs",
    "last_verb",
    "silent_calls",
    "argument",
    "arguments",
    "verb_mean",
    "verb_rank",
    "library",
    "library_verb",
    "library_verb_rank",
    "notebook_library",
    "long_libraries",
    "slow_libraries",
    "unknown_libraries",
    "accelerator",
    "hosted",
    "batch",
    "python",
    "guards",
    "kept",
    "sure_verb",
];

/// The features of every code cell, in the order of the notebook's cells.
pub(crate) fn of(
    notebook: &Notebook,
    facts: &[Arc<CellFacts>],
    traces: &[Arc<CellTrace>],
    wanted: &dyn Fn() -> bool,
) -> Option<Vec<Option<CellFeatures>>> {
    let weighed: Vec<Weighed> = traces.iter().map(|trace| Weighed::of(&trace.work)).collect();
    let mut context = Context::of(notebook, facts, traces, &weighed);
    let mut traces = traces.iter().zip(&weighed);
    let mut all = Vec::with_capacity(notebook.cells.len());
    for (cell, facts) in notebook.cells.iter().zip(facts) {
        if !wanted() {
            return None;
        }
        if cell.kind != CellKind::Code {
            context.prose(&cell.source);
            all.push(None);
            continue;
        }
        let Some((trace, weighed)) = traces.next() else { break };
        all.push((!blind(cell, facts)).then(|| of_cell(facts, trace, weighed, &context)));
        context.pass(facts, trace);
    }
    all.resize(notebook.cells.len(), None);
    Some(all)
}

/// Nothing of the cell could be read, so nothing is known about it.
fn blind(cell: &Cell, facts: &CellFacts) -> bool {
    !facts.syntax.problems.is_empty() && facts.syntax.body.is_empty() && !cell.source.trim().is_empty()
}

fn of_cell(facts: &CellFacts, trace: &CellTrace, weighed: &Weighed, context: &Context) -> CellFeatures {
    let mut numbers = Vec::with_capacity(FEATURES.len());
    of_text(&mut numbers, facts.text());
    of_work(&mut numbers, &trace.work, weighed, context.import_seconds(facts));
    of_trace(&mut numbers, facts, trace);
    context.numbers(&mut numbers, facts, trace, weighed);
    context.hints(&mut numbers, facts, trace, weighed);
    of_chance(&mut numbers, &trace.work, weighed);
    debug_assert_eq!(numbers.len(), FEATURES.len());
    let text = &facts.text().words;
    let mut words = Vec::with_capacity(2 * text.len() + 100);
    words.extend_from_slice(text);
    words_of(&mut words, trace);
    context.words(&mut words, facts);
    // Most of them are in order already.
    #[expect(clippy::stable_sort_primitive, reason = "this sort is quicker where there are long runs")]
    words.sort();
    words.dedup();
    CellFeatures { numbers, words, scale: weighed.all.scale(), growth: weighed.all.growth() }
}

/// Numbers span orders of magnitude.
pub(super) fn log(number: f64) -> f32 {
    number.max(0.0).ln_1p() as f32
}

fn count(number: usize) -> f32 {
    number.min(1000) as f32
}

fn of_text(numbers: &mut Vec<f32>, text: &Text) {
    let counts = &text.counts;
    let all = [
        counts.lines,
        counts.comments,
        counts.warned,
        counts.statements,
        counts.imports,
        counts.functions,
        counts.classes,
        counts.assignments,
        counts.bare,
        counts.calls,
        counts.keywords,
        counts.attributes,
        counts.subscripts,
        counts.operators,
        counts.strings,
        counts.comprehensions,
        counts.loops,
        counts.withs,
        counts.branches,
        counts.magics,
        counts.shells,
        counts.installs,
        counts.timed,
        counts.repeated,
    ];
    numbers.extend(all.map(|count| count as f32));
}

fn of_work(numbers: &mut Vec<f32>, work: &Work, weighed: &Weighed, imported: f64) {
    let usual = || work.calls.iter().zip(weighed.calls.iter().map(|call| call.weight.usual));
    let largest = usual().map(|(_, usual)| usual).fold(0.0, f64::max);
    let in_loop = usual().filter(|(call, _)| call.depth > 0).map(|(_, usual)| usual).fold(0.0, f64::max);
    let known = |depth: u32| work.calls.iter().filter(|call| call.depth >= depth).filter_map(|call| call.seconds).fold(0.0, f64::max);
    let millis = |seconds: f64| log(seconds * 1e3);
    numbers.push(millis(weighed.all.usual));
    numbers.push(millis(known(0)));
    numbers.push(millis(known(1)));
    numbers.push(millis(imported));
    numbers.push(millis(largest));
    numbers.push(millis(in_loop));
    numbers.push(count(work.calls.iter().filter(|call| !call.path.starts_with("builtins.")).count()));
    numbers.push(count(work.calls.iter().filter(|call| call.conditional).count()));
    numbers.push(count(work.calls.iter().filter(|call| call.inside).count()));
    numbers.extend([work.followed.min(100) as f32, work.recursive.min(10) as f32, work.depth.min(10) as f32, work.open.min(30) as f32]);
    numbers.push(count(work.calls.iter().filter(|call| call.extent.rows > 0.0).count()));
    let mut classes = [0.0f32; CLASSES];
    for call in &work.calls {
        classes[call.class as usize] += 1.0;
    }
    numbers.extend(classes);
    numbers.push(count(work.calls.iter().filter(|call| call.path.starts_with("?.")).count()));
}

/// What stands behind questions for files, which as a rule need not run, and what the names of the other calls say.
fn of_chance(numbers: &mut Vec<f32>, work: &Work, weighed: &Weighed) {
    let millis = |seconds: f64| log(seconds * 1e3);
    let (mut kept, mut named) = (0.0, 0.0);
    for (call, weighed) in work.calls.iter().zip(&weighed.calls) {
        if call.chance < SELDOM {
            kept = f64::max(kept, weighed.weight.always);
        } else {
            named = f64::max(named, weighed.verb.unwrap_or_default());
        }
    }
    numbers.push(work.guards.min(10) as f32);
    numbers.push(millis(kept));
    numbers.push(millis(named));
}

fn of_trace(numbers: &mut Vec<f32>, facts: &CellFacts, trace: &CellTrace) {
    let flag = |set: bool| f32::from(u8::from(set));
    numbers.extend([flag(trace.runs_unknown), flag(trace.exhausted), count(facts.syntax.problems.len())]);
    numbers.push(count(trace.reads.len()));
    numbers.push(count(trace.binds.len()));
    numbers.push(count(trace.changes.len()));
    numbers.push(count(trace.reads.values().filter(|read| !read.cells.is_empty()).count()));
    numbers.push(count(trace.reads.values().filter(|read| read.deferred).count()));
    let effects = |kinds: &[EffectKind]| count(trace.effects.iter().filter(|effect| kinds.contains(&effect.kind)).count());
    numbers.extend([
        effects(&[EffectKind::FileRead]),
        effects(&[EffectKind::FileWrite]),
        effects(&[EffectKind::Network]),
        effects(&[EffectKind::Subprocess]),
        effects(&[EffectKind::Display]),
        effects(&[EffectKind::PlotRead]),
        effects(&[EffectKind::PlotWrite]),
        effects(&[EffectKind::RandomRead, EffectKind::RandomWrite]),
        effects(&[EffectKind::OptionsRead, EffectKind::OptionsWrite]),
        effects(&[EffectKind::Session]),
    ]);
}

/// What the cell calls and touches, as words.
fn words_of(words: &mut Vec<u32>, trace: &CellTrace) {
    let mut libraries = BTreeSet::new();
    for call in &trace.work.calls {
        let name = call.name();
        if call.chance < SELDOM {
            words.push(hash("kept", name));
            continue;
        }
        words.push(hash("call", &call.path));
        words.push(hash("method", name));
        if call.depth > 0 {
            words.push(hash("looped", name));
        }
        for given in call.made_with.iter().filter(|_| call.class == Class::Fit) {
            words.push(hash("made", &given.name));
            words.push(hash("fitted", &given.to));
        }
        let library = call.path.split('.').next().unwrap_or_default();
        if libraries.insert(library) {
            words.push(hash("library", library));
        }
    }
    for effect in &trace.effects {
        words.push(hash("effect", effect.kind.as_str()));
    }
}
