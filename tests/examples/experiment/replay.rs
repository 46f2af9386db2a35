//! One session under one policy, for real: a kernel here, workers there, a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use nbhoist_analyzer::After;
use nbhoist_analyzer::placement::policy::{ComesHome, Held, Ledger, Past, Policy, Situation, Upcoming};
use nbhoist_analyzer::placement::predict::{Event as Moved, Predictor};
use nbhoist_analyzer::placement::{Lognormal, Place, Preferences, Work};
use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::event::CellRef;
use nbhoist_executor::executors::Executor;
use nbhoist_executor::kernel::{Kernel, Origin as _};
use nbhoist_executor::migrate::{BlockCell, Migration, Report, migrate, prepare};
use nbhoist_tests::random::Random;
use nbhoist_tests::simulation::sessions::{Purpose, Session};
use serde_json::{Value, json};

use super::Kind;
use super::machines::{Far, Machines};
use super::scenario::{Loaded, Scenario};

/// Cells that are looked ahead, and the probability below which they are not.
const HORIZON: usize = 16;
const LEAST: f64 = 0.08;

/// How wrong a guess of a size is that was never measured (deviation of the logarithm).
const COLD_SIZE: f64 = 2.0;

/// What a cell makes in less time than this is small, or is made again as fast, seconds.
const WORTH_WEIGHING: f64 = 0.05;

/// Bytes that are sent there and back to measure the link.
const PROBED: u32 = 8 << 20;

/// How long a worker may take to start ahead.
const AHEAD: Duration = Duration::from_secs(2);

/// A version of a variable.
struct Version {
    variable: usize,
    bytes: Option<u64>,
    maker: usize,
}

/// A session under way.
struct Replay {
    loaded: Loaded,
    kernel: Kernel,
    executor: Executor,
    place: Place,
    policy: Policy,
    /// Earlier runs of each cell: the parameter, and seconds here.
    history: BTreeMap<usize, Vec<(f64, f64)>>,
    versions: Vec<Version>,
    current: BTreeMap<usize, usize>,
    past: Vec<(Vec<usize>, bool, f64)>,
    ledger: Ledger,
    slower: f64,
    /// What values weighed in an earlier pass, bytes.
    sizes: BTreeMap<String, u64>,
    /// What is left out of the runner.
    without: String,
    rows: Vec<Value>,
    /// What moves of this session took beside running and the link, seconds.
    overheads: Vec<f64>,
    /// How long each of them waited for its worker, seconds.
    connects: Vec<f64>,
    /// What the probe found.
    probed: f64,
}

