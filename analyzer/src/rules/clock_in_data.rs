//! The time of day or a random id in a result.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::report::Certainty;

pub(super) const RULE: Rule = Rule {
    code: "NBH504",
    name: "clock-in-data",
    severity: Severity::Info,
    opt_in: true,
    summary: "A result depends on the time of day or on a random id.",
    explanation: include_str!("clock_in_data.md"),
    check,
};

/// Clocks that only measure how long something takes are left out: `time.time()`, `perf_counter()`.
const CALLS: &[&str] = &[
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "pandas.Timestamp.now",
    "pandas.Timestamp.today",
    "uuid.uuid1",
    "uuid.uuid4",
];

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let calls = context.linked.traces().iter().flat_map(|trace| trace.calls.iter().map(move |call| (trace.cell, call)));
    calls
        .filter(|(_, call)| call.certainty == Certainty::Proved && CALLS.contains(&&*call.path))
        .map(|(cell, call)| {
            rule.finding(
                format!("`{}` gives another value in every run", call.path),
                Some("make it a parameter of the notebook".to_owned()),
                cell,
                call.range.start().to_u32(),
                call.range.end().to_u32(),
            )
        })
        .collect()
}
