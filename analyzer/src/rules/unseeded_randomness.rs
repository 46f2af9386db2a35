//! Random numbers from a generator that nobody seeded.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::interp::{CellTrace, LibraryCall};
use crate::report::{Certainty, EffectKind};

pub(super) const RULE: Rule = Rule {
    code: "NBH501",
    name: "unseeded-randomness",
    severity: Severity::Warning,
    opt_in: false,
    summary: "Random numbers are drawn from a global generator that is never seeded.",
    explanation: include_str!("unseeded_randomness.md"),
    check,
};

/// Draws that change no result, or hardly ever: ties between equal splits, starting vectors of exact solvers, jitter of a plot,
/// weights that a file or a later call replaces.
const HARMLESS: &[&str] = &[
    "keras.applications.",
    "keras.layers.",
    "keras.models.",
    "keras.preprocessing.",
    "keras.utils.",
    "scipy.sparse.linalg.",
    "seaborn.",
    "sklearn.covariance.",
    "sklearn.decomposition.KernelPCA",
    "sklearn.decomposition.PCA",
    "sklearn.ensemble.AdaBoost",
    "sklearn.ensemble.GradientBoosting",
    "sklearn.ensemble.HistGradientBoosting",
    "sklearn.gaussian_process.",
    "sklearn.linear_model.ElasticNet",
    "sklearn.linear_model.Lars",
    "sklearn.linear_model.Lasso",
    "sklearn.linear_model.Logistic",
    "sklearn.linear_model.MultiTask",
    "sklearn.linear_model.Ridge",
    "sklearn.manifold.LocallyLinearEmbedding",
    "sklearn.manifold.SpectralEmbedding",
    "sklearn.metrics.silhouette_score",
    "sklearn.model_selection.KFold",
    "sklearn.model_selection.StratifiedGroupKFold",
    "sklearn.model_selection.StratifiedKFold",
    "sklearn.model_selection.learning_curve",
    "sklearn.model_selection.validation_curve",
    "sklearn.multioutput.",
    "sklearn.preprocessing.",
    "sklearn.svm.NuSVC",
    "sklearn.svm.SVC",
    "sklearn.tree.DecisionTree",
    "torch.utils.data.DataLoader",
    "uuid.",
];

/// Seeding Keras' backend is meant to seed Keras.
const KERAS: &str = "keras.";

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let Outcome::Drawn(drawn) = outcome(context.linked.traces()) else { return Vec::new() };
    // One finding shows what is missing.
    vec![finding(context, rule, &drawn)]
}

/// What the cells so far say of the first draw.
enum Outcome<'t> {
    /// None was drawn yet.
    Open,
    /// Something seeds what nobody can see, so that nothing can be said of any draw behind it.
    Hidden,
    Drawn(Drawn<'t>),
}

/// A draw from a generator that nobody seeded; without the name of a global one from one of its own.
struct Drawn<'t> {
    trace: &'t CellTrace,
    call: &'t LibraryCall,
    generator: Option<&'t str>,
}

/// Whether no cell behind these can change what the rule finds.
pub(super) fn is_settled(traces: &[Arc<CellTrace>]) -> bool {
    let counts = |call: &LibraryCall| MAKERS.contains(&&*call.path) || seeds_by_its_name(&call.path);
    let is_settling = |trace: &Arc<CellTrace>| !trace.draws.is_empty() || trace.calls.iter().any(counts);
    traces.last().is_some_and(is_settling) && !matches!(outcome(traces), Outcome::Open)
}

fn outcome(traces: &[Arc<CellTrace>]) -> Outcome<'_> {
    let mut seeded: BTreeSet<&str> = BTreeSet::new();
    for trace in traces {
        // `seed_everything(1)` of a module that nobody can see: what it seeds is not known, so nothing is said.
        if let Some(hidden) = trace.calls.iter().find(|call| seeds_by_its_name(&call.path)) {
            return first_draw(trace, &seeded, hidden.range.start().to_u32()).map_or(Outcome::Hidden, Outcome::Drawn);
        }
        let writes = || trace.effects.iter().filter(|effect| effect.kind == EffectKind::RandomWrite);
        let end = writes().map(|effect| effect.start).min();
        let mut drawn = first_draw(trace, &seeded, end.unwrap_or(u32::MAX));
        seeded.extend(writes().map(|effect| effect.detail.as_str()));
        if end.is_some() && drawn.is_none() {
            drawn = first_draw(trace, &seeded, u32::MAX);
        }
        if let Some(drawn) = drawn {
            return Outcome::Drawn(drawn);
        }
    }
    Outcome::Open
}

