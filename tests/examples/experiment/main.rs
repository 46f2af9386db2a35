//! Sessions in real notebooks under every policy, on two machines that differ: `bench/experiment.sh` prepares them and runs this.
//!
//! Each session adds one line of JSON to a file; those that are there already are not run again, so that a run which was
//! interrupted goes on. `bench/experiment_report.py` makes the report of them.

mod machines;
mod replay;
mod scenario;
mod states;

use std::io::Write as _;
use std::path::PathBuf;

use nbhoist_analyzer::placement::policy::Policy;
use nbhoist_tests::simulation::sessions::Way;
use serde_json::{Value, json};

use machines::{Far, Machines};
use scenario::Scenario;

/// What is asked for on the command line: `--key value`, lists with commas.
struct Asked(Vec<String>);

impl Asked {
    fn list(&self, key: &str, otherwise: &str) -> Vec<String> {
        let at = self.0.iter().position(|argument| *argument == format!("--{key}"));
        let text = at.and_then(|at| self.0.get(at + 1)).map_or(otherwise, String::as_str);
        text.split(',').map(str::to_owned).collect()
    }

    fn one(&self, key: &str, otherwise: &str) -> String {
        self.list(key, otherwise).swap_remove(0)
    }

    fn numbers(&self, key: &str, otherwise: &str) -> Vec<f64> {
        self.list(key, otherwise).iter().map(|text| text.parse().expect("a number")).collect()
    }
}

/// One session of the grid.
struct Kind {
    scenario: &'static Scenario,
    way: Way,
    far: Far,
    mbit: f64,
    policy: Policy,
    repeat: u64,
    /// How often the user turns the parameter, and how long that takes each time.
    rounds: usize,
    pause: f64,
    /// How long they look at a result before the next cell.
    look: f64,
    /// Whether what comes before the first turn is made ready and not counted.
    prepared: bool,
    /// What is left out of the runner, to see what it is worth.
    without: String,
}

impl Kind {
    /// The circumstances, as they stand in its record.
    fn key(&self) -> Value {
        json!({
            "notebook": self.scenario.key, "way": self.way.as_str(), "ratio": self.far.ratio, "mbit": self.mbit,
            "policy": self.policy.as_str(), "repeat": self.repeat, "rounds": self.rounds, "share": self.far.share,
            "delay": self.far.delay, "pause": self.pause, "look": self.look, "prepared": self.prepared, "without": self.without,
        })
    }
}

#[tokio::main]
async fn main() {
    let asked = Asked(std::env::args().skip(1).collect());
    let file = PathBuf::from(asked.one("results", "bench/experiment.jsonl"));
    let python = PathBuf::from(asked.one("python", "python3"));
    let groups = [asked.one("near", "near"), asked.one("far", "far")];
    let machines = Machines::new(&groups, &asked.one("ssh", "config"), &asked.one("far-python", "python3"));
    if asked.one("states", "no") == "yes" {
        for scenario in Scenario::all() {
            let key = json!({ "notebook": scenario.key, "states": true });
            if !records(&file).iter().any(|record| same(record, &key)) {
                add(&file, &key, Box::pin(states::of(scenario, &python)).await);
            }
        }
    }
    for kind in grid(&asked) {
        let (key, known) = (kind.key(), records(&file));
        if !known.iter().any(|record| same(record, &key)) {
            let session = replay::session(&kind, &machines, &python, &known);
            let record = Box::pin(session).await;
            add(&file, &key, record);
        }
    }
}

/// Everything that is asked for: a whole round of it before the next one, so that an interrupted run has something of each.
fn grid(asked: &Asked) -> Vec<Kind> {
    let words = asked.list("policies", "never,always,cell,block,knowledge,performance,optimal");
    let policies: Vec<Policy> = words.iter().map(|word| Policy::from_word(word).expect("a policy")).collect();
    let known = |key: &String| Scenario::all().iter().find(|known| known.key == key).expect("a notebook of ours");
    let scenarios: Vec<_> = asked.list("notebooks", "digits,image,remote").iter().map(known).collect();
    let known = |word: &String| Way::ALL.into_iter().find(|known| known.as_str() == word).expect("a way of moving");
    let ways: Vec<Way> = asked.list("ways", "hyperparameter loop").iter().map(known).collect();
    let share = asked.numbers("share", "0.8")[0];
    let rounds = asked.one("rounds", "2").parse().expect("a number");
    let (pause, look, delay) = (asked.numbers("pause", "4")[0], asked.numbers("look", "2")[0], asked.numbers("delay", "0")[0]);
    let (prepared, without) = (asked.one("prepared", "no") == "yes", asked.one("without", ""));
    let mut kinds = Vec::new();
    for repeat in 0..asked.one("repeats", "5").parse().expect("a number") {
        for (mbit, ratio) in each(&asked.numbers("mbit", "1000"), &asked.numbers("ratios", "4")) {
            for (scenario, way) in each(&scenarios, &ways) {
                let far = Far { ratio, share, rate: mbit * 1e6 / 8.0, delay };
                let kind = |&policy| {
                    let without = without.clone();
                    Kind { scenario, way, far, mbit, policy, repeat, rounds, pause, look, prepared, without }
                };
                kinds.extend(policies.iter().map(kind));
            }
        }
    }
    kinds
}

/// Every pair.
fn each<A: Copy, B: Copy>(one: &[A], other: &[B]) -> Vec<(A, B)> {
    one.iter().flat_map(|&a| other.iter().map(move |&b| (a, b))).collect()
}

/// The lines that are there.
fn records(file: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Whether a record is of these circumstances.
fn same(record: &Value, key: &Value) -> bool {
    key.as_object().is_some_and(|key| key.iter().all(|(name, value)| record.get(name) == Some(value)))
}

fn add(file: &std::path::Path, key: &Value, mut record: Value) {
    if let (Some(record), Some(key)) = (record.as_object_mut(), key.as_object()) {
        record.extend(key.clone());
    }
    println!("{} {} {} s", key, if record["ok"] == true { "took" } else { "failed after" }, record["seconds"]);
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).expect("a file for the results");
    file.write_all(format!("{record}\n").as_bytes()).expect("room for a line");
}
