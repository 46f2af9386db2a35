//! The report: replays of every session under every policy, in tables.

use std::fmt::Write as _;

use nbhoist_analyzer::placement::Preferences;
use nbhoist_analyzer::placement::policy::Policy;

use super::crowd::{self, Outcome, crowd};
use super::notebooks::{Domain, Model};
use super::quantile;
use super::scoring::{PREDICTORS, Scores, scores};
use super::sessions::{Purpose, Session, Way};
use super::world::{Spent, Truth, place, replay};
use crate::random::Random;

/// How long the heavy cells are, in times of the measured one.
pub const WEIGHTS: [(f64, &str); 3] = [(0.05, "light"), (1.0, "as measured"), (10.0, "heavy")];
/// How many times as fast the executor is.
pub const RATIOS: [f64; 3] = [2.0, 4.0, 8.0];
/// Bytes a second of the link.
pub const RATES: [(f64, &str); 4] = [(1.25e6, "10 Mbit"), (12.5e6, "100 Mbit"), (125e6, "1 Gbit"), (1.25e9, "10 Gbit")];
/// Seconds of a round trip.
pub const LATENCIES: [f64; 3] = [0.001, 0.01, 0.1];
/// Sessions for the table of predictions, of each way.
const PREDICTED: u64 = 300;

/// One session on one pair of machines: seconds under each policy, in the order of [`Policy::ALL`].
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The domain of the notebook.
    pub domain: Domain,
    /// How the user moves.
    pub way: Way,
    /// Index into [`WEIGHTS`].
    pub weight: usize,
    /// Index into [`RATIOS`].
    pub ratio: usize,
    /// Index into [`RATES`].
    pub rate: usize,
    /// Index into [`LATENCIES`].
    pub latency: usize,
    /// Seconds under each policy; nothing for those that were not asked for.
    pub seconds: [f64; Policy::ALL.len()],
}

impl Replayed {
    fn of(&self, policy: Policy) -> f64 {
        Policy::ALL.iter().position(|known| *known == policy).map_or(f64::NAN, |at| self.seconds[at])
    }

    /// Time under `never` over time under the policy.
    pub fn gain(&self, policy: Policy) -> f64 {
        self.of(Policy::Never) / self.of(policy)
    }

    /// Time of the oracle over time under the policy: 1 is the best that can be.
    pub fn of_oracle(&self, policy: Policy) -> f64 {
        self.of(Policy::Oracle) / self.of(policy)
    }
}

/// Preferences of the replays.
pub fn preferences() -> Preferences {
    Preferences::default()
}

/// A session by its place in the grid: notebook, session and truth.
fn session(domain: usize, way: usize, weight: usize, number: u64) -> (Model, Session, Truth) {
    let seed = Purpose::Scoring.seed() + 10_000 * number + 100 * domain as u64 + 10 * way as u64 + weight as u64;
    let mut random = Random::new(seed);
    let model = Model::new(Domain::ALL[domain], WEIGHTS[weight].0, &mut random);
    let session = Session::new(Way::ALL[way], Purpose::Scoring, &model, &mut random);
    let truth = Truth::new(&model, &session, &mut random);
    (model, session, truth)
}

/// Every session on the pairs of machines that are wanted, under these policies.
pub fn replays(policies: &[Policy], wanted: &dyn Fn(usize, usize, usize) -> bool) -> Vec<Replayed> {
    let mut found = Vec::new();
    for (domain, way, weight) in each3(Domain::ALL.len(), Way::ALL.len(), WEIGHTS.len()) {
        let (model, session, truth) = session(domain, way, weight, 0);
        for (ratio, rate, latency) in each3(RATIOS.len(), RATES.len(), LATENCIES.len()) {
            if !wanted(ratio, rate, latency) {
                continue;
            }
            let place = place(RATIOS[ratio], RATES[rate].0, LATENCIES[latency]);
            let seconds = Policy::ALL.map(|policy| match policy {
                Policy::Never => truth.never(),
                policy if policies.contains(&policy) => total(&replay(&model, &session, &truth, policy, &place, &preferences())),
                _ => f64::NAN,
            });
            found.push(Replayed { domain: Domain::ALL[domain], way: Way::ALL[way], weight, ratio, rate, latency, seconds });
        }
    }
    found
}

