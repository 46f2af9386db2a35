//! Policies: ways to choose where the cell runs that a user has just started.
//!
//! All of them see the same [`Situation`], so that they can be compared in one run.

use std::collections::BTreeSet;

use super::Lognormal;
use super::blocks::micros;
use super::lognormal::normal_quantile;
use super::place::{Place, Preferences};
use super::sizes::{crossing, rate, transfer};
use super::two::{Problem, Run, Step, Value, Way};

/// A way to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Everything stays here.
    Never,
    /// Everything that may goes there.
    Always,
    /// Each cell alone: there and back.
    Cell,
    /// The block that is likely to follow: there at its beginning, back at its end (Cunha et al. 2021).
    Block,
    /// By a parameter such as the number of epochs, with a threshold learned from earlier runs (Cunha et al. 2021).
    Knowledge,
    /// By measured times alone (Cunha et al. 2021).
    Performance,
    /// The minimum cut over what is likely to follow, state staying where it is useful, with a ledger against losses.
    Optimal,
    /// The minimum cut over what will follow, with the times that it will take. Only a simulation knows these.
    Oracle,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Never, Self::Always, Self::Cell, Self::Block, Self::Knowledge, Self::Performance, Self::Optimal, Self::Oracle];

    /// The word used in configuration and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Always => "always",
            Self::Cell => "cell",
            Self::Block => "block",
            Self::Knowledge => "knowledge",
            Self::Performance => "performance",
            Self::Optimal => "optimal",
            Self::Oracle => "oracle",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }

    /// When results come home that nobody has asked for yet.
    pub const fn comes_home(self) -> ComesHome {
        match self {
            Self::Never | Self::Always | Self::Cell | Self::Knowledge | Self::Performance => ComesHome::AtOnce,
            Self::Block => ComesHome::AfterTheBlock,
            Self::Optimal | Self::Oracle => ComesHome::WhenNeeded,
        }
    }
}

/// When results come home that nobody has asked for yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComesHome {
    /// With the end of each cell.
    AtOnce,
    /// When a cell runs here again.
    AfterTheBlock,
    /// When a cell that runs here reads them, or the session ends.
    WhenNeeded,
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Past {
    /// Seconds here, measured, or measured there and multiplied.
    pub time: Lognormal,
    /// Indices of the values it read.
    pub reads: Vec<usize>,
    /// Whether its code may run again, and the runner can do that.
    pub twice: bool,
    /// Seconds that running it again there takes besides its own, such as those of a worker for it.
    pub extra: f64,
    /// Whether it ran there.
    pub there: bool,
}

/// A run that is to come.
#[derive(Clone, Debug)]
pub struct Upcoming {
    /// The probability that it comes.
    pub probability: f64,
    /// Seconds here; nothing where that is not known.
    pub time: Option<Lognormal>,
    /// Whether the time was measured, not estimated.
    pub measured: bool,
    /// A parameter on which its time depends, such as a number of epochs.
    pub parameter: Option<f64>,
    /// Earlier runs of it: the parameter, and seconds here.
    pub runs: Vec<(f64, f64)>,
    /// Whether it must run here.
    pub stays: bool,
    /// Whether it may run in both places.
    pub twice: bool,
    /// Indices of the values it reads.
    pub reads: Vec<usize>,
    /// Indices of the values it makes.
    pub makes: Vec<usize>,
}

/// A version of a variable.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its size.
    pub bytes: Lognormal,
    /// Whether it is here; what was overwritten is nowhere.
    pub here: bool,
    /// Whether it is there.
    pub there: bool,
    /// Index of the past run that made it.
    pub maker: Option<usize>,
    /// Whether its name still means it after everything that is to come.
    pub lasts: bool,
}

/// What the session has taken so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ledger {
    /// Seconds that it would have taken here.
    pub here: f64,
    /// Seconds that it took.
    pub spent: f64,
}

