//! The estimate of a cell that has run before, itself or in an older version.

use super::{Run, Signature};
use crate::report::{Because, CellReport, Cost, CostBasis};
use crate::words::{bytes, seconds};

/// How many of the last runs count.
const KEPT: usize = 5;

/// Below this likeness an edited cell is another cell.
const ALIKE: f64 = 0.3;

/// Sizes of inputs within this factor are the same.
const SAME_SIZE: f64 = 1.25;

/// Two sizes have to lie so far apart to say how time grows with size.
const GROWTH: f64 = 1.5;

/// Half width of the 80% interval after one run, as a factor: a part of the time, and what any run takes for nothing (seconds).
/// From running the notebooks of the corpus twice, see `docs/cost.md`.
const SPREAD: (f64, f64) = (1.3, 0.02);

/// How much wider the interval gets when time is carried over to another size of the inputs or another version of the cell.
const CARRIED: f64 = 1.5;

/// The estimate in logarithms of seconds, with its half width.
#[derive(Clone, Copy, Debug)]
struct Guess {
    log: f64,
    width: f64,
}

/// What a cell costs by the runs that are about it, oldest first; `None` when they say nothing. `report` holds what is supposed without them, `cold` what
/// the source says of its work (`Analysis::cold`).
pub(crate) fn estimate(
    runs: &[&Run],
    speed: f64,
    signature: &Signature,
    input_bytes: Option<u64>,
    report: &CellReport,
    cold: Option<f64>,
    heavy_seconds: f64,
) -> Option<Cost> {
    let same: Vec<&Run> = runs.iter().filter(|run| run.signature.content == signature.content).copied().collect();
    let (guess, reason) = if let Some(last) = same.last() {
        let (guess, grown) = repeated(&same, speed, input_bytes);
        (guess, format!("took {} when it last ran{grown}", seconds(last.seconds)))
    } else {
        // The last version that is still alike; a run of another cell is not evidence.
        let last = runs.iter().rev().find(|run| run.cell.is_some())?;
        edited(last, speed, signature, &report.cost, cold)?
    };
    // What a logarithm adds behind the microseconds is not worth telling.
    let seconds_of = |log: f64| (log.exp() * 1e6).round() / 1e6;
    let (low, middle, high) = (seconds_of(guess.log - guess.width), seconds_of(guess.log), seconds_of(guess.log + guess.width));
    Some(Cost {
        seconds: Some(middle),
        low: Some(low),
        high: Some(high),
        basis: CostBasis::History,
        heavy: middle > heavy_seconds,
        because: vec![Because { text: reason, cell: report.cell, start: 0, end: 0 }],
    })
}

/// The cell has run as it is.
fn repeated(same: &[&Run], speed: f64, input_bytes: Option<u64>) -> (Guess, String) {
    let exponent = exponent(same, speed);
    let mut grown = String::new();
    let mut logs: Vec<f64> = Vec::new();
    let mut carried: f64 = 0.0;
    for run in same.iter().rev().take(KEPT) {
        let mut log = here(run, speed).ln();
        if let (Some(now), Some(then)) = (input_bytes, run.input_bytes)
            && let Some(ratio) = changed(now, then)
        {
            log += exponent.unwrap_or(1.0) * ratio.ln();
            // Growth that was seen is trusted, growth that is supposed may as well not be there.
            carried = carried.max(if exponent.is_some() { CARRIED.ln() } else { ratio.ln().abs() });
            if grown.is_empty() {
                grown = format!(", with {} of inputs instead of {}", bytes(then), bytes(now));
            }
        }
        logs.push(log);
    }
    logs.sort_by(f64::total_cmp);
    let middle = logs[logs.len() / 2];
    let seen = logs.last().copied().unwrap_or(middle) - logs[0];
    let width = spread(middle.exp()).max(if logs.len() > 2 { seen / 2.0 } else { seen }) + carried;
    (Guess { log: middle, width }, grown)
}

