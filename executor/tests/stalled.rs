//! Links that stand still, with both ends there: nothing passes, nothing ends. Who cancels gets away at once, wherever the block is.
#![cfg(unix)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{TestBed, migration};
use nbhoist_executor::event::{Event, Phase};
use nbhoist_executor::executors::{BackendConfig, Executor};
use nbhoist_executor::migrate::{MigrateError, Migration};

/// Runs its arguments and passes bytes on in both directions, until a file `stall` is there: then none, in neither, and goes on living.
const RELAY: &str = "\
import os, subprocess, sys, threading, time
stall = os.path.join(sys.argv[1], 'stall')
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
with open(os.path.join(sys.argv[1], 'processes'), 'a') as file:
    file.write('%d\\n%d\\n' % (os.getpid(), child.pid))
def carry(source, sink):
    while True:
        data = os.read(source, 1 << 16)
        while os.path.exists(stall):
            time.sleep(0.05)
        if not data:
            return
        while data:
            data = data[os.write(sink, data):]
def up():
    carry(0, child.stdin.fileno())
    child.stdin.close()
threading.Thread(target=up, daemon=True).start()
carry(child.stdout.fileno(), 1)
os._exit(child.wait() & 255)
";

/// How long it may take on a machine that is busy. Without a measure against it, it takes from 15 s to for ever.
const AT_ONCE: Duration = Duration::from_secs(12);

/// State that no queue or pipe on the way holds, and that does not compress; `large` is an input, `hidden` a name that the block is found to read.
const PREPARE: &str = "import numpy as np\nlarge = np.random.default_rng(0).random(8_000_000)\nhidden = large + 1\nx = 1";

/// A place behind the relay, where a worker is held for so many seconds.
fn behind_relay(folder: &Path, lease: u64) -> Executor {
    let folder = folder.to_string_lossy().into_owned();
    let command = ["{python}", "-c", RELAY, folder.as_str(), "{python}", "-u", "{worker}"].map(str::to_owned).to_vec();
    let place = Executor::new("relayed", BackendConfig::Command { command, close: None });
    Executor { lease: Duration::from_secs(lease), cache: false, ..place }
}

fn processes(folder: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(folder.join("processes")).unwrap();
    text.lines().map(|process| Path::new("/proc").join(process)).collect()
}

/// Moves a block, has the link stand still at an event, cancels, and checks what must hold.
async fn cancelled(lease: u64, request: &Migration, at: impl Fn(&Event) -> bool + Send) {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = TestBed::new(PREPARE).await;
    bed.executor = behind_relay(folder.path(), lease);
    let before = bed.fingerprint().await;
    let (cancel, stall, asked) = (bed.cancel.clone(), folder.path().join("stall"), Arc::new(Mutex::new(None)));
    let when = Arc::clone(&asked);
    let look = move |event: &Event| {
        if at(event) && !stall.exists() {
            std::fs::write(&stall, "").unwrap();
            let (cancel, when) = (cancel.clone(), Arc::clone(&when));
            // Until then whatever can be filled on the way is full.
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                *when.lock().unwrap() = Some(Instant::now());
                cancel.cancel();
            });
        }
    };
    let (report, _) = bed.migrate_with(request, look).await;
    let asked = asked.lock().unwrap().expect("it never came to the event");
    let took = asked.elapsed();
    assert!(matches!(report, Err(MigrateError::Cancelled { .. })), "{report:?}");
    assert!(took < AT_ONCE, "{took:?} from cancelling to the end");
    assert_eq!(bed.fingerprint().await, before);
    // A worker that is held goes when its lease ends.
    common::wait_until(|| !processes(folder.path()).iter().any(|process| process.exists()), "a process is left").await;
    std::fs::remove_file(folder.path().join("stall")).unwrap();
    bed.cancel = nbhoist_executor::cancel::Cancel::new();
    let (again, _) = bed.migrate(&migration(&["y = x + 1"], &["x"], &["y"])).await;
    assert!(again.unwrap().ok());
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_state_goes_there() {
    let request = migration(&["y = large.sum()"], &["large"], &["y"]);
    cancelled(0, &request, |event| matches!(event, Event::Progress { phase: Phase::Transfer, .. })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_cell_runs() {
    let request = migration(&["import time\nprint('on', flush=True)\ntime.sleep(600)"], &["x"], &[]);
    for lease in [0, 3] {
        cancelled(lease, &request, |event| matches!(event, Event::Stream { .. })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_name_is_supplied_late() {
    // Held: what cannot be sent is kept to be sent again, and the queue is full all the same.
    let request = migration(&["y = hidden.sum()"], &["x"], &["y"]);
    for lease in [0, 3] {
        cancelled(lease, &request, |event| matches!(event, Event::Fault { .. })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_results_come_back() {
    let request = migration(&["y = large + 1"], &["large"], &["y"]);
    cancelled(3, &request, |event| matches!(event, Event::Progress { phase: Phase::Return, .. })).await;
}
