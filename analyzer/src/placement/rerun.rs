//! For the inputs of one block: sending each, or running again there the code that made it.

use super::blocks::micros;
use super::sizes::{rate, transfer};
use super::two::{Problem, Run, Step, Value, Way};
use super::versions::{Versions, may_rerun};
use super::{Lognormal, Place, Work};

/// What is cheaper to make there than to send.
#[derive(Debug, Default)]
pub(super) struct Reruns {
    /// Numbers of the cells that run there as well, in order.
    pub(super) cells: Vec<u32>,
    /// Seconds that they take there.
    pub(super) seconds: Vec<Lognormal>,
    /// Inputs that need not be sent.
    pub(super) spared: Vec<String>,
    /// Values that must be sent for them, with their bytes.
    pub(super) sent: Vec<(String, Lognormal)>,
}

/// The cheapest way for each of these inputs, exactly; `before` are the cells before the block.
pub(super) fn reruns(before: &Versions<'_>, inputs: &[(String, Lognormal)], place: &Place) -> Reruns {
    let time = |index: usize| {
        let cell = before.cells[index];
        let time = Lognormal::of(&cell.cost).filter(|_| may_rerun(cell))?;
        // Where its work is done is not known here; processors are there for sure.
        Some(time.times(1.0 / place.speed(Work::Cpu)))
    };
    let latest = |name: &str| before.current.iter().copied().find(|&version| before.all[version].name == name);
    let wanted: Vec<usize> = inputs.iter().filter_map(|(name, _)| latest(name)).collect();
    let bytes = |version: usize| {
        let known = inputs.iter().find(|(name, _)| *name == before.all[version].name && wanted.contains(&version));
        let bytes = known.map_or(before.all[version].size.bytes, |(_, bytes)| *bytes);
        let held = place.holds.get(&before.all[version].name).copied().unwrap_or(0) as f64;
        Lognormal { median: (bytes.median - held).max(0.0), ..bytes }
    };
    let mut steps: Vec<Step> = (0..before.cells.len())
        .map(|index| Step {
            here: Run::Done,
            there: time(index).map_or(Run::Never, |time| Run::Takes(micros(time.median).max(1))),
            reads: before.reads[index].clone(),
            twice: true,
            ahead: false,
            crossing: 0,
            start_up: 0,
        })
        .collect();
    steps.push(Step { here: Run::Never, there: Run::Takes(0), reads: wanted.clone(), twice: false, ahead: true, crossing: 0, start_up: 0 });
    let values = (0..before.all.len()).map(|version| {
        // What was overwritten is gone: it can only be made again.
        let here = before.current.contains(&version);
        let send = here.then(|| micros(transfer(bytes(version), rate(place.up)).median));
        Value { maker: before.all[version].maker, here, there: false, send, fetch: None, owed: 0 }
    });
    let problem = Problem { values: values.collect(), steps, ..Problem::default() };
    let Some(found) = problem.solve() else { return Reruns::default() };
    let run: Vec<usize> = (0..before.cells.len()).filter(|&index| found.there[index]).collect();
    let sent = |version: &usize| found.ways[*version] == Some(Way::Sent) && !wanted.contains(version);
    Reruns {
        cells: run.iter().map(|&index| before.cells[index].cell).collect(),
        seconds: run.iter().filter_map(|&index| time(index)).collect(),
        spared: wanted
            .iter()
            .filter(|&&version| found.ways[version] == Some(Way::Rerun))
            .map(|&version| before.all[version].name.clone())
            .collect(),
        sent: (0..before.all.len()).filter(sent).map(|version| (before.all[version].name.clone(), bytes(version))).collect(),
    }
}