/// The cell has been edited since: from the history toward the model, by how much of it has changed.
fn edited(last: &Run, speed: f64, signature: &Signature, supposed: &Cost, cold: Option<f64>) -> Option<(Guess, String)> {
    let took = format!("took {} before it was edited", seconds(last.seconds));
    let measured = here(last, speed);
    let expected = supposed.seconds.filter(|seconds| *seconds > 0.0 && supposed.basis == CostBasis::Model);
    // What the edit changes in the model's eyes, it is supposed to change in the run.
    let ratio = cold.filter(|cold| *cold > 0.0).zip(last.cold.filter(|cold| *cold > 0.0)).map_or(1.0, |(now, then)| now / then);
    let carried = Guess { log: (measured * ratio).ln(), width: spread(measured) + CARRIED.ln() + ratio.ln().abs() / 2.0 };
    if last.signature.structure == signature.structure {
        let factor = if (ratio - 1.0).abs() > 0.05 { format!("; {ratio:.2} times the work now") } else { String::new() };
        return Some((carried, took + &factor));
    }
    let likeness = signature.likeness(&last.signature);
    if likeness < ALIKE {
        return None;
    }
    let text = format!("{took}; about {:.0}% of it is as it was", likeness * 100.0);
    let Some(expected) = expected else {
        return Some((Guess { width: carried.width / likeness, ..carried }, text));
    };
    let model = Guess { log: expected.ln(), width: half_width(supposed).unwrap_or(2.0) };
    let mix = |one: f64, two: f64| likeness * one + (1.0 - likeness) * two;
    Some((Guess { log: mix(carried.log, model.log), width: mix(carried.width, model.width) }, text))
}

/// Seconds that a run would take on the machine that estimates are for; never zero, because logarithms are taken.
fn here(run: &Run, speed: f64) -> f64 {
    let factor = if speed > 0.0 && run.speed > 0.0 { run.speed / speed } else { 1.0 };
    (run.seconds * factor).max(1e-4)
}

fn spread(seconds: f64) -> f64 {
    SPREAD.0.ln() + (1.0 + SPREAD.1 / seconds).ln()
}

fn half_width(cost: &Cost) -> Option<f64> {
    let (low, high) = (cost.low?, cost.high?);
    (low > 0.0 && high > low).then(|| (high / low).ln() / 2.0)
}

/// By what factor the size has changed, when it has.
fn changed(now: u64, then: u64) -> Option<f64> {
    let ratio = now.max(1) as f64 / then.max(1) as f64;
    (!(1.0 / SAME_SIZE..=SAME_SIZE).contains(&ratio)).then_some(ratio)
}

