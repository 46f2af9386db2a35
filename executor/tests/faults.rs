//! Every fault at every step of a migration: nothing is half done, nothing runs twice, nothing is left, and once more works.
//!
//! A real kernel, a real nbhoist in a process of its own, a real worker, and a relay between the last two that does harm at one frame.
//! `NBHOIST_FAULTS=full` does every fault at every step and writes `docs/faults.md`; else there is a sample. `NBHOIST_FAULTS=resume` does what
//! the last full run has not done, or found to fail.
#![cfg(target_os = "linux")]

#[path = "faults/board.rs"]
mod board;
mod common;
#[path = "faults/nbhoist.rs"]
mod nbhoist;
#[path = "faults/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use board::Board;
use common::wait_until;
use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::executors::Executor;
use nbhoist_executor::migrate::migrate;
use stage::{PATIENCE, PREPARE, Stage, alive, faketime};

/// All that the block could change, with who shares what.
const STATE: &str = "print(rows, alias is rows, nested['rows'] is rows, apart is rows, apart, total, int(large.sum()))";
const BEFORE: &str = "[1, 2] True True False [1, 2] None 179999700000\n";
const AFTER: &str = "[1, 2, 3] True True False [1, 2] 6 179999700000\n";

/// Every variable with its identity and value.
const ALL: &str = "print(sorted((_n, id(_v), repr(_v)) for _n, _v in list(globals().items()) \
    if not _n.startswith('_') and _n not in ('In', 'Out', 'get_ipython', 'exit', 'quit', 'open')))";

/// What goes wrong, and whether it needs a frame on the link.
const FAULTS: [(&str, bool); 15] = [
    ("kill-worker", true),
    ("kill-nbhoist", false),
    ("kill-kernel", false),
    ("cut-link", true),
    ("stall-link", true),
    ("truncate", true),
    ("corrupt-length", true),
    ("corrupt-byte", true),
    ("memory-there", true),
    ("disk-there", true),
    ("disk-here", false),
    ("clock-there", true),
    ("user-runs", false),
    ("kernel-restarts", false),
    ("second-migration", false),
];

/// How many kernels there are at once.
const STAGES: usize = 4;

/// Tells the inner run where its small disks are.
const DISKS: &str = "NBHOIST_TEST_DISKS";

/// One point in a migration: a frame (direction, `op`, which of those), or the beginning of a phase in which no frame passes.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Frame(String, String, usize),
    Phase(&'static str),
}

impl Step {
    /// What the migration does there.
    fn title(&self) -> String {
        let Self::Frame(way, op, nth) = self else { return self.order("") };
        let meaning = match (way.as_str(), op.as_str()) {
            (">", "program" | "hello") => "start of the worker",
            ("<", "hello") => "capture",
            (">", "begin" | "imports") | ("<", "ok") => "preparation",
            (">", "buffer") => "upload, part",
            (">", "bundle") => "load",
            (">", "run") => "begin of cell",
            ("<", "done") => "end of cell",
            ("<", "stream" | "execute_result") => "output",
            (">", "collect") => "return asked for",
            ("<", "buffer") => "return, part",
            ("<", "collected") => "verify",
            _ => "end",
        };
        format!("{meaning} {nth} (`{way} {op}`)")
    }

    fn order(&self, fault: &str) -> String {
        match self {
            Self::Frame(way, op, nth) => format!("{way} {op} {nth} {fault}"),
            Self::Phase(name) => (*name).to_owned(),
        }
    }
}

/// The steps of a migration in which nothing goes wrong.
fn steps(log: &[String], full: bool) -> Vec<Step> {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut steps = vec![Step::Phase("probe")];
    for line in log {
        let Some((way @ (">" | "<"), op)) = line.split_once(' ') else { continue };
        let nth = seen.entry((way.to_owned(), op.to_owned())).or_default();
        *nth += 1;
        // Answers are all alike.
        if *nth == 1 || (full && op != "ok") {
            steps.push(Step::Frame(way.to_owned(), op.to_owned(), *nth));
        }
    }
    let last = steps.iter().position(|step| matches!(step, Step::Frame(way, op, _) if way == ">" && op == "exit"));
    steps.insert(last.unwrap_or(steps.len()), Step::Phase("restore"));
    steps
}

