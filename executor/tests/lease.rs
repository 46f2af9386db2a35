//! Links that are cut while a block runs: it goes on, is found again, and nothing is done twice or left behind.
#![cfg(unix)]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{TestBed, migration};
use nbhoist_executor::event::Event;
use nbhoist_executor::executors::{BackendConfig, Executor};
use nbhoist_executor::migrate::MigrateError;

/// Runs its arguments and passes bytes on in both directions, as a link does; it writes its process number into `folder`. Where a file beside
/// that says `DIRECTION KIBIBYTES TIMES`, one bit behind so many is turned on each link, so many times in all.
const RELAY: &str = "\
import os, subprocess, sys, threading
folder = sys.argv[1]
passed = {'>': 0, '<': 0}
def harmed(way, data):
    before, passed[way] = passed[way], passed[way] + len(data)
    try:
        direction, kibibytes, times = open(folder + '.spoil').read().split()
    except FileNotFoundError:
        return data
    at = (int(kibibytes) << 10) - before
    if way != direction or times == '0' or not 0 <= at < len(data):
        return data
    with open(folder + '.spoil', 'w') as file:
        file.write('%s %s %d' % (way, kibibytes, int(times) - 1))
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
with open(os.path.join(folder, '%d-%d' % (len(os.listdir(folder)), os.getpid())), 'w'):
    pass
def up():
    while True:
        data = os.read(0, 1 << 20)
        if not data:
            child.stdin.close()
            return
        child.stdin.write(harmed('>', data))
        child.stdin.flush()
threading.Thread(target=up, daemon=True).start()
while True:
    data = os.read(child.stdout.fileno(), 1 << 20)
    if not data:
        break
    data = harmed('<', data)
    while data:
        data = data[os.write(1, data):]
os._exit(child.wait() & 255)
";

/// A place behind a relay, where a worker is held for so many seconds.
fn behind_relay(folder: &Path, lease: f64) -> Executor {
    let folder = folder.to_string_lossy().into_owned();
    let command = ["{python}", "-c", RELAY, folder.as_str(), "{python}", "-u", "{worker}"].map(str::to_owned).to_vec();
    let place = Executor::new("relayed", BackendConfig::Command { command, close: None });
    Executor { lease: Duration::from_secs_f64(lease), ..place }
}

/// Kills the relay of the newest link.
fn cut(folder: &Path) {
    let mut relays: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    relays.sort();
    let (_, process) = relays.last().unwrap().split_once('-').unwrap();
    // The descriptors close with the process, as they do when a network fails.
    // One that was cut a moment ago may be gone.
    std::process::Command::new("kill").args(["-9", process]).status().unwrap();
}

/// How many workers are held here.
fn held() -> Vec<PathBuf> {
    let uid = std::fs::metadata("/proc/self").map(|found| std::os::unix::fs::MetadataExt::uid(&found)).unwrap();
    let entries = std::fs::read_dir(format!("/tmp/nbhoist-{uid}")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_link_is_found_again_and_no_cell_runs_twice() {
    let folder = tempfile::tempdir().unwrap();
    let marks = tempfile::tempdir().unwrap();
    let mark = marks.path().join("ran").display().to_string();
    let mut bed = TestBed::new("import numpy as np\ntable = np.arange(10.0)\nhidden = 5").await;
    bed.executor = behind_relay(folder.path(), 60.0);
    let first = format!(
        "open({mark:?}, 'a').write('1')\nimport time\nfor step in range(30):\n    print('step', step, flush=True)\n    time.sleep(0.1)"
    );
    let second = format!("open({mark:?}, 'a').write('2')\ntotal = table.sum() + hidden\nbig = np.ones(3_000_000)\ntotal");
    let request = migration(&[&first, &second], &["table"], &["total", "big"]);
    let relay = folder.path().to_path_buf();
    let look = move |event: &Event| match event {
        Event::Stream { text, .. } if text.contains("step 3\n") || text.contains("step 12\n") => cut(&relay),
        Event::CellStarted { cell } if cell.number == 2 => cut(&relay),
        _ => {}
    };
    let (report, events) = bed.migrate_with(&request, look).await;
    let report = report.unwrap();
    assert!(report.ok());
    let printed: String =
        events.iter().filter_map(|event| if let Event::Stream { text, .. } = event { Some(text.as_str()) } else { None }).collect();
    let expected: Vec<_> = (0..30).map(|step| format!("step {step}")).collect();
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    let notes = events.iter().filter(|event| matches!(event, Event::Note { text } if text.contains("there again"))).count();
    assert!(notes >= 2, "{notes} links");
    assert!(report.faults.contains(&"hidden".to_owned()), "{:?}", report.faults);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "12");
    assert_eq!(bed.printed("print(total, big.sum())").await, "50.0 3000000.0\n");
    bed.end().await;
}

/// Moves a block with 8 MB each way over a relay that is told to do harm; gives how many links it took or why it failed, and whether the kernel
/// has the result then.
async fn spoiled(harm: &str) -> (Result<usize, String>, String) {
    let beside = tempfile::tempdir().unwrap();
    let folder = beside.path().join("relays");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.with_extension("spoil"), harm).unwrap();
    let mut bed = TestBed::new("import numpy as np\ntable = np.random.default_rng().integers(1 << 62, size=1_000_000)\nback = None").await;
    bed.executor = behind_relay(&folder, 60.0);
    let (report, _) = bed.migrate(&migration(&["back = table + 1"], &["table"], &["back"])).await;
    let said = report.map(|_| std::fs::read_dir(&folder).unwrap().count()).map_err(|error| error.to_string());
    let state = bed.printed("print(None if back is None else bool((back == table + 1).all()))").await;
    bed.end().await;
    (said, state)
}

