//! Random numbers from a generator that nobody seeded.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use std::collections::BTreeSet;

use crate::report::{Certainty, Effect, EffectKind};

pub(super) const RULE: Rule = Rule {
    code: "NBH501",
    name: "unseeded-randomness",
    severity: Severity::Warning,
    opt_in: false,
    summary: "Random numbers are drawn from a global generator that is never seeded.",
    explanation: include_str!("unseeded_randomness.md"),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut findings = Vec::new();
    for trace in context.linked.traces() {
        let mut draws: Vec<_> = trace.effects.iter().filter(|effect| is_random(effect)).collect();
        draws.sort_by_key(|effect| (effect.start, effect.kind == EffectKind::RandomRead));
        for effect in draws {
            if !done.insert(effect.detail.as_str()) || effect.kind == EffectKind::RandomWrite || effect.certainty == Certainty::Assumed {
                continue;
            }
            findings.push(rule.finding(
                format!("random numbers of {} are drawn before it is seeded: every run gives other results", generator(&effect.detail)),
                Some(format!(
                    "seed it in the first cell, for example `{}`, or pass `random_state` or a seeded generator",
                    seed(&effect.detail)
                )),
                trace.cell,
                effect.start,
                effect.end,
            ));
        }
    }
    findings.extend(unseeded_generators(context, rule));
    findings
}

fn is_random(effect: &Effect) -> bool {
    matches!(effect.kind, EffectKind::RandomRead | EffectKind::RandomWrite)
}

/// `numpy.random.default_rng()` takes its seed from the operating system.
fn unseeded_generators<'c>(context: &'c Context<'_>, rule: &'c Rule) -> impl Iterator<Item = Finding> + 'c {
    const MAKERS: &[&str] = &["numpy.random.default_rng", "numpy.random.RandomState", "random.Random"];
    let calls = context.linked.traces().iter().flat_map(|trace| trace.calls.iter().map(move |call| (trace.cell, call)));
    calls.filter(|(_, call)| call.bare && call.certainty == Certainty::Proved && MAKERS.contains(&&*call.path)).map(|(cell, call)| {
        rule.finding(
            "this generator has no seed: every run gives other results".to_owned(),
            Some("give it a number, for example `default_rng(0)`".to_owned()),
            cell,
            call.range.start().to_u32(),
            call.range.end().to_u32(),
        )
    })
}

fn generator(name: &str) -> String {
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