/// Runs a session and says what it took. `known` are earlier records: what sessions without moving took is the history.
pub(crate) async fn session(kind: &Kind, machines: &Machines, python: &Path, known: &[Value]) -> Value {
    let Kind { scenario, way, ref far, policy, .. } = *kind;
    machines.shape(far);
    if kind.prepared {
        machines.free();
    }
    let loaded = scenario.load();
    let mut random = Random::new(Purpose::Scoring.seed());
    let mut moves = Session::new(way, Purpose::Scoring, &loaded.model, &mut random);
    shorten(&mut moves, loaded.model.parameters, kind.rounds);
    let folder = tempfile::tempdir().expect("a folder");
    let quiet = [("MPLBACKEND", "agg"), ("OPENBLAS_NUM_THREADS", "1")].map(|(key, value)| (key.into(), value.into()));
    let kernel = Kernel::start(python, folder.path(), &quiet).await.expect("a kernel");
    machines.confine(kernel.process_id().expect("a process"));
    let mut executor = machines.executor(far);
    match kind.without.as_str() {
        "" | "reducer" => {}
        "cache" => executor.cache = false,
        "worker ahead" => executor.warm = false,
        "compression" => executor.link.bandwidth = None,
        other => panic!("nothing can be done without {other}"),
    }
    let (history, sizes) = if kind.prepared { Default::default() } else { earlier(scenario, far, known, &loaded) };
    let mut predictor = Predictor::new(&loaded.model.order(), &loaded.model.edges());
    let mut replay = Replay {
        loaded,
        kernel,
        executor,
        place: Place::new("there"),
        policy,
        history,
        versions: Vec::new(),
        current: BTreeMap::new(),
        past: Vec::new(),
        ledger: Ledger::default(),
        slower: far.ratio / far.share,
        sizes,
        without: kind.without.clone(),
        rows: Vec::new(),
        overheads: Vec::new(),
        connects: Vec::new(),
        probed: 0.0,
    };
    let (mut loops, mut run, mut ok) = (None, 0, true);
    let mut turned = 1.0;
    if !kind.prepared {
        replay.probe(far).await;
    }
    for &event in &moves.events {
        predictor.observe(event);
        if matches!(event, Moved::Edited(_)) {
            if loops.is_none() && kind.prepared {
                machines.shape(far);
                replay.probe(far).await;
            }
            loops.get_or_insert(replay.rows.len());
            // The user types, and the worker of the next move gets ready meanwhile.
            tokio::time::sleep(Duration::from_secs_f64(kind.pause)).await;
        }
        if let Moved::Ran(number) = event {
            let (cell, parameter) = (number as usize - 1, moves.parameters[run]);
            if loops.is_some() {
                // They look at what came out before.
                tokio::time::sleep(Duration::from_secs_f64(kind.look)).await;
            }
            if (parameter - turned).abs() > 1e-9 {
                scenario.turn(&mut replay.loaded, parameter);
                turned = parameter;
            }
            let prepares = kind.prepared && loops.is_none();
            ok &= if prepares { replay.ready(cell, parameter).await } else { replay.step(cell, parameter, &predictor).await };
            run += 1;
        }
        if !ok {
            break;
        }
    }
    // What the user waited for; how long they thought is not in it.
    let seconds: f64 = replay.rows.iter().filter_map(|row| row["seconds"].as_f64()).sum();
    let sizes = if policy == Policy::Never { replay.kernel.sizes(&replay.loaded.names).await.sizes } else { BTreeMap::new() };
    replay.kernel.shutdown().await;
    let offered = json!({ "start_up": replay.place.start_up, "overhead": replay.probed });
    let heavy = replay.loaded.model.heavy;
    json!({ "ok": ok, "seconds": seconds, "heavy": heavy, "loops": loops, "runs": replay.rows, "place": offered, "sizes": sizes })
}

/// Ends a session when the user has turned the parameter so many times and looked at the result.
fn shorten(session: &mut Session, parameters: usize, rounds: usize) {
    let edited = Moved::Edited(parameters as u32 + 1);
    let turns = session.events.iter().enumerate().filter(|(_, event)| **event == edited).map(|(at, _)| at);
    if let Some(end) = turns.into_iter().nth(rounds) {
        session.events.truncate(end);
    }
}

type Times = BTreeMap<usize, Vec<(f64, f64)>>;

/// Times and sizes of an earlier pass through the notebook as it was saved, with nothing moved, on the same machine here.
fn earlier(scenario: &Scenario, far: &Far, known: &[Value], loaded: &Loaded) -> (Times, BTreeMap<String, u64>) {
    let mut times = Times::new();
    let of = |record: &&Value| {
        record["notebook"] == scenario.key && record["policy"] == "never" && record["ratio"] == far.ratio && record["prepared"] == false
    };
    for run in known.iter().filter(of).flat_map(|record| record["runs"].as_array().into_iter().flatten()) {
        let number = run["cell"].as_u64().unwrap_or_default() as u32;
        let index = loaded.numbers.iter().position(|&known| known == number);
        if let (Some(index), Some(parameter), Some(seconds)) = (index, run["parameter"].as_f64(), run["seconds"].as_f64())
            && (parameter - 1.0).abs() < 1e-9
        {
            times.entry(index).or_default().push((parameter, seconds));
        }
    }
    let sizes = known.iter().filter(of).filter_map(|record| record["sizes"].as_object()).flatten();
    (times, sizes.filter_map(|(name, bytes)| Some((name.clone(), bytes.as_u64()?))).collect())
}