fn each3(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |a| (0..b).flat_map(move |b| (0..c).map(move |c| (a, b, c))))
}

fn total(log: &[Spent]) -> f64 {
    log.iter().map(|spent| spent.seconds).sum()
}

/// The whole report, as Markdown.
pub fn report() -> String {
    let all = replays(&Policy::ALL, &|_, _, _| true);
    let mut text = String::from(HEAD);
    predictions(&mut text);
    policies(&all, &mut text);
    ways(&all, &mut text);
    links(&all, &mut text);
    heavy(&all, &mut text);
    losses(&all, &mut text);
    users(&mut text);
    text.push_str(TAIL);
    text
}

const HEAD: &str = "# Where it should run: simulation
Written by `cargo run --release -p nbhoist-tests --example placement_simulation`. All numbers come from fixed seeds and models; none is a measurement of machines.
[placement.md](placement.md) explains the decision, the policies and the predictor.

Sessions are replayed cell by cell on models of notebooks of the paper's three domains, whose sizes and times are those that our own notebooks of these domains were measured to
have ([measurements.md](measurements.md)), varied by 30%. A policy is told what it could know: before a cell has run its time is estimated with an error of a factor of 2.2 (one
deviation), the size of a value that was never made with one of 2.7. Times vary by 8% from run to run. All overheads count, bringing everything home at the end included: packing and
unpacking at 200 MB/s each, four round trips a move, one a value, 0.1 s a move, 1 s for the first worker. Cells that read local files stay.
";

const TAIL: &str = "
## What is not modelled
Users who work while a block runs; links that change; executors that die; state that is too large for an executor; two executors at once for one user. Compression is left out: it would
help on slow links. Times and sizes of the notebooks are ours; what other people's notebooks do may differ.
";

fn predictions(text: &mut String) {
    let _ = writeln!(
        text,
        "\n## Which cell comes next\nShare of the runs whose cell was predicted, mean over {PREDICTED} sessions of each way. \"Ours\" hears of edits, as an editor does; \"without edits\" it knows of runs alone, as the simple ways do. Generators for tuning and for scoring have other seeds and other habits.\n"
    );
    let _ = writeln!(text, "| sessions | {} |\n|---|{}", PREDICTORS.join(" | "), "---|".repeat(PREDICTORS.len()));
    let mut lost = String::new();
    for way in Way::ALL {
        let scores = scores(way, Purpose::Scoring, PREDICTED);
        let cells: Vec<String> = (0..PREDICTORS.len()).map(|at| format!("{:.1}%", 100.0 * mean(&scores, at))).collect();
        let _ = writeln!(text, "| {} | {} |", way.as_str(), cells.join(" | "));
        let losses: Vec<String> = (0..3)
            .flat_map(|at| [3, 4].map(|ours| scores.iter().filter(|score| score[ours] < score[at] - 1e-9).count()))
            .map(|count| format!("{:.0}%", 100.0 * count as f64 / scores.len() as f64))
            .collect();
        let _ = writeln!(lost, "| {} | {} |", way.as_str(), losses.join(" | "));
    }
    let _ = writeln!(
        text,
        "\nShare of the sessions in which ours is behind, without edits and with them:\n\n| sessions | document order | with edits | last successor | with edits | Markov 1 | with edits |\n|---|---|---|---|---|---|---|\n{lost}"
    );
}

/// The mean of one column.
pub fn mean(scores: &[Scores], at: usize) -> f64 {
    scores.iter().map(|score| score[at]).sum::<f64>() / scores.len().max(1) as f64
}

