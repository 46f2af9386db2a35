//! A session under way: the log of cells that ran, and from it where the next one should.
//!
//! [`Session::decide`] is the one decision that a headless run, the magic and the editor ask for. It builds a [`Situation`] from what is
//! known of the session and lets [`Policy::Optimal`] choose, for each place by itself; of the places that are chosen the cheapest counts.

mod again;

use std::collections::{BTreeMap, BTreeSet};

pub use again::Again;

use super::place::Place;
use super::policy::{Choice, ComesHome, Held, Ledger, Past, Policy, Situation, Upcoming};
use super::predict::{Event, Predictor};
use super::sizes::{self, size};
use super::{Binding, Lognormal, Options};
use crate::report::{CellReport, EffectKind, Size, ValueKind};
use crate::{After, Analysis};

/// How many cells are looked ahead, and the probability below which they are not.
const HORIZON: usize = 16;
const LEAST: f64 = 0.08;

/// How many cells are looked ahead where they are known.
const KNOWN: usize = 64;

/// What is smaller is not made again at a place: it is there as soon, bytes.
const WORTH_REMAKING: u64 = 1 << 20;

/// A run of a cell that is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ran {
    /// By what the cell is known: its id, else its number.
    pub cell: String,
    /// Name of the place; nothing for the kernel itself.
    pub place: Option<String>,
    /// Seconds that it takes here: measured, or measured there and multiplied by how much faster that place is.
    pub here: f64,
    /// Seconds that went by, with all that moving it added.
    pub spent: f64,
    /// Names that it read.
    pub reads: Vec<String>,
    /// Names that it bound or changed.
    pub makes: Vec<String>,
    /// Those of them that stayed at the place.
    pub stayed: Vec<String>,
    /// Measured sizes by name, bytes.
    pub sizes: BTreeMap<String, u64>,
    /// Names of values that are blocks of memory, as arrays are: the same code makes the same bytes of them.
    pub blocks: BTreeSet<String>,
}

/// A version of a variable.
#[derive(Clone, Debug)]
struct Version {
    name: String,
    bytes: Option<u64>,
    maker: Option<usize>,
    here: bool,
    /// The place that has it, too.
    there: Option<String>,
    /// Whether it is a large block of memory.
    block: bool,
}

/// A run in the log.
#[derive(Clone, Debug)]
struct Done {
    /// By what the cell is known.
    cell: String,
    past: Past,
    place: Option<String>,
}

/// What to do with the next cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Name of the place; nothing when the cell runs here.
    pub place: Option<String>,
    /// Numbers of the predicted cells that are best run there with it, in order, without the cell itself.
    pub along: Vec<u32>,
    /// Why, in one sentence with numbers; empty where there is nothing to weigh.
    pub because: String,
    /// Names that the predicted cells use only there, so that they need not come home with it.
    pub remain: Vec<String>,
    /// What is better made again there than sent.
    pub again: Option<Again>,
}

/// What is known of the cells that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Future<'f> {
    /// A person decides: they are predicted from the log.
    Predicted,
    /// These, in this order.
    Known(&'f [u32]),
}

/// The log of a session.
#[derive(Clone, Debug)]
pub struct Session {
    predictor: Predictor,
    /// Numbers that stand for cells in the predictor, by what the cells are known by.
    known: BTreeMap<String, u32>,
    past: Vec<Done>,
    versions: Vec<Version>,
    current: BTreeMap<String, usize>,
    at: Option<String>,
    ledger: Ledger,
    reruns: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            predictor: Predictor::new(&[], &[]),
            known: BTreeMap::new(),
            past: Vec::new(),
            versions: Vec::new(),
            current: BTreeMap::new(),
            at: None,
            ledger: Ledger::default(),
            reruns: false,
        }
    }
}

impl Session {
    /// A session whose cells are in the notebook as they ran, so that they may run again at a place.
    #[must_use]
    pub fn with_reruns() -> Self {
        Self { reruns: true, ..Self::default() }
    }

    /// The source of a cell was changed.
    pub fn edited(&mut self, cell: &str) {
        let number = self.number(cell);
        self.predictor.observe(Event::Edited(number));
    }