/// Whether somebody else than the relay does it, while that waits.
fn is_waited_for(fault: &str) -> bool {
    ["kill-kernel", "disk-here", "user-runs", "kernel-restarts", "second-migration"].contains(&fault)
}

/// Does what the relay waits for.
async fn harm(stage: &mut Stage, fault: &str) {
    match fault {
        "kill-kernel" => stage.kill_kernel(),
        "kernel-restarts" => {
            stage.kill_kernel();
            stage.another_kernel(true).await;
        }
        "disk-here" => fill(stage),
        "user-runs" => drop(stage.printed("rows = [7]").await),
        "second-migration" => {
            let (local, request, cancel) = (Executor { cache: false, ..Executor::local() }, stage.request(), Cancel::new());
            let report = migrate(&mut stage.kernel, &local, &request, &mut |_| {}, &cancel).await;
            assert!(report.unwrap().ok());
        }
        other => panic!("{other}"),
    }
    stage.go();
}

/// Leaves no byte on the disk of the spool.
fn fill(stage: &Stage) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(stage.spool.join("filler")).unwrap();
    for size in [1 << 16, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// Waits for the end of an nbhoist, whatever else is to be done meanwhile; whether it succeeded.
async fn watched(stage: &mut Stage, mut child: Child, fault: &str, what: &str) -> (bool, String) {
    let began = Instant::now();
    let mut done = false;
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            panic!("{what}: it hangs: {}", String::from_utf8_lossy(&output.stdout));
        }
        if !done && stage.was_hit() && (is_waited_for(fault) || fault == "stall-link") {
            done = true;
            if fault == "stall-link" {
                std::fs::write(stage.folder.path().join("cancel"), "").unwrap();
            } else {
                harm(stage, fault).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let output = child.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (text.contains("REPORT ok"), text)
}

/// The states that a fault may end in, with what they are called.
fn allowed(step: &Step, fault: &str, ok: bool) -> Vec<(&'static str, &'static str)> {
    // The worker ends when its result is in the kernel.
    let was_home = matches!(step, Step::Frame(_, op, _) if op == "exit" || op == "bye");
    let user = "False False False [1, 2]";
    match fault {
        "user-runs" if ok => vec![
            (leak(format!("[7, 3] {user} 10 179999700000\n")), "after, on the user's value"),
            (leak(format!("[7] {user} 6 179999700000\n")), "after, then the user"),
        ],
        "user-runs" => vec![(leak(format!("[7] {user} None 179999700000\n")), "before, then the user")],
        "second-migration" if ok => vec![("[1, 2, 3, 3] True True False [1, 2] 9 179999700000\n", "after both")],
        "second-migration" => vec![(AFTER, "after the second")],
        "kernel-restarts" if ok && was_home => vec![(BEFORE, "after, then the restart")],
        _ if ok => vec![(AFTER, "after")],
        _ => vec![(BEFORE, "before")],
    }
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// Does one fault at one step, checks all that must hold, and says in which state the kernel is.
async fn broken(stage: &mut Stage, step: &Step, fault: &str) -> &'static str {
    stage.clear();
    let before = stage.printed(ALL).await;
    let there = if is_waited_for(fault) { "wait" } else { fault };
    let what = format!("{} {fault}", step.order(""));
    let child = match step {
        Step::Frame(..) => stage.nbhoist(&step.order(there), None, fault),
        Step::Phase(phase) => stage.nbhoist("", Some(phase), there),
    };
    let (ok, text) = watched(stage, child, fault, &what).await;
    assert!(stage.was_hit(), "{what}: {text}");
    assert!(stage.runs() <= if fault == "second-migration" { 2 } else { 1 }, "{what}: the block ran twice");
    let log = stage.log();
    let processes: Vec<_> = log.iter().filter_map(|line| line.strip_prefix("worker ").or(line.strip_prefix("relay "))).collect();
    wait_until(|| !processes.iter().any(|pid| alive(pid)), &format!("{what}: a process is left")).await;
    let _ = std::fs::remove_file(stage.spool.join("filler"));
    let killed = fault == "kill-nbhoist";
    let left = stage.left_behind(killed);
    assert!(killed || left.is_empty(), "{what}: {left:?}");
    let state = if fault == "kill-kernel" {
        stage.another_kernel(false).await;
        "gone with the kernel"
    } else {
        let state = stage.printed(STATE).await;
        if !ok && !["user-runs", "second-migration", "kernel-restarts"].contains(&fault) && !killed {
            assert_eq!(stage.printed(ALL).await, before, "{what}");
        }
        let mut allowed = allowed(step, fault, ok);
        if killed {
            allowed.push((AFTER, "after"));
        }
        let found = allowed.iter().find(|(text, _)| *text == state);
        found.unwrap_or_else(|| panic!("{what}: {state} {ok}: {text}")).1
    };
    once_more(stage, &what).await;
    state
}

/// The same block, moved once more by the user.
async fn once_more(stage: &mut Stage, what: &str) {
    stage.clear();
    stage.printed(PREPARE).await;
    let child = stage.nbhoist("", None, "");
    let (ok, text) = watched(stage, child, "", what).await;
    assert!(ok, "{what}, once more: {text}");
    assert_eq!((stage.printed(STATE).await.as_str(), stage.runs()), (AFTER, 1), "{what}, once more");
    assert_eq!(stage.left_behind(false), Vec::<PathBuf>::new(), "{what}, once more");
    stage.printed(PREPARE).await;
}

/// Whether a fault can happen at a step.
fn can_happen(step: &Step, (fault, on_link): (&str, bool)) -> bool {
    let there = fault != "clock-there" || faketime().is_some();
    there && (!on_link || matches!(step, Step::Frame(..)))
}

#[test]
fn every_fault_at_every_step_leaves_all_or_nothing() {
    let disks = tempfile::tempdir().unwrap();
    let mount = "for disk in 1 2 3 4; do mkdir \"$1/$disk\" && mount -t tmpfs -o size=32m none \"$1/$disk\" || exit 1; done";
    let script = format!("{mount}; exec \"$2\" --exact faults_on_small_disks --ignored --nocapture");
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script, "sh"]).arg(disks.path()).arg(std::env::current_exe().unwrap());
    assert!(command.env(DISKS, disks.path()).status().unwrap().success());
}