/// With which power of the size of its inputs the time of the cell has grown, from the runs whose sizes lie furthest apart.
fn exponent(same: &[&Run], speed: f64) -> Option<f64> {
    let sized = || same.iter().filter_map(|run| Some((run.input_bytes.filter(|bytes| *bytes > 0)? as f64, here(run, speed))));
    let least = sized().min_by(|one, two| one.0.total_cmp(&two.0))?;
    let most = sized().max_by(|one, two| one.0.total_cmp(&two.0))?;
    let growth = most.0 / least.0;
    (growth >= GROWTH).then(|| ((most.1 / least.1).ln() / growth.ln()).clamp(0.0, 3.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::CellKind;

    fn report(cost: Cost) -> CellReport {
        CellReport {
            cell: 3,
            id: None,
            kind: CellKind::Code,
            defines: Vec::new(),
            reads: Vec::new(),
            mutates: Vec::new(),
            deletes: Vec::new(),
            effects: Vec::new(),
            problems: Vec::new(),
            cost,
            sizes: std::collections::BTreeMap::new(),
            memory: crate::report::Memory::default(),
        }
    }

    fn cold(seconds: f64) -> Cost {
        Cost { seconds: Some(seconds), low: Some(seconds / 8.0), high: Some(seconds * 8.0), basis: CostBasis::Model, ..Cost::unknown() }
    }

    fn run(source: &str, seconds: f64) -> Run {
        Run { signature: Signature::of(source), cell: Some("a".to_owned()), seconds, speed: 1.0, cold: None, input_bytes: None }
    }

    fn guess(runs: &[Run], source: &str, size: Option<u64>, cost: Cost) -> Option<Cost> {
        let runs: Vec<&Run> = runs.iter().collect();
        let work = cost.seconds;
        estimate(&runs, 1.0, &Signature::of(source), size, &report(cost), work, 10.0)
    }

    fn near(one: Option<f64>, two: f64) -> bool {
        one.is_some_and(|one| (one / two).ln().abs() < 0.01)
    }

    #[test]
    fn one_run_is_the_next_estimate() {
        let cost = guess(&[run("fit(X)", 130.0)], "fit(X)  # again", None, cold(1.0)).unwrap();
        assert!(near(cost.seconds, 130.0) && cost.heavy && cost.basis == CostBasis::History);
        assert_eq!(cost.because[0].text, "took 2 min 10 s when it last ran");
    }

    #[test]
    fn the_median_of_several_runs_counts() {
        let runs = [3.0, 30.0, 4.0].map(|seconds| run("fit(X)", seconds));
        let cost = guess(&runs, "fit(X)", None, cold(1.0)).unwrap();
        assert!(near(cost.seconds, 4.0) && cost.high.unwrap() > 10.0);
    }

    #[test]
    fn twice_the_epochs_are_twice_the_time() {
        let before = Run { cold: Some(5.0), ..run("fit(X, epochs=10)", 60.0) };
        let cost = guess(&[before], "fit(X, epochs=20)", None, cold(10.0)).unwrap();
        assert!(near(cost.seconds, 120.0), "{cost:?}");
        assert_eq!(cost.because[0].text, "took 60 s before it was edited; 2.00 times the work now");
    }

    #[test]
    fn an_edit_moves_from_the_history_toward_the_model() {
        let lines: Vec<String> = (0..40).map(|line| format!("step_{line}(value_{line})")).collect();
        let before = [Run { cold: Some(1.0), ..run(&lines.join("\n"), 100.0) }];
        let of = |kept: usize| guess(&before, &lines[..kept].join("\n"), None, cold(1.0));
        let (most, half) = (of(36).unwrap().seconds.unwrap(), of(20).unwrap().seconds.unwrap());
        assert!(most > half && half > 1.0 && most < 100.0, "{most} {half}");
        assert_eq!(of(4), None, "another cell");
    }

    #[test]
    fn another_machine_is_counted_in() {
        let there = Run { speed: 4.0, ..run("fit(X)", 10.0) };
        assert!(near(guess(&[there], "fit(X)", None, cold(1.0)).unwrap().seconds, 40.0));
    }

    #[test]
    fn growth_with_the_inputs_is_seen() {
        let of = |seconds, size| Run { input_bytes: Some(size), ..run("sort(X)", seconds) };
        let quadratic = [of(1.0, 1_000), of(4.0, 2_000)];
        let cost = guess(&quadratic, "sort(X)", Some(4_000), cold(1.0)).unwrap();
        assert!(near(cost.seconds, 16.0), "{cost:?}");
        let supposed = guess(&quadratic[..1], "sort(X)", Some(4_000), cold(1.0)).unwrap();
        assert!(near(supposed.seconds, 4.0) && supposed.low.unwrap() < 1.0, "{supposed:?}");
    }

    #[test]
    fn a_run_of_a_like_cell_elsewhere_is_no_evidence() {
        let elsewhere = Run { cell: None, ..run("fit(X, epochs=10)", 60.0) };
        assert_eq!(guess(&[elsewhere], "fit(X, epochs=20)", None, cold(1.0)), None);
    }
}
