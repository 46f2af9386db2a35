//! What a session takes under a policy: time passes, state lies here and there.

use nbhoist_analyzer::placement::policy::{ComesHome, Held, Ledger, Past, Policy, Situation, Upcoming};
use nbhoist_analyzer::placement::predict::{Event, Predictor};
use nbhoist_analyzer::placement::{Lognormal, Place, Preferences, Work};

use super::notebooks::Model;
use super::sessions::Session;
use crate::random::Random;

/// Bytes a second at which state is packed, and unpacked.
const PACKING: f64 = 200e6;

/// Cells that are looked ahead, and the probability below which they are not.
const HORIZON: usize = 16;
const LEAST: f64 = 0.08;

/// How wrong a first estimate of a cell's time and of a value's size is (deviation of the logarithm).
const COLD_TIME: f64 = 0.8;
const COLD_SIZE: f64 = 1.0;

/// What is true of a session and nobody knows beforehand.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Indices of the cells that run.
    pub runs: Vec<usize>,
    /// Seconds of each run, here.
    pub seconds: Vec<f64>,
    /// First estimates of each cell's seconds at parameter 1.
    estimates: Vec<f64>,
    /// First estimates of each variable's bytes.
    sizes: Vec<f64>,
}

impl Truth {
    /// Times with the noise of a machine, and estimates that are wrong.
    pub fn new(model: &Model, session: &Session, random: &mut Random) -> Self {
        let runs = session.runs();
        let time = |(run, &cell): (usize, &usize), random: &mut Random| {
            let cell = &model.cells[cell];
            let scale = if cell.scales { session.parameters[run] } else { 1.0 };
            random.lognormal(cell.seconds * scale, 0.08)
        };
        let seconds = runs.iter().enumerate().map(|run| time(run, random)).collect();
        let estimates = model.cells.iter().map(|cell| random.lognormal(cell.seconds, COLD_TIME)).collect();
        let sizes = model.bytes.iter().map(|&bytes| random.lognormal(bytes, COLD_SIZE)).collect();
        Self { runs, seconds, estimates, sizes }
    }

    /// Seconds when everything runs here.
    pub fn never(&self) -> f64 {
        self.seconds.iter().sum()
    }
}

/// A place `ratio` times as fast behind a link of `rate` bytes a second and a round trip of `latency` seconds.
pub fn place(ratio: f64, rate: f64, latency: f64) -> Place {
    Place {
        speed: [(Work::Cpu, ratio)].into(),
        up: Some(rate),
        down: Some(rate),
        latency,
        start_up: 1.0,
        overhead: 0.1,
        ..Place::new("there")
    }
}

/// What a run took, for those who count more than time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Seconds of work there; 0 for a run here.
    pub there: f64,
    /// All seconds.
    pub seconds: f64,
    /// Bytes sent and fetched.
    pub bytes: f64,
}

#[derive(Clone, Debug)]
struct Version {
    variable: usize,
    bytes: f64,
    here: bool,
    there: bool,
    maker: usize,
}

/// A session under way.
struct Replay<'w> {
    model: &'w Model,
    truth: &'w Truth,
    session: &'w Session,
    place: Place,
    versions: Vec<Version>,
    /// The version of each variable.
    current: Vec<Option<usize>>,
    /// Versions that each run read; whether it ran there.
    past: Vec<(Vec<usize>, bool)>,
    there: bool,
    ledger: Ledger,
    log: Vec<Spent>,
}

/// Seconds that a session takes under a policy, run by run; what comes home in the end is in the last one.
pub fn replay(model: &Model, session: &Session, truth: &Truth, policy: Policy, place: &Place, preferences: &Preferences) -> Vec<Spent> {
    if policy == Policy::Oracle {
        return vec![Spent { seconds: oracle(model, session, truth, place, preferences), ..Spent::default() }];
    }
    let current = vec![None; model.bytes.len()];
    let mut replay = Replay {
        model,
        truth,
        session,
        place: place.clone(),
        versions: Vec::new(),
        current,
        past: Vec::new(),
        there: false,
        ledger: Ledger::default(),
        log: Vec::new(),
    };
    let mut predictor = Predictor::new(&model.order(), &model.edges());
    for &event in &session.events {
        predictor.observe(event);
        if let Event::Ran(_) = event {
            replay.step(policy, preferences, &predictor);
        }
    }
    let mut end = Spent::default();
    replay.fetch_all(&mut end);
    if let Some(last) = replay.log.last_mut() {
        last.seconds += end.seconds;
        last.bytes += end.bytes;
    }
    replay.log
}

