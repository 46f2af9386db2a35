//! A link that breaks at every frame of a migration, in every way: nothing is half done, nothing runs twice, nothing is left.
//!
//! A real kernel, a real worker, and a relay between them that breaks the link at one frame. `NBHOIST_FAULTS=full` breaks every
//! frame in every way and writes `docs/faults.md`; else the first frame of each kind is broken in one way.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{TestBed, migration, wait_until};
use nbhoist_executor::executors::{BackendConfig, Executor};

/// Names that share a list, and a list that does not.
const PREPARE: &str = "rows = [1, 2]\nalias = rows\nnested = {'rows': rows}\napart = [1, 2]\ntotal = None";

/// All that the block could change, with who shares what.
const STATE: &str = "print(rows, alias is rows, nested['rows'] is rows, apart is rows, apart, total)";
const BEFORE: &str = "[1, 2] True True False [1, 2] None\n";
const AFTER: &str = "[1, 2, 3] True True False [1, 2] 6\n";

/// How a link breaks.
const FAULTS: [&str; 6] = ["kill-worker", "cut-link", "truncate", "corrupt-length", "corrupt-byte", "stall-link"];

/// A place on this machine behind the relay.
struct Relayed {
    folder: tempfile::TempDir,
}

impl Relayed {
    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn counter(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    fn executor(&self, order: &str) -> Executor {
        let _ = std::fs::remove_file(self.log());
        let relay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/relay.py").to_owned();
        let folder = self.folder.path().to_string_lossy().into_owned();
        let rest = ["{python}", "-u", "{worker}"].map(str::to_owned);
        let command = ["{python}".to_owned(), relay, folder, order.to_owned()].into_iter().chain(rest).collect();
        Executor { cache: false, ..Executor::new("relayed", BackendConfig::Command { command, close: None }) }
    }

    fn logged(&self) -> Vec<String> {
        std::fs::read_to_string(self.log()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// How often the block has begun since the last time this was asked.
    fn runs(&self) -> usize {
        let runs = std::fs::read_to_string(self.counter()).unwrap_or_default().lines().count();
        let _ = std::fs::remove_file(self.counter());
        runs
    }

    /// The two cells of the block; the first leaves a mark outside when it begins.
    fn block(&self) -> [String; 2] {
        let mark = format!("with open({:?}, 'a') as _file:\n    _file.write('run\\n')\ndel _file", self.counter().to_string_lossy());
        [format!("{mark}\nrows.append(3)\nprint('appended')"), "total = sum(rows)\ntotal".to_owned()]
    }
}

/// One place where the link breaks: the direction and the `op` of a frame, and which of those it is.
type Step = (String, String, usize);

/// The steps of a migration in which nothing breaks.
fn steps(log: &[String], full: bool) -> Vec<Step> {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in log {
        let Some((way @ (">" | "<"), op)) = line.split_once(' ') else { continue };
        let nth = seen.entry((way.to_owned(), op.to_owned())).or_default();
        *nth += 1;
        if full || *nth == 1 {
            steps.push((way.to_owned(), op.to_owned(), *nth));
        }
    }
    steps
}

/// Whether a process is alive; a zombie is not.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Breaks the link at one step, checks all that must hold, and says which of the two states the kernel is in.
async fn broken(bed: &mut TestBed, place: &Relayed, step: &Step, fault: &str) -> &'static str {
    let order = format!("{} {} {} {fault}", step.0, step.1, step.2);
    let cells = place.block();
    let request = migration(&[&cells[0], &cells[1]], &["rows", "total"], &["rows", "total"]);
    bed.executor = place.executor(&order);
    let before = bed.fingerprint().await;
    if fault == "stall-link" {
        bed.cancel = nbhoist_executor::cancel::Cancel::new();
        let (cancel, log) = (bed.cancel.clone(), place.log());
        tokio::spawn(async move {
            wait_until(|| std::fs::read_to_string(&log).unwrap_or_default().contains("hit\n"), "the link never stalled").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            cancel.cancel();
        });
    }
    let patience = Duration::from_mins(2);
    let Ok((report, _)) = tokio::time::timeout(patience, bed.migrate(&request)).await else { panic!("{order}: it hangs") };
    bed.cancel = nbhoist_executor::cancel::Cancel::new();
    let log = place.logged();
    assert!(log.iter().any(|line| line == "hit"), "{order}: {log:?}");
    let ok = report.as_ref().is_ok_and(nbhoist_executor::migrate::Report::ok);
    let state = bed.printed(STATE).await;
    assert_eq!(state, if ok { AFTER } else { BEFORE }, "{order}: {report:?}");
    if !ok {
        assert_eq!(bed.fingerprint().await, before, "{order}");
    }
    assert!(place.runs() <= 1, "{order}: the block ran twice");
    assert_eq!(bed.left_behind(), Vec::<String>::new(), "{order}");
    let workers: Vec<_> = log.iter().filter_map(|line| line.strip_prefix("worker ")).collect();
    wait_until(|| !workers.iter().any(|pid| alive(pid)), &format!("{order}: the worker is left")).await;

    bed.printed(PREPARE).await;
    bed.executor = place.executor("");
    let (report, _) = bed.migrate(&request).await;
    assert!(report.as_ref().is_ok_and(nbhoist_executor::migrate::Report::ok), "{order}, once more: {report:?}");
    assert_eq!((bed.printed(STATE).await.as_str(), place.runs()), (AFTER, 1), "{order}, once more");
    bed.printed(PREPARE).await;
    if ok { "after" } else { "before" }
}

/// The table as a page.
fn page(steps: &[Step], table: &[Vec<&str>]) -> String {
    let mut text = include_str!("faults/head.md").to_owned();
    let _ = writeln!(text, "| step | {} |\n|---|{}", FAULTS.join(" | "), "---|".repeat(FAULTS.len()));
    for ((way, op, nth), row) in steps.iter().zip(table) {
        let way = if way == ">" { "to the worker" } else { "from it" };
        let _ = writeln!(text, "| {way}: `{op}` {nth} | {} |", row.join(" | "));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn link_that_breaks_at_any_frame_leaves_all_or_nothing() {
    let full = std::env::var_os("NBHOIST_FAULTS").is_some_and(|value| value == "full");
    let place = Relayed { folder: tempfile::tempdir().unwrap() };
    let mut bed = TestBed::new(PREPARE).await;
    bed.executor = place.executor("");
    let cells = place.block();
    let request = migration(&[&cells[0], &cells[1]], &["rows", "total"], &["rows", "total"]);
    let (report, _) = bed.migrate(&request).await;
    assert!(report.unwrap().ok());
    assert_eq!((bed.printed(STATE).await.as_str(), place.runs()), (AFTER, 1));
    bed.printed(PREPARE).await;
    let steps = steps(&place.logged(), full);
    assert!(steps.len() > 10, "{steps:?}");

    let mut table = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let mut row = Vec::new();
        // The sample breaks every step in one way, and takes turns.
        for fault in FAULTS.into_iter().skip(if full { 0 } else { index % FAULTS.len() }).take(if full { FAULTS.len() } else { 1 }) {
            let began = std::time::Instant::now();
            let state = broken(&mut bed, &place, step, fault).await;
            eprintln!("{step:?} {fault}: {state} ({:.1} s)", began.elapsed().as_secs_f64());
            row.push(state);
        }
        table.push(row);
    }
    if full {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md");
        std::fs::write(path, page(&steps, &table)).unwrap();
    }
    bed.end().await;
}