    /// A cell ran.
    pub fn ran(&mut self, ran: &Ran) {
        let number = self.number(&ran.cell);
        self.predictor.observe(Event::Ran(number));
        let reads = ran.reads.iter().map(|name| self.version(name, None, ran.sizes.get(name).copied())).collect();
        let past = Past { time: Lognormal::exactly(ran.here), reads, twice: false, extra: 0.0, there: ran.place.is_some() };
        let maker = self.past.len();
        self.past.push(Done { cell: ran.cell.clone(), past, place: ran.place.clone() });
        for name in &ran.makes {
            let away = ran.stayed.contains(name);
            self.current.insert(name.clone(), self.versions.len());
            let there = ran.place.clone().filter(|_| away);
            let bytes = ran.sizes.get(name).copied();
            let block = ran.blocks.contains(name) && bytes.is_some_and(|bytes| bytes >= WORTH_REMAKING);
            self.versions.push(Version { name: name.clone(), bytes, maker: Some(maker), here: !away, there, block });
        }
        self.ledger.here += ran.here;
        self.ledger.spent += ran.spent;
        self.at.clone_from(&ran.place);
    }

    /// Values came home that had stayed at a place, which does not keep them longer than that.
    pub fn came_home(&mut self, names: &[String]) {
        for version in names.iter().filter_map(|name| self.current.get(name)) {
            self.versions[*version].here = true;
            self.versions[*version].there = None;
        }
    }

    /// Whatever was at this place is there no more.
    pub fn lost(&mut self, place: &str) {
        self.versions.iter_mut().filter(|version| version.there.as_deref() == Some(place)).for_each(|version| version.there = None);
        if self.at.as_deref() == Some(place) {
            self.at = None;
        }
    }

    /// Where this cell of the analyzed notebook should run, which is to run next. `warm` are places whose worker is up.
    ///
    /// With [`ComesHome::AtOnce`] every value comes home when its cell ends, so that nothing further is looked at; otherwise state stays where it
    /// is until a cell that runs elsewhere reads it.
    pub fn decide(&self, analysis: &Analysis, cell: u32, future: Future<'_>, home: ComesHome, warm: &BTreeSet<String>) -> Verdict {
        let mut options = analysis.placement.clone();
        options.places.iter_mut().for_each(|place| place.warm |= warm.contains(&place.name));
        let Some(report) = analysis.cells.get(cell.saturating_sub(1) as usize) else { return Verdict::default() };
        if options.places.is_empty() || report.cost.seconds.is_none() {
            return Verdict::default();
        }
        let plan = analysis.plan_at(&[cell], After::Anything, &options);
        let mut best: Option<(u64, &Place, Choice, Vec<u32>)> = None;
        for place in &options.places {
            let is_offered = plan.estimates.iter().any(|estimate| estimate.executor == place.name);
            if plan.refusal.is_some() || !is_offered {
                continue;
            }
            let (situation, path) = self.situation(analysis, cell, (place, &options), future, home);
            let choice = Policy::Optimal.choose(&situation);
            let cost = situation.problem(1.0).solve().map_or(u64::MAX, |found| found.cost);
            if choice.there && best.as_ref().is_none_or(|known| cost < known.0) {
                best = Some((cost, place, choice, path));
            }
        }
        let Some((_, place, choice, path)) = best else {
            let because = plan.decision.because.first().map(|because| because.text.clone()).unwrap_or_default();
            return Verdict { because, ..Verdict::default() };
        };
        let along: Vec<u32> = path.iter().skip(1).take(choice.along).copied().collect();
        let block: Vec<u32> = std::iter::once(cell).chain(along.iter().copied()).collect();
        let again = self.again(&choice, analysis, place);
        let because = self.because(&plan, &block, again.as_ref(), analysis, (place, &options));
        let remain = if home == ComesHome::WhenNeeded { remaining(&choice, analysis, &path) } else { Vec::new() };
        Verdict { place: Some(place.name.clone()), along, because, remain, again }
    }