/// The first draw of a cell, before `end`, from a generator that nobody seeded.
fn first_draw<'t>(trace: &'t CellTrace, seeded: &BTreeSet<&str>, end: u32) -> Option<Drawn<'t>> {
    let draws = trace.draws.iter().filter(|draw| {
        let keras = seeded.contains("tensorflow") && path_of_keras(&draw.call.path).is_some();
        !seeded.contains(&*draw.generator) && !keras && is_harmful(&draw.call.path)
    });
    let global = draws.map(|draw| (&draw.call, Some(&*draw.generator)));
    let own = trace.calls.iter().filter(|call| call.bare && MAKERS.contains(&&*call.path)).map(|call| (call, None));
    let sure = |call: &LibraryCall| !call.conditional && call.certainty == Certainty::Proved && call.range.start().to_u32() < end;
    let (call, generator) = global.chain(own).filter(|(call, _)| sure(call)).min_by_key(|(call, _)| call.range.start())?;
    Some(Drawn { trace, call, generator })
}

fn finding(context: &Context<'_>, rule: &Rule, drawn: &Drawn<'_>) -> Finding {
    let Drawn { trace, call, generator } = *drawn;
    // Where the numbers are drawn in another cell's function, the call of that function stands here.
    let (start, end) = (call.range.start().to_u32(), call.range.end().to_u32());
    let inside = context.cell(trace.cell).is_some_and(|cell| end as usize <= cell.source.len());
    let (start, end) = if inside { (start, end) } else { (0, 0) };
    match generator {
        Some(generator) => rule.finding(
            format!("`{}` draws random numbers before {} is seeded: every run gives other results", short(&call.path), words(generator)),
            Some(format!("seed it in the first cell, for example `{}`, or pass `random_state` or a seeded generator", seed(generator))),
            trace.cell,
            start,
            end,
        ),
        None => rule.finding(
            "this generator has no seed: every run gives other results".to_owned(),
            Some(format!("give it a number, for example `{}(0)`", short(&call.path))),
            trace.cell,
            start,
            end,
        ),
    }
}

/// Generators that take their seed from the operating system when they get none.
pub(super) const MAKERS: &[&str] = &["numpy.random.default_rng", "numpy.random.RandomState", "random.Random"];

/// Whether what has this path seeds generators, as far as its name says.
pub(super) fn seeds_by_its_name(path: &str) -> bool {
    // Asked of every call of a notebook: one look at each letter.
    let name = short(path).as_bytes();
    name.iter().enumerate().any(|(at, letter)| {
        let word: &[u8] = match letter.to_ascii_lowercase() {
            b's' => b"seed",
            b'r' => b"reproducib",
            b'd' => b"determinis",
            _ => return false,
        };
        name.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word))
    })
}

/// Whether a draw of what has this path changes results.
pub(super) fn is_harmful(path: &str) -> bool {
    let path = path_of_keras(path).unwrap_or(path);
    !HARMLESS.iter().any(|harmless| path.starts_with(harmless))
}

/// `keras.layers.Dense` of `tensorflow.keras.layers.Dense`.
fn path_of_keras(path: &str) -> Option<&str> {
    let path = path.strip_prefix("tensorflow.").unwrap_or(path);
    path.starts_with(KERAS).then_some(path)
}

/// The last part of a dotted path.
pub(super) fn short(path: &str) -> &str {
    memchr::memrchr(b'.', path.as_bytes()).map_or(path, |dot| &path[dot + 1..])
}

fn words(name: &str) -> String {
    if name == "random" { "the module `random`".to_owned() } else { format!("`{name}`") }
}

fn seed(name: &str) -> &'static str {
    match name {
        "random" => "random.seed(0)",
        "torch" => "torch.manual_seed(0)",
        "tensorflow" => "tf.random.set_seed(0)",
        "polars" => "pl.set_random_seed(0)",
        _ => "np.random.seed(0)",
    }
}

#[cfg(test)]
mod tests {
    use super::seeds_by_its_name;

    #[test]
    fn names_that_seed_are_told_in_any_case() {
        for path in ["seed", "a.b.seed_everything", "SetSeed", "x.make_REPRODUCIBLE", "use_deterministic_algorithms", "sseed", "déSEED"] {
            assert!(seeds_by_its_name(path), "{path}");
        }
        for path in ["", "see", "seeds.plant", "s.e.e.d", "reproduce", "determine", "sé", "."] {
            assert!(!seeds_by_its_name(path), "{path}");
        }
    }
}
