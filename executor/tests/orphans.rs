//! A killed nbhoist leaves no process behind.

mod common;

use std::io::BufRead as _;
use std::process::{Command, Stdio};

use common::{TestBed, migration};
use nbhoist_executor::event::Event;

/// Tells the inner run that it is one.
const INNER: &str = "NBHOIST_TEST_INNER";

#[tokio::test(flavor = "multi_thread")]
async fn kernel_and_worker_end_when_we_are_killed() {
    let mut inner = Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", "inner", "--ignored", "--nocapture"]).env(INNER, "1").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut inner = inner.spawn().unwrap();
    let mut lines = std::io::BufReader::new(inner.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().split_once("processes ").map(|(_, rest)| rest.to_owned())).unwrap();
    let groups: Vec<u32> = line.split(' ').map(|group| group.parse().unwrap()).collect();
    assert!(groups.iter().all(|group| common::group_exists(*group)), "{groups:?}");
    inner.kill().unwrap();
    inner.wait().unwrap();
    common::wait_until(|| !groups.iter().any(|group| common::group_exists(*group)), "the kernel or the worker is still there").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "is killed; kernel_and_worker_end_when_we_are_killed runs it"]
async fn inner() {
    let mut bed = TestBed::new("x = 1").await;
    let kernel = bed.kernel.process_id().unwrap();
    let source = "import os, time\nprint(os.getpid())\ntime.sleep(120)";
    let look = move |event: &Event| {
        if let Event::Stream { text, .. } = event {
            println!("processes {kernel} {}", text.trim());
        }
    };
    let _ = bed.migrate_with(&migration(&[source], &["x"], &[]), look).await;
}