    fn number(&mut self, cell: &str) -> u32 {
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX) + 1;
        *self.known.entry(cell.to_owned()).or_insert(next)
    }

    /// The current version of a name, which is taken to have been here for ever when nobody is known to have made it.
    fn version(&mut self, name: &str, maker: Option<usize>, bytes: Option<u64>) -> usize {
        let Some(&known) = self.current.get(name) else {
            self.current.insert(name.to_owned(), self.versions.len());
            self.versions.push(Version { name: name.to_owned(), bytes, maker, here: true, there: None, block: false });
            return self.versions.len() - 1;
        };
        if bytes.is_some() {
            self.versions[known].bytes = bytes;
        }
        known
    }

    /// The cells that are likely to follow, by number in the notebook, with the probability that the session gets there in this way.
    fn ahead(&self, analysis: &Analysis, cell: u32) -> Vec<(u32, f64)> {
        let keys: Vec<(u32, String)> = code(analysis).map(|report| (report.cell, key(report))).collect();
        let mut known = self.known.clone();
        for (_, key) in &keys {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX) + 1;
            known.entry(key.clone()).or_insert(next);
        }
        let number: BTreeMap<u32, u32> = keys.iter().map(|(cell, key)| (*cell, known[key])).collect();
        let back: BTreeMap<u32, u32> = number.iter().map(|(cell, number)| (*number, *cell)).collect();
        let order: Vec<u32> = keys.iter().map(|(cell, _)| number[cell]).collect();
        let edges = analysis.edges().iter().filter_map(|edge| Some((*number.get(&edge.from)?, *number.get(&edge.to)?)));
        let mut predictor = self.predictor.clone();
        predictor.document(&order, &edges.collect::<Vec<_>>());
        if let Some(&now) = number.get(&cell) {
            predictor.observe(Event::Ran(now));
        }
        predictor.path(HORIZON, LEAST).into_iter().filter_map(|(next, chance)| Some((*back.get(&next)?, chance))).collect()
    }

    /// What is known when this cell is started, and the numbers of the cells ahead.
    fn situation<'s>(
        &self,
        analysis: &'s Analysis,
        cell: u32,
        (place, options): (&'s Place, &'s Options),
        future: Future<'_>,
        home: ComesHome,
    ) -> (Situation<'s>, Vec<u32>) {
        let bindings = analysis.linked.bindings();
        let kind = |name: &str| bindings.get(name).map_or(ValueKind::Unknown, |binding| binding.kind);
        let name = place.name.as_str();
        let mut values: Vec<Held> = Vec::new();
        for (index, version) in self.versions.iter().enumerate() {
            let current = self.current.get(&version.name) == Some(&index);
            // What this session measured counts more than what the history remembers.
            let measured = version.bytes.map(|bytes| Lognormal::exactly(bytes as f64));
            values.push(Held {
                bytes: measured.unwrap_or_else(|| size(&version.name, kind(&version.name), None, options).bytes),
                here: current && version.here,
                there: current && version.there.as_deref() == Some(name),
                maker: version.maker,
                lasts: false,
            });
        }
        let mut current: BTreeMap<&str, usize> = self.current.iter().map(|(name, &version)| (name.as_str(), version)).collect();
        let path = match future {
            _ if home == ComesHome::AtOnce => Vec::new(),
            Future::Predicted => self.ahead(analysis, cell),
            Future::Known(cells) => cells.iter().take(KNOWN).map(|&cell| (cell, 1.0)).collect(),
        };
        let path: Vec<(u32, f64)> = std::iter::once((cell, 1.0)).chain(path).collect();
        let stays = analysis.linked.staying();
        let mut ahead = Vec::new();
        for &(next, probability) in &path {
            let Some(report) = analysis.cells.get(next.saturating_sub(1) as usize) else { continue };
            let mut named = |name: &'s str, made_of: Option<f64>, values: &mut Vec<Held>| {
                let fresh = made_of.is_some();
                if let Some(&known) = current.get(name).filter(|_| !fresh) {
                    return known;
                }
                let known = current.get(name).and_then(|&version| self.versions.get(version)).and_then(|version| version.bytes);
                let known = known.map(Size::measured);
                // What the cell itself makes its source may tell.
                let known = known.as_ref().or_else(|| report.sizes.get(name).filter(|_| fresh));
                let found = size(name, kind(name), known, options);
                let bytes = made_of.filter(|_| !found.known).map_or(found.bytes, |inputs| sizes::made_of(kind(name), inputs));
                // What nobody is known to have made is here.
                values.push(Held { bytes, here: !fresh, there: false, maker: None, lasts: false });
                current.insert(name, values.len() - 1);
                values.len() - 1
            };
            let reads: BTreeSet<usize> = read(report, bindings).map(|name| named(name, None, &mut values)).collect();
            let inputs = reads.iter().map(|&value| values[value].bytes.median).sum();
            let makes = made(report, bindings).map(|name| named(name, Some(inputs), &mut values)).collect();
            ahead.push(Upcoming {
                probability,
                time: Lognormal::of(&report.cost),
                measured: report.cost.was_measured(),
                parameter: None,
                runs: Vec::new(),
                stays: stays.contains(&next) || must_stay(report, place),
                twice: false,
                reads: reads.into_iter().collect(),
                makes,
            });
        }
        current.values().for_each(|&value| values[value].lasts = true);
        let past = (0..self.past.len()).map(|index| self.past(index, analysis, place)).collect();
        // Each block has a worker of its own: what stays is in files there, and no worker waits.
        let there = false;
        let preferences = &options.preferences;
        let situation = Situation { place, preferences, past, ahead, values, there, ledger: self.ledger, home, warm: place.warm };
        (situation, path.into_iter().map(|(cell, _)| cell).collect())
    }
}