/// What is known when a cell is started.
#[derive(Clone, Debug)]
pub struct Situation<'s> {
    /// The place that may be used.
    pub place: &'s Place,
    /// What the user prefers.
    pub preferences: &'s Preferences,
    /// Runs that are over.
    pub past: Vec<Past>,
    /// The run that is to start now, then those that are likely to follow, in order.
    pub ahead: Vec<Upcoming>,
    /// All values.
    pub values: Vec<Held>,
    /// Whether the last run was there.
    pub there: bool,
    /// What the session has taken so far.
    pub ledger: Ledger,
    /// When results come home for [`Policy::Optimal`].
    pub home: ComesHome,
    /// Whether a worker is up at the place.
    pub warm: bool,
}

/// What a policy chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Whether the cell runs there.
    pub there: bool,
    /// Indices of past runs whose code runs there again first, in order.
    pub again: Vec<usize>,
    /// Indices of the values that are made there by that and need not be sent.
    pub spared: Vec<usize>,
    /// How many of the runs after it are best there, too, without one here in between.
    pub along: usize,
    /// For each run ahead, the first included, whether it is best there; empty when the cell stays.
    pub path: Vec<bool>,
}

/// How far a session may fall behind staying here: 3%, well within the 5% that are promised.
const BEHIND: f64 = 0.97;

/// The probability with which that must hold.
const SURELY: f64 = 0.8;

/// The probability with which a move must gain by itself when the session is further behind.
const CERTAINLY: f64 = 0.95;

/// The probability with which a predicted block must follow for `block`.
const LIKELY: f64 = 0.5;

/// What remains likely of a value being asked for at home after the prediction ends.
const FETCHED_LATER: f64 = 0.5;

impl Policy {
    /// Where the run that is to start now should be.
    pub fn choose(self, situation: &Situation<'_>) -> Choice {
        let Some(now) = situation.ahead.first().filter(|now| !now.stays) else { return Choice::default() };
        let there = match self {
            Self::Never => false,
            Self::Always => true,
            Self::Cell => situation.pays(1, now.time),
            Self::Performance => now.measured && situation.pays(1, now.time),
            Self::Knowledge => situation.pays(1, learned(now).map(Lognormal::exactly)),
            Self::Block => {
                let likely = situation.ahead.iter().take_while(|next| next.probability >= LIKELY && !next.stays).count().max(1);
                let time = situation.ahead[..likely].iter().map(|next| next.time).collect::<Option<Vec<_>>>();
                situation.there && situation.pays_to_stay(likely) || situation.pays(likely, time.map(Lognormal::sum))
            }
            Self::Optimal => {
                let later = if situation.home == ComesHome::AtOnce { 1.0 } else { FETCHED_LATER };
                return situation.cut(later).filter(|choice| situation.is_covered(choice)).unwrap_or_default();
            }
            Self::Oracle => return situation.cut(1.0).unwrap_or_default(),
        };
        Choice { there, ..Choice::default() }
    }
}

/// The time of a run by its parameter: a straight line through earlier runs (least squares); nothing before there are two different ones.
fn learned(now: &Upcoming) -> Option<f64> {
    let parameter = now.parameter?;
    let count = now.runs.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| now.runs.iter().map(of).sum::<f64>() / count.max(1.0);
    let (x, y) = (mean(&|run| run.0), mean(&|run| run.1));
    let spread = now.runs.iter().map(|run| (run.0 - x).powi(2)).sum::<f64>();
    if spread <= 0.0 {
        return None;
    }
    let slope = now.runs.iter().map(|run| (run.0 - x) * (run.1 - y)).sum::<f64>() / spread;
    Some((y + slope * (parameter - x)).max(0.0))
}