/// The least that the session can take: one minimum cut over all of it, with the true times and sizes.
fn oracle(model: &Model, session: &Session, truth: &Truth, place: &Place, preferences: &Preferences) -> f64 {
    let certain = Preferences { risk: 0.5, ..preferences.clone() };
    let mut situation = Situation {
        place,
        preferences: &certain,
        past: Vec::new(),
        ahead: Vec::new(),
        values: Vec::new(),
        there: false,
        ledger: Ledger::default(),
        home: ComesHome::WhenNeeded,
        warm: false,
    };
    let cells: Vec<(usize, f64)> = truth.runs.iter().map(|&cell| (cell, 1.0)).collect();
    let mut current = vec![None; model.bytes.len()];
    for (run, (cell, _)) in cells.into_iter().enumerate() {
        let time = Lognormal::exactly(truth.seconds[run]);
        look_ahead(model, cell, 1.0, Some(time), &model.bytes, 0.0, &mut current, &mut situation);
        situation.ahead[run].parameter = Some(session.parameters[run]);
    }
    for &version in current.iter().flatten() {
        let version: usize = version;
        situation.values[version].lasts = true;
    }
    situation.problem(1.0).solve().map_or(f64::INFINITY, |found| found.cost as f64 / 1e6)
}

/// Adds a run that is to come, with the values that it makes.
#[expect(clippy::too_many_arguments, reason = "all of it is the state of looking ahead")]
fn look_ahead(
    model: &Model,
    cell: usize,
    probability: f64,
    time: Option<Lognormal>,
    bytes: &[f64],
    sigma: f64,
    current: &mut [Option<usize>],
    situation: &mut Situation<'_>,
) {
    let code = &model.cells[cell];
    let reads = code.reads.iter().filter_map(|&variable| current[variable]).collect();
    let mut makes = Vec::new();
    for &variable in &code.writes {
        makes.push(situation.values.len());
        current[variable] = Some(situation.values.len());
        let bytes = Lognormal { median: bytes[variable], sigma };
        situation.values.push(Held { bytes, here: false, there: false, maker: None, lasts: false });
    }
    situation.ahead.push(Upcoming {
        probability,
        time,
        measured: false,
        parameter: None,
        runs: Vec::new(),
        stays: code.stays,
        twice: code.twice,
        reads,
        makes,
    });
}