/// By what a cell is known.
pub fn key(report: &CellReport) -> String {
    report.id.clone().unwrap_or_else(|| report.cell.to_string())
}

/// The names that a cell reads, those that imports bind left out.
pub fn reads(analysis: &Analysis, cell: u32) -> Vec<String> {
    names(analysis, cell, |report, bindings| read(report, bindings).map(str::to_owned).collect())
}

/// The names that a cell binds or changes, those that imports bind left out.
pub fn makes(analysis: &Analysis, cell: u32) -> Vec<String> {
    names(analysis, cell, |report, bindings| made(report, bindings).map(str::to_owned).collect())
}

/// The cells of a block that have to run again for the value that the block leaves under a name.
pub fn makers(analysis: &Analysis, block: &[u32], name: &str) -> Vec<u32> {
    let makes_it = |cell: &u32| makes(analysis, *cell).iter().any(|made| made == name);
    let mut found: BTreeSet<u32> = block.iter().copied().filter(makes_it).collect();
    loop {
        let needed = analysis.edges().iter().filter(|edge| found.contains(&edge.to) && block.contains(&edge.from)).map(|edge| edge.from);
        let all: BTreeSet<u32> = needed.chain(found.iter().copied()).collect();
        if all.len() == found.len() {
            return all.into_iter().collect();
        }
        found = all;
    }
}

type Bindings = std::collections::HashMap<String, Binding>;

fn names(analysis: &Analysis, cell: u32, of: impl Fn(&CellReport, &Bindings) -> Vec<String>) -> Vec<String> {
    let report = analysis.cells.get(cell.saturating_sub(1) as usize);
    report.map(|report| of(report, analysis.linked.bindings())).unwrap_or_default()
}

fn code(analysis: &Analysis) -> impl Iterator<Item = &CellReport> {
    analysis.cells.iter().filter(|report| report.kind == crate::notebook::CellKind::Code)
}

fn is_value(name: &str, bindings: &Bindings) -> bool {
    !bindings.get(name).is_some_and(|binding| binding.import)
}

fn read<'r>(report: &'r CellReport, bindings: &Bindings) -> impl Iterator<Item = &'r str> {
    let facts = report.reads.iter().chain(&report.mutates);
    facts.map(|fact| fact.name.as_str()).filter(|name| is_value(name, bindings))
}

fn made<'r>(report: &'r CellReport, bindings: &Bindings) -> impl Iterator<Item = &'r str> {
    let facts: BTreeSet<&str> = report.mutates.iter().chain(&report.defines).map(|fact| fact.name.as_str()).collect();
    facts.into_iter().filter(|name| is_value(name, bindings))
}

/// Whether what the cell does besides binding names ties it to this machine.
fn must_stay(report: &CellReport, place: &Place) -> bool {
    let files = [EffectKind::FileRead, EffectKind::FileWrite];
    let tied = [EffectKind::Input, EffectKind::Session];
    let is_unseen = |detail: &str| detail == "?" && !place.sees("/");
    report.effects.iter().any(|effect| tied.contains(&effect.kind) || (files.contains(&effect.kind) && is_unseen(&effect.detail)))
}

