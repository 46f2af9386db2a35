//! Executors: probes, commands as backends, versions that differ.

mod common;

use common::{TestBed, migration};
use nbhoist_executor::executors::{BackendConfig, Executor, Link, probe};
use nbhoist_executor::migrate::MigrateError;

/// An executor with this command.
fn command(arguments: &[&str]) -> Executor {
    let command = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Executor::new("elsewhere", BackendConfig::Command { command, close: None })
}

/// An executor whose interpreter runs `patch` before it becomes a worker.
fn patched(patch: &str) -> Executor {
    command(&["{python}", "-u", "-c", &format!("import sys\n{patch}\nexec(sys.argv[2])"), "{worker}"])
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_tells_what_is_there() {
    let python = common::test_python().await;
    let found = probe(&Executor::local(), &python).await.unwrap();
    let version = nbhoist_executor::python::inspect(&python).await.unwrap().version;
    assert_eq!(found.python, version.to_string());
    assert!(found.packages.contains_key("numpy"), "{:?}", found.packages);
    assert!(found.processors.unwrap() >= 1);
    assert!(found.memory.unwrap() > 1 << 20);
    assert!(found.disk.unwrap() > 0);
    assert!(found.latency < 1.0 && found.start > found.latency);
    assert!(found.bandwidth > 1e6, "{}", found.bandwidth);
}

#[tokio::test(flavor = "multi_thread")]
async fn block_runs_behind_a_shell_and_is_compressed_on_a_slow_link() {
    let mut bed = TestBed::new("import numpy as np\nbig = np.zeros(3_000_000)\nnoise = np.random.default_rng(1).random(200_000)").await;
    bed.executor = command(&["sh", "-c", "exec {python} -u {worker}"]);
    bed.executor.link = Link { bandwidth: Some(10e6), latency: None };
    let request = migration(&["out = big + 1\nmore = noise * 2\nbig[5] = 9"], &["big", "noise"], &["out", "more"]);
    let (report, _) = bed.migrate(&request).await;
    let report = report.unwrap();
    assert!(report.shipped_bytes > 25_600_000, "{}", report.shipped_bytes);
    assert!(report.shipped_wire_bytes < 2_500_000, "{}", report.shipped_wire_bytes);
    assert!(report.returned_bytes < 3_000_000, "{}", report.returned_bytes);
    let text = bed.printed("print(big[5], big.sum(), out.sum(), (more == noise * 2).all())").await;
    assert_eq!(text, "9.0 9.0 3000000.0 True\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_python_is_refused_before_anything_moves() {
    let mut bed = TestBed::new("x = 1").await;
    bed.executor = patched("import platform\nplatform.python_version = lambda: '3.99.1'");
    let (report, _) = bed.migrate(&migration(&["y = x"], &["x"], &["y"])).await;
    let error = report.unwrap_err();
    assert!(matches!(error, MigrateError::VersionMismatch { .. }), "{error}");
    assert!(error.to_string().contains("3.99.1 there"), "{error}");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_numpy_matters_only_when_its_objects_travel() {
    let patch = "import importlib.metadata as m\nold = m.version\nm.version = lambda name: '0.9.0' if name == 'numpy' else old(name)";
    let mut bed = TestBed::new("import numpy as np\nx = 1\ntable = {'a': np.float64(2)}").await;
    bed.executor = patched(patch);
    let (report, _) = bed.migrate(&migration(&["y = x"], &["x"], &["y"])).await;
    report.unwrap();
    let (report, _) = bed.migrate(&migration(&["z = table"], &["table"], &["z"])).await;
    let error = report.unwrap_err().to_string();
    assert!(error.contains("numpy") && error.contains("0.9.0 there"), "{error}");
    assert_eq!(bed.printed("print(y, 'z' in globals())").await, "1 False\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn command_that_is_no_worker_is_told_with_what_it_said() {
    for (arguments, expected) in [
        (&["/nonexistent/program", "{worker}"][..], "/nonexistent/program"),
        (&["sh", "-c", "echo Permission denied, publickey >&2; exit 255; {worker}"], "Permission denied, publickey"),
        (&["sh", "-c", "echo Welcome to big.example.org; sleep 1; exec cat # {worker}"], "Welcome to big.example.org"),
        (&["true"], "{worker}"),
    ] {
        let mut bed = TestBed::new("x = 1").await;
        bed.executor = command(arguments);
        let (report, _) = bed.migrate(&migration(&["y = x"], &["x"], &["y"])).await;
        let error = report.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        bed.end().await;
    }
}