/// How long a full run may take, where that is limited.
fn limit() -> Option<Instant> {
    let minutes: u64 = std::env::var("NBHOIST_FAULTS_MINUTES").ok()?.parse().ok()?;
    Some(Instant::now() + Duration::from_mins(minutes))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs small disks; every_fault_at_every_step_leaves_all_or_nothing runs it"]
async fn faults_on_small_disks() {
    let extent = std::env::var("NBHOIST_FAULTS").unwrap_or_default();
    let full = extent == "full" || extent == "resume";
    let disks = PathBuf::from(std::env::var_os(DISKS).unwrap());
    let disk = |number: usize| disks.join(number.to_string());
    let mut stage = Stage::new(disk(1)).await;
    once_more(&mut stage, "nothing wrong").await;
    let steps = steps(&stage.log(), full);
    stage.end();
    assert!(steps.len() > 10, "{steps:?}");
    // The sample has each fault and each step about once, in turns.
    let wanted = |row: usize, column: usize| full || row % FAULTS.len() == (column * 4 + 1) % FAULTS.len();
    let board = Arc::new(Board::new(steps, wanted, full, extent == "resume"));
    let until = limit();
    let workers: Vec<_> = (1..=STAGES).map(|number| tokio::spawn(Arc::clone(&board).work(disk(number), until))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    if full {
        board.write();
    }
    assert!(!board.has_failed(), "what fails stands above");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "is what the other tests start as an nbhoist of its own"]
async fn nbhoist_of_its_own() {
    nbhoist::run().await;
}
