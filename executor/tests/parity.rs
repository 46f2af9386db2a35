//! The kernel's environment at a place that has none of its packages.
#![cfg(unix)]

mod common;

use common::{TestBed, migration};
use nbhoist_executor::event::Event;
use nbhoist_executor::executors::{BackendConfig, Executor};
use nbhoist_executor::migrate::MigrateError;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "installs packages from an index; tests/engines/run.sh runs it"]
async fn environment_is_built_there_once_and_the_block_runs_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let base = nbhoist_executor::python::find_base(None).await.unwrap().path;
    let bare = folder.path().join("bare");
    assert!(std::process::Command::new(&base).args(["-m", "venv", "--without-pip"]).arg(&bare).status().unwrap().success());
    // The environment's pip is what brings uv, as on a machine that has nothing.
    let shell = format!("NBHOIST_CACHE_DIR={} exec {{python}} -u {{worker}}", folder.path().display());
    let command = vec!["sh".to_owned(), "-c".to_owned(), shell];
    let place = Executor::new("bare", BackendConfig::Command { command, close: None });
    let mut bed = TestBed::new("import numpy as np\ntable = {'a': np.float64(15)}").await;
    bed.executor = Executor { python: Some(bare.join("bin/python")), ..place };
    let request = migration(&["import sys\nwhere = sys.prefix\ntotal = table['a']"], &["table"], &["where", "total"]);

    let refused = bed.migrate(&request).await.0.unwrap_err();
    assert!(matches!(&refused, MigrateError::VersionMismatch { .. }), "{refused}");
    assert!(refused.to_string().contains("numpy") && refused.to_string().contains("not installed there"), "{refused}");

    bed.executor.sync = true;
    let (report, events) = bed.migrate(&request).await;
    report.unwrap();
    let told = |events: &[Event], word: &str| events.iter().any(|event| matches!(event, Event::Note { text } if text.contains(word)));
    assert!(told(&events, "creating an environment with"), "{events:?}");
    let printed = bed.printed("print(where, total)").await;
    assert!(printed.contains("environments/sync-") && printed.ends_with(" 15.0\n"), "{printed}");

    let (report, events) = bed.migrate(&request).await;
    report.unwrap();
    assert!(!told(&events, "creating"), "{events:?}");
    bed.end().await;
}