impl Replay<'_> {
    fn step(&mut self, policy: Policy, preferences: &Preferences, predictor: &Predictor) {
        let run = self.past.len();
        let cell = self.truth.runs[run];
        let place = self.place.clone();
        let choice = policy.choose(&self.situation(run, cell, &place, preferences, predictor));
        let mut spent = Spent::default();
        let reads: Vec<usize> = self.model.cells[cell].reads.iter().filter_map(|&variable| self.current[variable]).collect();
        let there = choice.there && !self.model.cells[cell].stays;
        if there {
            if !self.there {
                spent.seconds += self.place.start() + self.place.overhead + 4.0 * self.place.latency;
                self.place.warm = true;
            }
            for again in choice.again {
                for value in self.past[again].0.clone() {
                    self.send(value, &mut spent);
                }
                let seconds = self.truth.seconds[again] / self.ratio();
                spent.seconds += seconds;
                spent.there += seconds;
                self.versions.iter_mut().filter(|version| version.maker == again).for_each(|version| version.there = true);
            }
            reads.iter().for_each(|&value| self.send(value, &mut spent));
            spent.there += self.truth.seconds[run] / self.ratio();
            spent.seconds += self.truth.seconds[run] / self.ratio();
        } else {
            if self.there && policy.comes_home() == ComesHome::AfterTheBlock {
                self.fetch_all(&mut spent);
            }
            reads.iter().for_each(|&value| self.fetch(value, &mut spent));
            spent.seconds += self.truth.seconds[run];
        }
        for &variable in &self.model.cells[cell].writes {
            self.current[variable] = Some(self.versions.len());
            let bytes = self.model.bytes[variable];
            self.versions.push(Version { variable, bytes, here: !there, there, maker: run });
        }
        if there && policy.comes_home() == ComesHome::AtOnce {
            self.fetch_all(&mut spent);
        }
        self.there = there;
        self.past.push((reads, there));
        self.ledger.here += self.truth.seconds[run];
        self.ledger.spent += spent.seconds;
        self.log.push(spent);
    }

    fn ratio(&self) -> f64 {
        self.place.speed(Work::Cpu)
    }

    fn send(&mut self, value: usize, spent: &mut Spent) {
        let version = &mut self.versions[value];
        if !version.there {
            assert!(version.here && self.current[version.variable] == Some(value), "only what is there now can be sent");
            version.there = true;
            spent.bytes += version.bytes;
            spent.seconds += self.place.latency + version.bytes * (1.0 / self.place.up.unwrap_or(1.0) + 2.0 / PACKING);
        }
    }

    fn fetch(&mut self, value: usize, spent: &mut Spent) {
        let version = &mut self.versions[value];
        if !version.here {
            version.here = true;
            spent.bytes += version.bytes;
            spent.seconds += self.place.latency + version.bytes * (1.0 / self.place.down.unwrap_or(1.0) + 2.0 / PACKING);
        }
    }

    fn fetch_all(&mut self, spent: &mut Spent) {
        for value in self.current.clone().into_iter().flatten() {
            self.fetch(value, spent);
        }
    }

    /// Earlier runs of a cell: the parameter, and seconds here.
    fn history(&self, cell: usize) -> Vec<(f64, f64)> {
        let runs = (0..self.past.len()).filter(|&run| self.truth.runs[run] == cell);
        runs.map(|run| (self.session.parameters[run], self.truth.seconds[run])).collect()
    }

    /// What is thought of a cell's time here.
    fn time(&self, cell: usize, parameter: f64) -> Lognormal {
        let history = self.history(cell);
        let Some(&(last, seconds)) = history.last() else {
            return Lognormal { median: self.truth.estimates[cell], sigma: COLD_TIME };
        };
        if !self.model.cells[cell].scales || (last - parameter).abs() < 1e-9 {
            return Lognormal { median: seconds, sigma: 0.1 };
        }
        match history.iter().rev().find(|(known, _)| (known - parameter).abs() < 1e-9) {
            Some(&(_, seconds)) => Lognormal { median: seconds, sigma: 0.1 },
            None => Lognormal { median: seconds, sigma: 0.6 },
        }
    }

    fn situation<'s>(
        &self,
        run: usize,
        cell: usize,
        place: &'s Place,
        preferences: &'s Preferences,
        predictor: &Predictor,
    ) -> Situation<'s> {
        let mut situation = Situation {
            place,
            preferences,
            past: Vec::new(),
            ahead: Vec::new(),
            values: Vec::new(),
            there: self.there,
            ledger: self.ledger,
            home: ComesHome::WhenNeeded,
            warm: false,
        };
        for (past, (reads, there)) in self.past.iter().enumerate() {
            let twice = self.model.cells[self.truth.runs[past]].twice;
            situation.past.push(Past {
                time: Lognormal::exactly(self.truth.seconds[past]),
                reads: reads.clone(),
                twice,
                extra: 0.0,
                there: *there,
            });
        }
        for (value, version) in self.versions.iter().enumerate() {
            let is_current = self.current[version.variable] == Some(value);
            situation.values.push(Held {
                bytes: Lognormal::exactly(version.bytes),
                here: version.here && is_current,
                there: version.there && is_current,
                maker: Some(version.maker),
                lasts: false,
            });
        }
        // A size that was measured once is known well enough.
        let known = |variable: usize| self.versions.iter().any(|version| version.variable == variable);
        let sizes = (0..self.model.bytes.len())
            .map(|variable| if known(variable) { self.model.bytes[variable] } else { self.truth.sizes[variable] });
        let sizes: Vec<f64> = sizes.collect();
        let parameter = self.session.parameters[run];
        let mut current = self.current.clone();
        let path = predictor.path(HORIZON, LEAST).into_iter().map(|(cell, probability)| (cell as usize - 1, probability));
        for (ahead, probability) in std::iter::once((cell, 1.0)).chain(path) {
            let time = Some(self.time(ahead, parameter));
            let sigma = if self.model.cells[ahead].writes.iter().all(|&variable| known(variable)) { 0.0 } else { COLD_SIZE };
            look_ahead(self.model, ahead, probability, time, &sizes, sigma, &mut current, &mut situation);
        }
        for &value in current.iter().flatten() {
            let value: usize = value;
            situation.values[value].lasts = true;
        }
        let now = &mut situation.ahead[0];
        now.runs = self.history(cell);
        now.measured = !now.runs.is_empty();
        now.parameter = Some(parameter).filter(|_| self.model.cells[cell].scales);
        situation
    }
}
