//! What is to be done and what was found, for all kernels; and the table as a page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::stage::Stage;
use super::{FAULTS, STAGES, Step, broken, can_happen, leak};

/// In the table, where something that must hold does not.
pub(crate) const FAILED: &str = "**fails**";

/// Where a full run keeps what it found, a line for each fault: the step, the fault, the state, seconds.
const KEPT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/faults.tsv");

/// What was found: the state, and the time that it took, seconds.
type Found = BTreeMap<(usize, usize), (&'static str, f64)>;

/// What is to be done and what was found.
pub(crate) struct Board {
    steps: Vec<Step>,
    queue: Mutex<Vec<(usize, usize)>>,
    found: Mutex<Found>,
    /// Whether what is found is kept for a run that goes on.
    keeps: bool,
}

impl Board {
    /// All faults that can happen at these steps and are wanted; with `resume`, without those that were survived by the last run.
    pub(crate) fn new(steps: Vec<Step>, wanted: impl Fn(usize, usize) -> bool, keeps: bool, resume: bool) -> Self {
        let all = (0..steps.len()).flat_map(|row| (0..FAULTS.len()).map(move |column| (row, column)));
        let possible = all.filter(|(row, column)| can_happen(&steps[*row], FAULTS[*column]));
        let found = if resume { kept(&steps) } else { Found::new() };
        let open = |place: &(usize, usize)| wanted(place.0, place.1) && !found.contains_key(place);
        let mut queue: Vec<_> = possible.filter(open).collect();
        // Where time is limited, what was done is spread over the table.
        queue.sort_by_key(|(row, column)| (row * 7 + column * 11) % 37);
        if keeps && !resume {
            std::fs::write(KEPT, "").unwrap();
        }
        Self { steps, queue: Mutex::new(queue), found: Mutex::new(found), keeps }
    }

    /// Takes faults from the queue until it is empty, or there is no time left.
    pub(crate) async fn work(self: Arc<Self>, disk: PathBuf, until: Option<Instant>) {
        let mut stage = Stage::new(disk.clone()).await;
        while until.is_none_or(|until| Instant::now() < until) {
            let Some((row, column)) = self.queue.lock().unwrap().pop() else { break };
            let (began, board, (fault, _)) = (Instant::now(), Arc::clone(&self), FAULTS[column]);
            let one = tokio::spawn(async move {
                let state = broken(&mut stage, &board.steps[row], fault).await;
                (stage, state)
            });
            let state = match one.await {
                Ok((left, state)) => {
                    stage = left;
                    state
                }
                Err(_) => {
                    // What it left must not count against the next one.
                    for entry in std::fs::read_dir(&disk).unwrap().flatten() {
                        let path = entry.path();
                        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
                    }
                    stage = Stage::new(disk.clone()).await;
                    FAILED
                }
            };
            self.note((row, column), state, began.elapsed().as_secs_f64());
        }
        stage.end();
    }

    fn note(&self, (row, column): (usize, usize), state: &'static str, seconds: f64) {
        let (step, fault) = (self.steps[row].order(""), FAULTS[column].0);
        eprintln!("{step} {fault}: {state} ({seconds:.1} s)");
        let mut found = self.found.lock().unwrap();
        found.insert((row, column), (state, seconds));
        if self.keeps {
            let mut file = std::fs::File::options().create(true).append(true).open(KEPT).unwrap();
            writeln!(file, "{step}\t{fault}\t{state}\t{seconds:.1}").unwrap();
        }
    }

    /// Whether something that must hold did not.
    pub(crate) fn has_failed(&self) -> bool {
        self.found.lock().unwrap().values().any(|(state, _)| *state == FAILED)
    }

    /// Writes the table so far.
    pub(crate) fn write(&self) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md");
        std::fs::write(path, page(&self.steps, &self.found.lock().unwrap())).unwrap();
    }
}

/// What the last full run has survived.
fn kept(steps: &[Step]) -> Found {
    let text = std::fs::read_to_string(KEPT).unwrap_or_default();
    let read = |line: &str| {
        let [step, fault, state, seconds] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        let row = steps.iter().position(|known| known.order("") == step)?;
        let column = FAULTS.iter().position(|(known, _)| *known == fault)?;
        (state != FAILED).then(|| ((row, column), (leak(state.to_owned()), seconds.parse().unwrap_or_default())))
    };
    text.lines().filter_map(read).collect()
}

/// The table as a page.
fn page(steps: &[Step], found: &Found) -> String {
    let mut text = include_str!("head.md").to_owned();
    let names = FAULTS.map(|(name, _)| name);
    let possible = steps.iter().flat_map(|step| FAULTS.map(|fault| can_happen(step, fault))).filter(|can| *can).count();
    let failed = found.values().filter(|(state, _)| *state == FAILED).count();
    let mut times: Vec<f64> = found.values().map(|(_, seconds)| *seconds).collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let (faults, all, runs) = (FAULTS.len(), steps.len(), found.len());
    let _ = writeln!(
        text,
        "{faults} faults at {all} steps: {runs} of {possible} were done, {failed} of them fail. With {STAGES} kernels at once one takes a median of \
         {median:.0} s: the fault, what is checked, and the block once more.\n"
    );
    let _ = writeln!(text, "| step | {} |\n|---|{}", names.join(" | "), "---|".repeat(FAULTS.len()));
    for (row, step) in steps.iter().enumerate() {
        let state = |column: usize| found.get(&(row, column)).map_or_else(|| blank(step, column), |(state, _)| *state);
        let cells: Vec<_> = (0..FAULTS.len()).map(state).collect();
        let _ = writeln!(text, "| {} | {} |", step.title(), cells.join(" | "));
    }
    text
}

/// What stands where nothing was found.
fn blank(step: &Step, column: usize) -> &'static str {
    if can_happen(step, FAULTS[column]) { "not run" } else { "-" }
}
