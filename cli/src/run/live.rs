//! `run --on auto`: where the next cell runs is decided when it is its turn, by what the run has shown until then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nbhoist_analyzer::notebook::Cell;
use nbhoist_analyzer::placement::live::{self, Future, Ran};
use nbhoist_analyzer::placement::policy::ComesHome;
use nbhoist_analyzer::placement::{Place, Work};
use nbhoist_analyzer::report::Plan;
use nbhoist_analyzer::{After, Analysis};
use nbhoist_executor::executors::Executor;
use nbhoist_executor::migrate::{Again, Stay};
use nbhoist_settings::Settings;

use super::session::{self, Move, Outcome};
use crate::error::Failure;
use crate::executors;

/// How many cells are looked through for one that will move.
const AHEAD: usize = 64;

/// What the decisions are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Auto<'a> {
    pub(crate) analysis: &'a Analysis,
    pub(crate) settings: &'a Settings,
    pub(crate) places: &'a [Place],
}

/// The decisions of one run.
pub(crate) struct Live<'a> {
    auto: Auto<'a>,
    session: live::Session,
    /// How many runs of the outcome are in the log, how many of its moves, and of what came home.
    heard: (usize, usize, usize),
}

impl<'a> Live<'a> {
    pub(crate) fn new(auto: Auto<'a>) -> Self {
        Self { auto, session: live::Session::with_reruns(), heard: (0, 0, 0) }
    }

    /// The block that begins with the next of the cells of the run; nothing when the cell stays. `warm` are the places whose worker is up.
    pub(crate) fn next(
        &mut self,
        cells: &[&Cell],
        next: usize,
        outcome: &Outcome,
        warm: &BTreeSet<String>,
    ) -> Result<Option<Move>, Failure> {
        self.learn(outcome);
        let (ran, rest) = cells.split_at(next);
        let Some(first) = rest.first() else { return Ok(None) };
        let analysis = self.auto.analysis;
        let ahead: Vec<u32> = rest.iter().skip(1).map(|cell| cell.number).collect();
        let verdict = self.session.decide(analysis, first.number, Future::Known(&ahead), ComesHome::WhenNeeded, warm);
        let Some(place) = verdict.place else { return Ok(None) };
        let block: Vec<u32> = std::iter::once(first.number).chain(verdict.along).collect();
        let plan = analysis.plan(&block, After::FollowingCells);
        if plan.refusal.is_some() {
            return Ok(None);
        }
        let executor = executors::named(&place, self.auto.settings)?;
        let stay = self.stay(&plan, verdict.remain);
        let again = verdict.again.and_then(|again| self.again(again, &plan, ran));
        Ok(Some(Move { plan, executor, because: verdict.because, everything: false, force: false, stay, again }))
    }

    /// What of a block's inputs is made again there, and what that needs.
    fn again(&self, again: live::Again, plan: &Plan, ran: &[&Cell]) -> Option<Again> {
        let making = self.auto.analysis.plan(&again.cells, After::FollowingCells);
        if making.refusal.is_some() {
            return None;
        }
        let names: Vec<String> = again.names.into_iter().filter(|name| plan.inputs.iter().any(|input| input.name == *name)).collect();
        let cell = |number: &u32| ran.iter().copied().find(|cell| cell.number == *number);
        let cells: Vec<&Cell> = again.cells.iter().map(cell).collect::<Option<_>>()?;
        let expected = Duration::try_from_secs_f64(again.seconds).ok()?;
        (!names.is_empty()).then(|| Again { names, block: Box::new(session::migration(&making, &cells)), expected })
    }

    /// What of a block's returns need not come home, as the following cells use it only there.
    fn stay(&self, plan: &Plan, remain: Vec<String>) -> Option<Stay> {
        let names: Vec<String> = remain.into_iter().filter(|name| plan.returns.iter().any(|entry| entry.name == *name)).collect();
        // What a cell fetches is told at the end, and not in its output.
        Stay::new(names, |name| live::makers(self.auto.analysis, &plan.cells, name), false)
    }

    /// Where the first of these cells would go that is worth moving by what is known now: its worker can be started ahead.
    pub(crate) fn likely(&self, rest: &[&Cell]) -> Option<Executor> {
        let places = rest.iter().take(AHEAD).map(|cell| self.auto.analysis.plan(&[cell.number], After::FollowingCells).decision.executor);
        let place = places.into_iter().find(|place| !place.is_empty() && place != nbhoist_analyzer::placement::HERE)?;
        executors::named(&place, self.auto.settings).ok()
    }

    /// Takes what has run since the last decision into the log.
    fn learn(&mut self, outcome: &Outcome) {
        let mut added: BTreeMap<u32, f64> = BTreeMap::new();
        let mut stayed: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for moved in &outcome.moved[self.heard.1..] {
            for &cell in &moved.cells {
                stayed.insert(cell, moved.report.stayed.keys().cloned().collect());
            }
            let first = moved.cells.first().copied().unwrap_or_default();
            added.insert(first, (moved.seconds - moved.report.seconds.run).max(0.0));
        }
        for run in &outcome.cells[self.heard.0..] {
            let speed = self.auto.places.iter().find(|place| place.name == run.executor).map_or(1.0, |place| place.speed(Work::Cpu));
            let is_here = run.executor == crate::run::HERE;
            let analysis = self.auto.analysis;
            self.session.ran(&Ran {
                cell: analysis.cells.get(run.number as usize - 1).map(live::key).unwrap_or_default(),
                place: (!is_here).then(|| run.executor.clone()),
                here: run.seconds * if is_here { 1.0 } else { speed },
                spent: run.seconds + added.get(&run.number).copied().unwrap_or_default(),
                reads: live::reads(analysis, run.number),
                makes: live::makes(analysis, run.number),
                stayed: stayed.remove(&run.number).unwrap_or_default(),
                sizes: sizes(outcome),
                blocks: if is_here { outcome.blocks.clone() } else { BTreeSet::new() },
            });
        }
        // A value that stayed also comes home when a result of another block has something in common with it.
        let returned = outcome.moved[self.heard.1..].iter().flat_map(|moved| moved.report.returns.keys().cloned());
        let came = outcome.came[self.heard.2..].iter().map(|one| one.name.clone());
        self.session.came_home(&returned.chain(came).collect::<Vec<_>>());
        self.heard = (outcome.cells.len(), outcome.moved.len(), outcome.came.len());
    }
}

/// What names weighed last in this run, bytes.
fn sizes(outcome: &Outcome) -> BTreeMap<String, u64> {
    let mut sizes = outcome.sizes.clone();
    for moved in &outcome.moved {
        sizes.extend(moved.report.sizes());
    }
    sizes
}