fn policies(all: &[Replayed], text: &mut String) {
    let _ = writeln!(
        text,
        "## Policies\n{} replays: {} domains, {} ways of moving, heavy cells {}, executors {} times as fast, links from 10 Mbit to 10 Gbit, round trips from 1 to 100 ms. Gain is the time under `never` over the time under the policy.\n\n| policy | gain, median | gain, 10% | worst | best | below 0.95 | of `oracle`, median | of `oracle`, 10% |\n|---|---|---|---|---|---|---|---|",
        all.len(),
        Domain::ALL.len(),
        Way::ALL.len(),
        WEIGHTS.map(|(weight, name)| format!("{name} ({weight})")).join(", "),
        RATIOS.map(|ratio| ratio.to_string()).join(", "),
    );
    for policy in Policy::ALL {
        let gains = || all.iter().map(|replayed| replayed.gain(policy));
        let oracle = |share| quantile(all.iter().map(|replayed| replayed.of_oracle(policy)), share);
        let below = gains().filter(|gain| *gain < 0.95).count();
        let _ = writeln!(
            text,
            "| `{}` | {:.2} | {:.2} | {:.2} | {:.2} | {:.1}% | {:.3} | {:.3} |",
            policy.as_str(),
            quantile(gains(), 0.5),
            quantile(gains(), 0.1),
            quantile(gains(), 0.0),
            quantile(gains(), 1.0),
            100.0 * below as f64 / all.len() as f64,
            oracle(0.5),
            oracle(0.1)
        );
    }
}

fn ways(all: &[Replayed], text: &mut String) {
    let names = Policy::ALL.map(|policy| format!("`{}`", policy.as_str()));
    let _ = writeln!(
        text,
        "\nMedian gain by sessions and weight:\n\n| sessions | heavy cells | {} |\n|---|---|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    for way in Way::ALL {
        for (weight, (_, name)) in WEIGHTS.iter().enumerate() {
            let some = || all.iter().filter(|replayed| replayed.way == way && replayed.weight == weight);
            let cells = Policy::ALL.map(|policy| format!("{:.2}", quantile(some().map(|replayed| replayed.gain(policy)), 0.5)));
            let _ = writeln!(text, "| {} | {name} | {} |", way.as_str(), cells.join(" | "));
        }
    }
}

fn links(all: &[Replayed], text: &mut String) {
    let _ = writeln!(
        text,
        "\n## Links\nMedian gain of `optimal` (of `oracle`), heavy cells as measured:\n\n| link | {} |\n|---|{}",
        RATIOS.iter().flat_map(|ratio| LATENCIES.map(|latency| format!("{ratio}x, {} ms", latency * 1e3))).collect::<Vec<_>>().join(" | "),
        "---|".repeat(RATIOS.len() * LATENCIES.len())
    );
    for (rate, (_, name)) in RATES.iter().enumerate() {
        let _ = write!(text, "| {name} |");
        for (ratio, latency) in (0..RATIOS.len()).flat_map(|ratio| (0..LATENCIES.len()).map(move |latency| (ratio, latency))) {
            let some = || all.iter().filter(|found| (found.rate, found.ratio, found.latency, found.weight) == (rate, ratio, latency, 1));
            let gain = |policy| quantile(some().map(|replayed| replayed.gain(policy)), 0.5);
            let _ = write!(text, " {:.2} ({:.2}) |", gain(Policy::Optimal), gain(Policy::Oracle));
        }
        text.push('\n');
    }
}

/// The share of the machines' ratio that heavy sessions keep at 1 Gbit.
pub fn kept(all: &[Replayed]) -> Vec<(Domain, usize, f64)> {
    let mut found = Vec::new();
    for domain in Domain::ALL {
        for (ratio, times) in RATIOS.iter().enumerate() {
            let some = all.iter().filter(|one| (one.domain, one.weight, one.rate, one.ratio) == (domain, 2, 2, ratio));
            found.push((domain, ratio, quantile(some.map(|one| one.gain(Policy::Optimal) / times), 0.0)));
        }
    }
    found
}

fn heavy(all: &[Replayed], text: &mut String) {
    let _ = writeln!(
        text,
        "\n## Heavy sessions at 1 Gbit\nThe share of the machines' ratio that `optimal` keeps; the least over the four ways of moving and all round trips:\n\n| domain | {} |\n|---|{}",
        RATIOS.map(|ratio| format!("{ratio}x")).join(" | "),
        "---|".repeat(RATIOS.len())
    );
    for domain in Domain::ALL {
        let cells: Vec<String> =
            kept(all).iter().filter(|(known, ..)| *known == domain).map(|(_, _, share)| format!("{share:.2}")).collect();
        let _ = writeln!(text, "| {} | {} |", domain.as_str(), cells.join(" | "));
    }
}