impl Situation<'_> {
    fn speed(&self) -> f64 {
        self.place.speed(super::Work::Cpu)
    }

    fn start(&self) -> f64 {
        if self.warm { 0.0 } else { self.place.start() }
    }

    /// Seconds that running something again there takes.
    fn again(&self, run: &Past) -> f64 {
        run.time.median / self.speed() + run.extra
    }

    fn send(&self, bytes: Lognormal) -> Lognormal {
        let time = transfer(bytes, rate(self.place.up));
        Lognormal::sum([time, Lognormal::exactly(self.place.latency)])
    }

    fn fetch(&self, bytes: Lognormal) -> Lognormal {
        let time = transfer(bytes, rate(self.place.down));
        Lognormal::sum([time, Lognormal::exactly(self.place.latency)])
    }

    /// Whether the first runs, taken together, are faster there, with everything they need sent and everything they make returned.
    fn pays(&self, count: usize, time: Option<Lognormal>) -> bool {
        let Some(time) = time else { return false };
        let runs = &self.ahead[..count.min(self.ahead.len())];
        let made: Vec<usize> = runs.iter().flat_map(|run| run.makes.iter().copied()).collect();
        let mut needed: Vec<usize> = runs.iter().flat_map(|run| run.reads.iter().copied()).collect();
        needed.sort_unstable();
        needed.dedup();
        let needed = needed.into_iter().filter(|value| !made.contains(value) && !self.values[*value].there);
        let send = needed.map(|value| self.send(self.values[value].bytes).median).sum::<f64>();
        let last = made.iter().filter(|&&value| count == 1 || self.values[value].lasts);
        let fetch = last.map(|&value| self.fetch(self.values[value].bytes).median).sum::<f64>();
        let start = if self.there { 0.0 } else { self.start() + crossing(self.place) };
        time.median > time.median / self.speed() + send + fetch + start
    }

    /// Whether going home now would be the slower way for the rest of the block.
    fn pays_to_stay(&self, count: usize) -> bool {
        let time: f64 = self.ahead[..count].iter().filter_map(|run| run.time).map(|time| time.median).sum();
        let reads = self.ahead[0].reads.iter().filter(|value| !self.values[**value].here && self.values[**value].there);
        let fetch: f64 = reads.map(|&value| self.fetch(self.values[value].bytes).median).sum();
        let sends = self.ahead[0].reads.iter().filter(|value| !self.values[**value].there && self.values[**value].here);
        let send: f64 = sends.map(|&value| self.send(self.values[value].bytes).median).sum();
        time / self.speed() + send < time + fetch
    }

    /// The minimum cut over what is to come; nothing when the cell stays.
    fn cut(&self, later: f64) -> Option<Choice> {
        let found = self.problem(later).solve()?;
        let now = self.past.len();
        if found.here[now] {
            return None;
        }
        let path: Vec<bool> = (now..now + self.ahead.len()).map(|step| found.there[step] && !found.here[step]).collect();
        let along = path.iter().skip(1).take_while(|there| **there).count();
        let reads: BTreeSet<usize> = self.sure(along).iter().flat_map(|run| run.reads.iter().copied()).collect();
        let is_spared = |value: &usize| found.ways[*value] == Some(Way::Rerun) && self.values[*value].maker.is_some();
        let spared: Vec<usize> = reads.into_iter().filter(is_spared).collect();
        let mut again = Vec::new();
        self.collect(&spared, &found.ways, &mut again);
        again.sort_unstable();
        again.dedup();
        Some(Choice { there: true, again, spared, along, path })
    }

    /// The run that is to start now, and those of the ones along that follow for sure.
    fn sure(&self, along: usize) -> &[Upcoming] {
        let sure = self.ahead.iter().take(along + 1).take_while(|run| run.probability >= 1.0).count().max(1);
        &self.ahead[..sure]
    }

    /// Past runs that make these values again there, and what those need in turn.
    fn collect(&self, reads: &[usize], ways: &[Option<Way>], again: &mut Vec<usize>) {
        for &value in reads.iter().filter(|&&value| ways[value] == Some(Way::Rerun)) {
            if let Some(maker) = self.values[value].maker.filter(|maker| !again.contains(maker)) {
                again.push(maker);
                self.collect(&self.past[maker].reads, ways, again);
            }
        }
    }

    /// The question for the minimum cut: costs by the risk that the user takes, and by how likely they arise.
    pub fn problem(&self, later: f64) -> Problem {
        let risk = self.preferences.risk.clamp(0.01, 0.99);
        let careful = normal_quantile(risk);
        let (paid, saved) = (|time: Lognormal| time.at(careful), |time: Lognormal| time.at(-careful));
        let mut problem = Problem { from_there: self.there, ..Problem::default() };
        let mut likely = vec![0.0_f64; self.values.len()];
        for run in &self.past {
            // What running it again needs is sent for sure when it is.
            if run.twice {
                run.reads.iter().for_each(|&value| likely[value] = 1.0);
            }
            // Going home to run something again that is there is never asked for.
            let there = if run.twice && !run.there { Run::Takes(micros(self.again(run))) } else { Run::Never };
            let (here, there) = if run.there { (Run::Never, Run::Done) } else { (Run::Done, there) };
            problem.steps.push(Step {
                here,
                there,
                reads: run.reads.clone(),
                twice: true,
                ahead: false,
                crossing: 0,
                start_up: micros(self.start()),
            });
        }
        for run in &self.ahead {
            let cost = |time: f64| micros(time * run.probability);
            let there = run.time.filter(|_| !run.stays).map_or(Run::Never, |time| Run::Takes(cost(saved(time) / self.speed())));
            let here = Run::Takes(run.time.map_or(0, |time| cost(saved(time))));
            let crossing = cost(crossing(self.place));
            problem.steps.push(Step {
                here,
                there,
                reads: run.reads.clone(),
                twice: run.twice,
                ahead: true,
                crossing,
                start_up: cost(self.start()),
            });
            run.reads.iter().for_each(|&value| likely[value] = likely[value].max(run.probability));
        }
        for (index, value) in self.values.iter().enumerate() {
            let made = self.ahead.iter().position(|run| run.makes.contains(&index));
            let sendable = value.here || value.there || made.is_some();
            let fetch = paid(self.fetch(value.bytes));
            let asked = likely[index].max(if value.lasts { later } else { 0.01 });
            let owed = if value.lasts { micros(fetch * later) } else { 0 };
            problem.values.push(Value {
                maker: made.map(|made| self.past.len() + made).or(value.maker),
                here: value.here,
                there: value.there,
                send: sendable.then(|| micros(paid(self.send(value.bytes)) * likely[index].max(0.01))),
                fetch: sendable.then(|| micros(fetch * asked)),
                owed,
            });
        }
        problem
    }

    /// Whether the session does not fall behind staying here by more than a little, even when this cell turns out to be short.
    fn is_covered(&self, choice: &Choice) -> bool {
        // What is known to follow there counts as much as the run itself.
        let runs = self.sure(choice.along);
        let Some(times) = runs.iter().map(|run| run.time).collect::<Option<Vec<_>>>() else { return false };
        let time = Lognormal::sum(times);
        let made_along = |value: usize| runs.iter().any(|run| run.makes.contains(&value));
        let again: f64 = choice.again.iter().map(|&run| self.again(&self.past[run])).sum();
        let own: BTreeSet<usize> = runs.iter().flat_map(|run| run.reads.iter().copied()).collect();
        let reads = own.iter().filter(|value| !made_along(**value)).chain(choice.again.iter().flat_map(|&run| &self.past[run].reads));
        let made_again = |value: usize| self.values[value].maker.is_some_and(|maker| choice.again.contains(&maker));
        let sent = reads.filter(|&&value| !self.values[value].there && !made_again(value));
        // What will have to come home in the end.
        let owed = self.values.iter().enumerate().filter(|(index, value)| {
            // Of what is made on the way, only what is still there in the end.
            (made_along(*index) && (value.lasts || runs.len() == 1)) || (value.there && !value.here)
        });
        let start = if self.there { 0.0 } else { self.start() + crossing(self.place) };
        let parts = sent.map(|&value| self.send(self.values[value].bytes)).chain(owed.map(|(_, value)| self.fetch(value.bytes)));
        let toll = Lognormal::sum(parts.chain([Lognormal::exactly(start + again)]));
        let ahead = self.ledger.here - self.ledger.spent * BEHIND;
        let behind = Lognormal { median: (toll.median * BEHIND - ahead).max(0.0), ..toll };
        let stays_near = time.times(1.0 - BEHIND / self.speed()).exceeds(behind) >= SURELY;
        // Whatever was lost before, a run of known length that surely gains wins some of it back.
        let wins = runs.iter().all(|run| run.measured) && time.times(1.0 - 1.0 / self.speed()).exceeds(toll) >= CERTAINLY;
        stays_near || wins
    }
}