/// Names that the cell and those along make, and that no predicted cell reads here.
fn remaining(choice: &Choice, analysis: &Analysis, path: &[u32]) -> Vec<String> {
    let count = choice.along + 1;
    let mut found: BTreeSet<String> = path.iter().take(count).flat_map(|&cell| makes(analysis, cell)).collect();
    // What a cell binds anew is another value for those behind it.
    let mut anew: BTreeSet<String> = BTreeSet::new();
    for (&cell, step) in path.iter().zip(&choice.path).skip(count) {
        if !step {
            reads(analysis, cell).iter().filter(|name| !anew.contains(*name)).for_each(|name| _ = found.remove(name));
        }
        anew.extend(makes(analysis, cell));
    }
    // Code is small, and any cell may call it.
    let bindings = analysis.linked.bindings();
    let is_data = |name: &String| bindings.get(name).is_none_or(|known| !matches!(known.kind, ValueKind::Function | ValueKind::Class));
    found.into_iter().filter(is_data).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;
    use crate::measurements::{Measurements, Run, Signature};
    use crate::placement::Work;

    const SOURCES: [&str; 5] = ["x = list(range(9))", "y = sorted(x)", "z = sum(y)", "print(z)", "w = z + 1"];

    /// The notebook after runs of these seconds, with a place ten times as fast.
    fn analysis(seconds: [f64; 5], bytes: u64) -> Analysis {
        let notebook = crate::percent::read(&SOURCES.map(|source| format!("# %%\n{source}\n")).concat());
        let run = |(source, seconds): (&&str, f64)| Run {
            signature: Signature::of(source),
            cell: None,
            seconds,
            speed: 1.0,
            cold: None,
            input_bytes: None,
        };
        let sizes: BTreeMap<String, u64> =
            [("x", bytes), ("y", bytes), ("z", 1000), ("w", 1000)].map(|(name, bytes)| (name.to_owned(), bytes)).into();
        let runs = SOURCES.iter().zip(seconds).map(run).collect();
        let measurements = Measurements { runs, sizes: sizes.clone(), ..Measurements::default() };
        let place = Place { speed: [(Work::Cpu, 10.0)].into(), up: Some(1e8), down: Some(1e8), start_up: 1.0, ..Place::new("box") };
        let placement = Options { places: vec![place], sizes, ..Options::default() };
        crate::analyze(&Request { measurements, placement, ..Request::new(&notebook) })
    }

    fn decide(analysis: &Analysis, cell: u32, future: Future<'_>, home: ComesHome) -> Verdict {
        Session::default().decide(analysis, cell, future, home, &BTreeSet::new())
    }

    #[test]
    fn long_cells_move_and_short_ones_do_not() {
        let analysis = analysis([0.1, 60.0, 0.1, 0.1, 0.1], 1000);
        let verdict = decide(&analysis, 2, Future::Predicted, ComesHome::AtOnce);
        assert_eq!(verdict.place.as_deref(), Some("box"));
        assert!(verdict.because.starts_with("60 s here, 7.0 s on `box`"), "{}", verdict.because);
        let verdict = decide(&analysis, 1, Future::Predicted, ComesHome::AtOnce);
        assert_eq!(verdict.place, None);
        assert!(verdict.because.contains("100 ms here"), "{}", verdict.because);
    }

    #[test]
    fn what_follows_for_sure_goes_along_and_pays_for_the_start() {
        let analysis = analysis([0.1, 0.9, 0.9, 0.9, 0.9], 1000);
        assert_eq!(decide(&analysis, 2, Future::Predicted, ComesHome::AtOnce).place, None);
        let verdict = decide(&analysis, 2, Future::Known(&[3, 4, 5]), ComesHome::AfterTheBlock);
        assert_eq!((verdict.place.as_deref(), verdict.along), (Some("box"), vec![3, 4, 5]));
    }

    #[test]
    fn state_that_is_dear_to_send_keeps_a_cell_here_unless_it_is_there() {
        // 2 GB take longer on the way than there is to be saved.
        let analysis = analysis([0.1, 0.1, 8.0, 0.1, 0.1], 2_000_000_000);
        assert_eq!(decide(&analysis, 3, Future::Predicted, ComesHome::AtOnce).place, None);
        let mut session = Session::default();
        let names = vec!["y".to_owned()];
        let place = Some("box".to_owned());
        session.ran(&Ran {
            cell: "2".to_owned(),
            place,
            here: 60.0,
            spent: 7.0,
            makes: names.clone(),
            stayed: names.clone(),
            ..Ran::default()
        });
        let warm: BTreeSet<String> = ["box".to_owned()].into();
        let there = |session: &Session| session.decide(&analysis, 3, Future::Predicted, ComesHome::WhenNeeded, &warm);
        assert_eq!(there(&session).place.as_deref(), Some("box"));
        session.came_home(&names);
        session.lost("box");
        assert_eq!(there(&session).place, None);
    }

    #[test]
    fn what_is_sooner_made_again_is_not_sent() {
        // 300 MB take 30 s on the way, and 2 s to be made there.
        let mut analysis = analysis([0.1, 20.0, 30.0, 0.1, 0.1], 300_000_000);
        analysis.placement.places[0].up = Some(1e7);
        let ran = |blocks: &[&str]| {
            let mut session = Session::with_reruns();
            for (cell, here, reads, makes) in [("1", 0.1, vec![], "x"), ("2", 20.0, vec!["x".to_owned()], "y")] {
                let sizes = [("x".to_owned(), 1000), ("y".to_owned(), 300_000_000)].into();
                let blocks = blocks.iter().map(|name| (*name).to_owned()).collect();
                session.ran(&Ran {
                    cell: cell.to_owned(),
                    here,
                    spent: here,
                    reads,
                    makes: vec![makes.to_owned()],
                    sizes,
                    blocks,
                    ..Ran::default()
                });
            }
            session
        };
        let decide = |names: &[&str]| ran(names).decide(&analysis, 3, Future::Known(&[]), ComesHome::WhenNeeded, &BTreeSet::new());
        assert_eq!(decide(&[]).place, None, "nobody knows that the same bytes come of it");
        let verdict = decide(&["y"]);
        assert_eq!(verdict.place.as_deref(), Some("box"));
        assert_eq!(verdict.again, Some(Again { cells: vec![2], names: vec!["y".to_owned()], seconds: 2.0 }));
        assert!(verdict.because.ends_with("; cell 2 makes `y` again there"), "{}", verdict.because);
        assert!(verdict.because.starts_with("30 s here, 10 s on `box`"), "{}", verdict.because);
        analysis.placement.places[0].caches = false;
        let verdict = ran(&["y"]).decide(&analysis, 3, Future::Known(&[]), ComesHome::WhenNeeded, &BTreeSet::new());
        assert_eq!(verdict.place, None, "nothing is kept there");
    }

    #[test]
    fn a_session_that_is_behind_moves_only_what_surely_wins() {
        let mut session = Session::default();
        session.ran(&Ran { cell: "1".to_owned(), here: 1.0, spent: 9.0, ..Ran::default() });
        let behind = |seconds: f64| {
            let analysis = analysis([0.1, seconds, 0.1, 0.1, 0.1], 1000);
            assert!(decide(&analysis, 2, Future::Predicted, ComesHome::AtOnce).place.is_some());
            session.decide(&analysis, 2, Future::Predicted, ComesHome::AtOnce, &BTreeSet::new()).place
        };
        assert_eq!(behind(1.3), None, "it may well lose more");
        assert!(behind(5.0).is_some(), "it surely wins some of that back");
    }

    #[test]
    fn a_worker_that_is_up_need_not_be_waited_for() {
        let analysis = analysis([0.1, 0.9, 0.1, 0.1, 0.1], 1000);
        assert_eq!(decide(&analysis, 2, Future::Predicted, ComesHome::AtOnce).place, None);
        let warm: BTreeSet<String> = ["box".to_owned()].into();
        let verdict = Session::default().decide(&analysis, 2, Future::Predicted, ComesHome::AtOnce, &warm);
        assert_eq!(verdict.place.as_deref(), Some("box"));
        assert!(!verdict.because.contains("to start"), "{}", verdict.because);
    }

    #[test]
    fn what_came_home_from_a_worker_is_no_longer_there() {
        // 2 GB would have to be sent again.
        let analysis = analysis([0.1, 0.1, 8.0, 0.1, 0.1], 2_000_000_000);
        let mut session = Session::default();
        let (place, makes) = (Some("box".to_owned()), vec!["y".to_owned()]);
        session.ran(&Ran { cell: "2".to_owned(), place, here: 60.0, spent: 7.0, makes, ..Ran::default() });
        let next = session.decide(&analysis, 3, Future::Known(&[4, 5]), ComesHome::AfterTheBlock, &BTreeSet::new());
        assert_eq!(next.place, None);
    }
}
