//! The history against everything that happens to files in a home directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use nbhoist_analyzer::measurements::Signature;
use nbhoist_analyzer::percent;
use nbhoist_executor::executors::Known;
use nbhoist_executor::history::{History, Record};

fn record(cell: &str, source: &str, seconds: f64) -> Record {
    Record {
        cell: cell.to_owned(),
        signature: Signature::of(source),
        seconds,
        ok: true,
        executor: None,
        cold: Some(1.5),
        input_bytes: Some(10),
    }
}

fn none() -> BTreeMap<String, u64> {
    BTreeMap::new()
}

#[test]
fn what_was_recorded_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open_at(&folder.path().join("h")).unwrap();
    let there = Record { executor: Some("gpu".to_owned()), ..record("1", "fit(X)", 3.0) };
    let failed = Record { ok: false, ..record("2", "fail()", 1.0) };
    history.record("/a.ipynb", &[record("1", "fit(X)", 12.0), there, failed], &BTreeMap::from([("X".to_owned(), 1 << 40)])).unwrap();
    let known = Known { speed: Some(4.0), memory: Some(1 << 40), ..Known::default() };
    history.know(Some("gpu"), &known).unwrap();
    assert_eq!((history.known(Some("gpu")).unwrap(), history.known(None).unwrap()), (Some(known), None));
    let notebook = percent::read("# %%\nfit(X)\n# %%\nfail()\n");

    let known = history.measurements("/a.ipynb", &notebook).unwrap();
    let runs: Vec<_> = known.runs.iter().map(|run| (run.cell.as_deref(), run.seconds, run.speed, run.cold, run.input_bytes)).collect();
    assert_eq!(runs, [(Some("1"), 12.0, 1.0, Some(1.5), Some(10)), (Some("1"), 3.0, 4.0, Some(1.5), Some(10))]);
    assert_eq!(known.sizes, BTreeMap::from([("X".to_owned(), 1 << 40)]));
    assert_eq!(history.log("/a.ipynb", 2).unwrap(), ["1", "2"]);

    // The same text in another notebook is evidence there, its sizes are not.
    let elsewhere = history.measurements("/b.ipynb", &notebook).unwrap();
    assert!(elsewhere.runs.iter().all(|run| run.cell.is_none()) && elsewhere.runs.len() == 2 && elsewhere.sizes.is_empty());
}

#[test]
fn it_does_not_grow_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open_at(&folder.path().join("h")).unwrap();
    for run in 0..1000 {
        history.record("/a.ipynb", &[record("1", "fit(X)", f64::from(run))], &none()).unwrap();
    }
    let known = history.measurements("/a.ipynb", &percent::read("# %%\nfit(X)\n")).unwrap();
    assert!(known.runs.len() < 250, "{}", known.runs.len());
    assert!((known.runs.last().unwrap().seconds - 999.0).abs() < 1e-9, "the last ones stay");
}

/// Records until it is killed, when it is started for that.
#[test]
#[ignore = "the tests below start it"]
fn writer() {
    let path = std::env::var("NBHOIST_TEST_HISTORY").unwrap();
    let mut history = History::open_at(Path::new(&path)).unwrap();
    let count: u32 = std::env::var("NBHOIST_TEST_COUNT").unwrap().parse().unwrap();
    for run in 0..count {
        let cell = format!("{}-{run}", std::process::id());
        history.record("/a.ipynb", &[record(&cell, "a()", 1.0), record(&cell, "b()", 2.0)], &none()).unwrap();
    }
}

fn write(path: &Path, count: u32) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writer", "--ignored"]).env("NBHOIST_TEST_HISTORY", path).env("NBHOIST_TEST_COUNT", count.to_string());
    command.stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn writers_do_not_hinder_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    // Nobody has made it yet: they also race for that.
    let writers: Vec<_> = (0..4).map(|_| write(&path, 15)).collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    assert_eq!(History::open_at(&path).unwrap().log("/a.ipynb", 1000).unwrap().len(), 4 * 15 * 2);
}

#[test]
fn a_killed_writer_leaves_whole_entries() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    drop(History::open_at(&path).unwrap());
    for _ in 0..5 {
        let mut writer = write(&path, u32::MAX);
        let its = format!("{}-", writer.id());
        // The number of entries does not tell: old ones go as new ones come.
        let wrote = || History::open_at(&path).unwrap().log("/a.ipynb", 1).unwrap().iter().any(|cell| cell.starts_with(&its));
        while !wrote() {
            assert!(writer.try_wait().unwrap().is_none(), "the writer ended");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        let mut history = History::open_at(&path).unwrap();
        let log = history.log("/a.ipynb", 1_000_000).unwrap();
        assert!(history.note.is_none() && log.len().is_multiple_of(2), "both records of a call or none");
        history.record("/a.ipynb", &[record("after", "a()", 1.0), record("after", "b()", 1.0)], &none()).unwrap();
    }
}