impl Replay {
    /// What a probe finds: how long a worker takes to start, and an empty block to move once one waits for it.
    async fn probe(&mut self, far: &Far) {
        if self.policy == Policy::Never {
            return;
        }
        let cells = vec![BlockCell { cell: CellRef { number: 1, id: None }, source: "pass".to_owned() }];
        let request = Migration { cells, ..Migration::default() };
        let (mut took, mut start_up) = (f64::INFINITY, 0.0_f64);
        for _ in 0..3 {
            let started = Instant::now();
            let moved = migrate(&mut self.kernel, &self.executor, &request, &mut |_| {}, &Cancel::new()).await.expect("a worker there");
            took = took.min(started.elapsed().as_secs_f64() - moved.seconds.connect);
            start_up = start_up.max(moved.seconds.connect);
            // The next one's worker is started ahead.
            tokio::time::sleep(AHEAD).await;
        }
        self.probed = took;
        let (up, down) = self.rates().await;
        self.place = Place {
            speed: [(Work::Cpu, far.ratio)].into(),
            up: Some(up),
            down: Some(down),
            // An empty block goes back and forth as often as any other.
            latency: 0.0,
            start_up,
            overhead: took,
            ..Place::new("there")
        };
    }

    /// Bytes a second at which state gets there and back, packing and unpacking on machines of these speeds included.
    async fn rates(&mut self) -> (f64, f64) {
        let cell = |source: &str| vec![BlockCell { cell: CellRef { number: 1, id: None }, source: source.to_owned() }];
        let names = vec!["_probed".to_owned()];
        let back = Migration {
            cells: cell(&format!("import os\n_probed = os.urandom({PROBED})")),
            returns: names.clone(),
            everything: true,
            ..Migration::default()
        };
        let there = Migration { cells: cell("_length = len(_probed)"), inputs: names, ..Migration::default() };
        let mut rates = Vec::new();
        for (request, way) in [(&back, false), (&there, true)] {
            let moved = migrate(&mut self.kernel, &self.executor, request, &mut |_| {}, &Cancel::new()).await.expect("a worker there");
            let steps = moved.seconds;
            let taken = if way { steps.capture + steps.transfer } else { steps.collect + steps.r#return + steps.restore };
            rates.push(f64::from(PROBED) / taken);
            tokio::time::sleep(AHEAD).await;
        }
        let forget = CellRef { number: 1, id: None };
        self.kernel.execute(&forget, "del _probed", false, &mut |_| {}).await.expect("a kernel that lives");
        (rates[1], rates[0])
    }

    /// Runs a cell before the session begins, with all that the machine has.
    async fn ready(&mut self, cell: usize, parameter: f64) -> bool {
        let number = self.loaded.numbers[cell];
        let source = self.loaded.notebook.cells[number as usize - 1].source.clone();
        let outcome = self.kernel.execute(&CellRef { number, id: None }, &source, true, &mut |_| {}).await.expect("a kernel that lives");
        let here = outcome.seconds * self.slower;
        self.note(cell, None, here).await;
        self.history.entry(cell).or_default().push((parameter, here));
        outcome.ok
    }

    async fn step(&mut self, cell: usize, parameter: f64, predictor: &Predictor) -> bool {
        let started = Instant::now();
        self.place.warm = self.kernel.ahead().ready().is_some();
        let choice = self.policy.choose(&self.situation(cell, parameter, predictor));
        let number = self.loaded.numbers[cell];
        let source = self.loaded.notebook.cells[number as usize - 1].source.clone();
        let name = CellRef { number, id: None };
        let (ok, here, report) = if choice.there {
            match self.migrate(name, source.clone()).await {
                Ok(report) => {
                    (report.ok(), report.cells.iter().map(|cell| cell.seconds).sum::<f64>() * self.place.speed(Work::Cpu), Some(report))
                }
                Err(error) => {
                    eprintln!("cell {number}: {error}");
                    (false, 0.0, None)
                }
            }
        } else {
            let outcome = self.kernel.execute(&name, &source, true, &mut |_| {}).await.expect("a kernel that lives");
            if !outcome.ok {
                eprintln!("cell {number}: {:?}", outcome.error);
            }
            if self.policy != Policy::Never && (self.rows.is_empty() || source.contains("import")) {
                // As `run` does it: the next block's worker imports what was imported here.
                prepare(&mut self.kernel, &self.executor).await;
            }
            (outcome.ok, outcome.seconds, None)
        };
        let predicted = self.place.overhead + self.place.start();
        if let Some(report) = &report {
            self.learn(report, started.elapsed().as_secs_f64());
        }
        self.note(cell, report.as_ref(), here).await;
        let seconds = started.elapsed().as_secs_f64();
        self.history.entry(cell).or_default().push((parameter, here));
        self.ledger.here += here;
        self.ledger.spent += seconds;
        let mut row = row(number, parameter, seconds, here, report.as_ref());
        if report.is_some() {
            row["overhead"] = json!({ "predicted": predicted, "measured": self.overheads.last() });
        }
        self.rows.push(row);
        ok
    }

    /// What a move takes beside running and the link is known better from moves than from an empty block.
    fn learn(&mut self, report: &Report, seconds: f64) {
        let bytes = (report.shipped_wire_bytes + report.returned_bytes) as f64;
        let link = bytes / self.place.down.unwrap_or(f64::INFINITY);
        self.overheads.push((seconds - report.seconds.run - link).max(0.0));
        // A worker that was not up at the decision may be when it is wanted; that says nothing of those that are not.
        if !self.place.warm && report.seconds.connect > self.place.start_up / 2.0 {
            self.place.start_up = report.seconds.connect;
        }
        // One that is unlike the others does not count.
        let waited = |(all, connect): (&f64, &f64)| (all - connect).max(0.0);
        self.connects.push(report.seconds.connect);
        let mut known: Vec<f64> = self.overheads.iter().zip(&self.connects).map(waited).collect();
        known.push(self.probed);
        known.sort_by(f64::total_cmp);
        self.place.overhead = known[(known.len() - 1) / 2];
    }

    async fn migrate(&mut self, cell: CellRef, source: String) -> Result<Report, nbhoist_executor::migrate::MigrateError> {
        let plan = self.loaded.analysis.plan(&[cell.number], After::Anything);
        let reduced = || plan.inputs.iter().map(|input| input.name.clone()).collect();
        // Without the analysis, whatever there is may be needed.
        let inputs = if self.without == "reducer" {
            self.current.keys().map(|&variable| self.loaded.names[variable].clone()).collect()
        } else {
            reduced()
        };
        let request = Migration {
            cells: vec![BlockCell { cell, source }],
            inputs,
            returns: plan.returns.iter().map(|given| given.name.clone()).collect(),
            imports: plan.imports,
            everything: true,
            ..Migration::default()
        };
        migrate(&mut self.kernel, &self.executor, &request, &mut |_| {}, &Cancel::new()).await
    }

    /// Remembers what the cell made, and how large it is, which a move tells anyway; where nothing ever moves nobody needs to know.
    async fn note(&mut self, cell: usize, moved: Option<&Report>, here: f64) {
        let code = &self.loaded.model.cells[cell];
        let names: Vec<String> = code.writes.iter().map(|&variable| self.loaded.names[variable].clone()).collect();
        let weighs = self.policy != Policy::Never && here >= WORTH_WEIGHING;
        let sizes = match moved {
            Some(report) => report.sizes().collect(),
            None if weighs => self.kernel.sizes(&names).await.sizes,
            None => BTreeMap::new(),
        };
        let reads = code.reads.iter().filter_map(|variable| self.current.get(variable).copied()).collect();
        for (&variable, name) in code.writes.iter().zip(&names) {
            self.current.insert(variable, self.versions.len());
            self.versions.push(Version { variable, bytes: sizes.get(name).copied(), maker: self.past.len() });
        }
        self.past.push((reads, moved.is_some(), here));
    }

    /// What is thought of a cell's time here.
    fn time(&self, cell: usize, parameter: f64) -> Option<Lognormal> {
        let runs = self.history.get(&cell).map(Vec::as_slice).unwrap_or_default();
        let scales = self.loaded.model.cells[cell].scales;
        let same = runs.iter().rev().find(|(known, _)| !scales || (known - parameter).abs() < 1e-9);
        if let Some(&(_, seconds)) = same {
            return Some(Lognormal { median: seconds, sigma: 0.15 });
        }
        if let Some(seconds) = learned(runs, parameter) {
            return Some(Lognormal { median: seconds, sigma: 0.3 });
        }
        match runs.last() {
            Some(&(_, seconds)) => Some(Lognormal { median: seconds, sigma: 0.6 }),
            None => {
                let number = self.loaded.numbers[cell] as usize;
                Lognormal::of(&self.loaded.analysis.cells[number - 1].cost).map(|time| time.times(self.slower))
            }
        }
    }

    fn situation(&self, cell: usize, parameter: f64, predictor: &Predictor) -> Situation<'_> {
        static PREFERENCES: std::sync::LazyLock<Preferences> = std::sync::LazyLock::new(Preferences::default);
        let past = self.past.iter().map(|(reads, there, here)| Past {
            time: Lognormal::exactly(*here),
            reads: reads.clone(),
            twice: false,
            extra: 0.0,
            there: *there,
        });
        let unknown = Lognormal { median: 1e5, sigma: COLD_SIZE };
        let size = |bytes: Option<u64>| bytes.map(|bytes| Lognormal::exactly(bytes as f64));
        let values = self.versions.iter().enumerate().map(|(value, version)| Held {
            bytes: size(version.bytes).unwrap_or(unknown),
            here: self.current[&version.variable] == value,
            there: false,
            maker: Some(version.maker),
            lasts: false,
        });
        let mut situation = Situation {
            place: &self.place,
            preferences: &PREFERENCES,
            past: past.collect(),
            ahead: Vec::new(),
            values: values.collect(),
            there: false,
            ledger: self.ledger,
            home: ComesHome::AtOnce,
            warm: self.place.warm,
        };
        // Results come home with the end of each cell, so only a policy that thinks in blocks looks further.
        let further = if self.policy == Policy::Block { predictor.path(HORIZON, LEAST) } else { Vec::new() };
        let further = further.into_iter().map(|(cell, probability)| (cell as usize - 1, probability));
        let mut current = self.current.clone();
        // What was measured in this session, else in an earlier one, else what the source tells.
        let expected = |variable: usize, cell: usize| {
            let name = &self.loaded.names[variable];
            let before = self.versions.iter().rev().find(|version| version.variable == variable).and_then(|version| version.bytes);
            let report = &self.loaded.analysis.cells[self.loaded.numbers[cell] as usize - 1];
            let told = || report.sizes.get(name).map(|size| Lognormal::between(size.low as f64, size.bytes as f64, size.high as f64));
            size(before.or_else(|| self.sizes.get(name).copied())).or_else(told).unwrap_or(unknown)
        };
        for (ahead, probability) in std::iter::once((cell, 1.0)).chain(further) {
            let code = &self.loaded.model.cells[ahead];
            let reads: BTreeSet<usize> = code.reads.iter().filter_map(|variable| current.get(variable).copied()).collect();
            let mut makes = Vec::new();
            for &variable in &code.writes {
                current.insert(variable, situation.values.len());
                makes.push(situation.values.len());
                situation.values.push(Held { bytes: expected(variable, ahead), here: false, there: false, maker: None, lasts: false });
            }
            let runs = self.history.get(&ahead).cloned().unwrap_or_default();
            situation.ahead.push(Upcoming {
                probability,
                time: self.time(ahead, parameter),
                measured: !runs.is_empty(),
                parameter: Some(parameter).filter(|_| code.scales),
                runs,
                stays: code.stays,
                twice: false,
                reads: reads.into_iter().collect(),
                makes,
            });
        }
        for &value in current.values() {
            situation.values[value].lasts = true;
        }
        situation
    }
}

/// The time of a run on a line through two that had other parameters.
fn learned(runs: &[(f64, f64)], parameter: f64) -> Option<f64> {
    let &(last, seconds) = runs.last()?;
    let &(other, before) = runs.iter().rev().find(|(known, _)| (known - last).abs() > 1e-9)?;
    Some((seconds + (parameter - last) * (seconds - before) / (last - other)).max(0.1 * seconds))
}

/// What is kept of a run.
fn row(number: u32, parameter: f64, seconds: f64, here: f64, report: Option<&Report>) -> Value {
    let mut row = json!({ "cell": number, "parameter": parameter, "seconds": seconds, "there": report.is_some() });
    let Some(report) = report else { return row };
    let steps = &report.seconds;
    row["estimated_here"] = here.into();
    row["steps"] = json!({ "probe": steps.probe, "connect": steps.connect, "capture": steps.capture, "transfer": steps.transfer,
                           "run": steps.run, "collect": steps.collect, "return": steps.r#return, "restore": steps.restore });
    row["bytes"] = json!({ "namespace": report.namespace_bytes, "inputs": report.shipped_bytes, "wire": report.shipped_wire_bytes,
                           "returned": report.returned_bytes });
    row
}