fn losses(all: &[Replayed], text: &mut String) {
    let lost = all.iter().filter(|one| one.gain(Policy::Optimal) < 1.0 - 1e-9).count();
    let _ = writeln!(
        text,
        "\n## Where `optimal` loses\nIn {lost} of {} replays it is slower than `never`. The five worst, and the five furthest from the oracle:\n\n| sessions | domain | heavy cells | executor | link | round trip | gain | of `oracle` |\n|---|---|---|---|---|---|---|---|",
        all.len()
    );
    let mut worst: Vec<&Replayed> = all.iter().collect();
    worst.sort_by(|a, b| a.gain(Policy::Optimal).total_cmp(&b.gain(Policy::Optimal)));
    let mut far: Vec<&Replayed> = all.iter().collect();
    far.sort_by(|a, b| a.of_oracle(Policy::Optimal).total_cmp(&b.of_oracle(Policy::Optimal)));
    for one in worst.iter().take(5).chain(far.iter().take(5)) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {}x | {} | {} ms | {:.2} | {:.2} |",
            one.way.as_str(),
            one.domain.as_str(),
            WEIGHTS[one.weight].1,
            RATIOS[one.ratio],
            RATES[one.rate].1,
            LATENCIES[one.latency] * 1e3,
            one.gain(Policy::Optimal),
            one.of_oracle(Policy::Optimal)
        );
    }
    let beaten = |policy| all.iter().filter(|one| one.of(Policy::Optimal) > one.of(policy) * 1.001).count() as f64 / all.len() as f64;
    let simple = [Policy::Always, Policy::Cell, Policy::Block, Policy::Knowledge, Policy::Performance];
    let shares = simple.map(|policy| format!("`{}` in {:.0}%", policy.as_str(), 100.0 * beaten(policy)));
    let _ = writeln!(text, "\nIt is behind {} of the replays.", shares.join(", "));
}

fn users(text: &mut String) {
    let mut scripts = Vec::new();
    for (domain, way, weight) in each3(Domain::ALL.len(), Way::ALL.len(), WEIGHTS.len()) {
        let (model, session, truth) = session(domain, way, weight, 1);
        let log = replay(&model, &session, &truth, Policy::Optimal, &place(4.0, 125e6, 0.01), &preferences());
        scripts.push(truth.seconds.iter().copied().zip(log).collect());
    }
    let few = crowd(&scripts, 100, false);
    let limit = |used: f64| 100.0 / used;
    let _ = writeln!(
        text,
        "\n## Many users\n{} executors, each 4 times as fast as the users' machines, {} runs at a time, 10 Gbit, {:.0} GB of memory; users with 1 Gbit each. Users think for 25 s (median) between cells; sessions of all domains, ways and weights alike, moved as `optimal` moves them; two hours.\n\nFrom what 100 users use, slots are full with {:.0} users, memory with {:.0}, links with {:.0}: {}.\n\n| users | gain, waiting | gain, aware | wait for a slot, median | 99% | slots in use | links | memory at most | kept here by the aware |\n|---|---|---|---|---|---|---|---|---|",
        crowd::EXECUTORS,
        crowd::SLOTS,
        crowd::MEMORY / 1e9,
        limit(few.used.0),
        limit(few.used.2),
        limit(few.used.1),
        first(&few)
    );
    for count in [100, 300, 1000, 2000, 3000, 5000, 10_000] {
        let (blind, aware) = (crowd(&scripts, count, false), crowd(&scripts, count, true));
        let _ = writeln!(
            text,
            "| {count} | {:.2} | {:.2} | {:.1} s | {:.0} s | {:.0}% | {:.1}% | {:.0}% | {:.0}% |",
            blind.gain,
            aware.gain,
            blind.wait.0,
            blind.wait.1,
            100.0 * blind.used.0,
            100.0 * blind.used.1,
            100.0 * blind.used.2,
            100.0 * aware.kept
        );
    }
    text.push_str("\n\"Waiting\" users stand in line whatever it takes; \"aware\" ones are told how long the line is, and run the cell here when that is faster.\n");
}

fn first(used: &Outcome) -> &'static str {
    let (slots, links, memory) = used.used;
    if slots >= links && slots >= memory {
        "processors run out first"
    } else if memory >= links {
        "memory runs out first"
    } else {
        "links run out first"
    }
}