#[tokio::test(flavor = "multi_thread")]
async fn result_that_was_changed_on_its_way_is_sent_once_more() {
    let (said, state) = spoiled("< 4096 1").await;
    assert_eq!((said, state.as_str()), (Ok(2), "True\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn result_that_never_comes_as_it_was_sent_is_given_up() {
    let (said, state) = spoiled("< 100 99").await;
    assert!(said.as_ref().is_err_and(|error| error.contains("changed on its way")), "{said:?}");
    assert_eq!(state, "None\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_was_changed_on_its_way_is_not_computed_with() {
    let (said, state) = spoiled("> 4096 1").await;
    assert!(said.as_ref().is_err_and(|error| error.contains("changed on its way")), "{said:?}");
    assert_eq!(state, "None\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn place_that_stays_away_is_given_up_and_takes_everything_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = TestBed::new("x = 1").await;
    bed.executor = behind_relay(folder.path(), 3.0);
    let before = bed.fingerprint().await;
    let relay = folder.path().to_path_buf();
    let mut processes = Vec::new();
    let look = |event: &Event| {
        if let Event::Stream { text, .. } = event {
            processes.push(text.trim().to_owned());
            // What is not a directory any more cannot take the next relay's file.
            let (gone, left) = (relay.clone(), relay.with_extension("away"));
            cut(&gone);
            std::fs::rename(gone, left).unwrap();
        }
    };
    let source = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\nx = 2";
    let (report, _) = bed.migrate_with(&migration(&[source], &["x"], &["x"]), look).await;
    let error = report.unwrap_err();
    assert!(matches!(error, MigrateError::WorkerDied { .. }), "{error}");
    assert!(error.to_string().contains("could not be reached again within 3 s"), "{error}");
    assert_eq!(bed.fingerprint().await, before);
    let worker: u32 = processes[0].parse().unwrap();
    common::wait_until(|| !common::group_exists(worker), "the worker is still there").await;
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_worker_that_dies_says_how_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = TestBed::new("x = 1").await;
    bed.executor = behind_relay(folder.path(), 60.0);
    let (report, _) = bed.migrate(&migration(&["import os\nos.kill(os.getpid(), 9)"], &["x"], &[])).await;
    let error = report.unwrap_err().to_string();
    assert!(error.contains("signal 9") && error.contains("during run of cell 1"), "{error}");
    let (report, _) = bed.migrate(&migration(&["y = x + 1"], &["x"], &["y"])).await;
    report.unwrap();
    assert_eq!(bed.printed("print(y)").await, "2\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_cell_ends_the_block_and_a_cancelled_one_leaves_no_worker() {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = TestBed::new("x = 1").await;
    bed.executor = behind_relay(folder.path(), 60.0);
    let (report, _) = bed.migrate(&migration(&["y = 1\n1 / 0", "y = 2"], &["x"], &["y"])).await;
    let report = report.unwrap();
    assert_eq!(report.cells.len(), 1);
    assert_eq!(bed.printed("print(y)").await, "1\n");
    let cancel = bed.cancel.clone();
    let before = held().len();
    let look = move |event: &Event| {
        if matches!(event, Event::Stream { .. }) {
            cancel.cancel();
        }
    };
    let source = "import time\nprint('on')\ntime.sleep(60)";
    let (report, _) = bed.migrate_with(&migration(&[source, "y = 3"], &["x"], &["y"]), look).await;
    assert!(matches!(report, Err(MigrateError::Cancelled { .. })));
    common::wait_until(|| held().len() <= before, "a socket is left").await;
    bed.end().await;
}
