//! Files that a block reads go along; files that it writes come home.
#![cfg(unix)]

mod common;

use std::path::Path;

use common::{TestBed, migration};
use nbhoist_executor::executors::{BackendConfig, Executor};
use nbhoist_executor::migrate::{DataFile, MigrateError, Migration};

/// A place that does not see the kernel's directory, and keeps its temporary files in `folder`.
fn elsewhere(folder: &Path) -> Executor {
    let shell = format!("cd / && TMPDIR={} exec {{python}} -u {{worker}}", folder.display());
    let command = vec!["sh".to_owned(), "-c".to_owned(), shell];
    let place = Executor::new("elsewhere", BackendConfig::Command { command, close: None });
    Executor { directory: Some("/nonexistent/place".into()), ..place }
}

fn reading(path: &str) -> DataFile {
    DataFile { path: path.to_owned(), read: true, written: false }
}

fn writing(path: &str) -> DataFile {
    DataFile { path: path.to_owned(), read: false, written: true }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_along_and_come_home_and_nothing_stays() {
    let (home, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("in.csv"), "1,2,3\n").unwrap();
    let large = "0123456789".repeat(1_000_000);
    std::fs::write(data.join("large.txt"), &large).unwrap();
    std::fs::write(home.path().join("config.json"), "{}").unwrap();
    let mut bed = TestBed::new(&format!("import os\nos.chdir({:?})", home.path())).await;
    bed.executor = elsewhere(there.path());
    let source = "import os\nhere = os.getcwd()\nnumbers = open('data/in.csv').read().strip().split(',')\nlength = len(open('data/large.txt').read())\n\
                  os.makedirs('out', exist_ok=True)\nopen('out/result.txt', 'w').write('done ' * 2_000_000)\nopen('config.json', 'w').write('{\"a\": 1}')\n\
                  modes = sorted(oct(os.stat(name).st_mode & 0o777) for name in ('.', 'data', 'data/in.csv'))";
    let files =
        vec![reading("data/*.csv"), reading("data/large.txt"), reading("config.json"), writing("out/result.txt"), writing("config.json")];
    let request = Migration { files, ..migration(&[source], &[], &["here", "numbers", "length", "modes"]) };
    let report = bed.migrate(&request).await.0.unwrap();
    assert!(report.ok(), "{report:?}");
    assert_eq!(report.shipped_files, ["config.json", "data/in.csv", "data/large.txt"]);
    assert_eq!(report.returned_files, ["config.json", "out/result.txt"]);
    assert_eq!(bed.printed("print(numbers, length, modes)").await, "['1', '2', '3'] 10000000 ['0o600', '0o700', '0o700']\n");
    assert_eq!(std::fs::read_to_string(home.path().join("out/result.txt")).unwrap(), "done ".repeat(2_000_000));
    assert_eq!(std::fs::read_to_string(home.path().join("config.json")).unwrap(), "{\"a\": 1}");
    assert_eq!(std::fs::read_dir(there.path()).unwrap().count(), 0, "something is left");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_cannot_go_along_is_named_before_anything_runs() {
    let (home, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.csv"), "1").unwrap();
    let path = outside.path().join("x.csv").display().to_string();
    let mut bed = TestBed::new(&format!("import os\nos.chdir({:?})\nran = 0", home.path())).await;
    bed.executor = elsewhere(there.path());
    let request = Migration { files: vec![reading(&path)], ..migration(&["ran = 1"], &[], &["ran"]) };
    // It is the same file there, because it is the same machine.
    bed.migrate(&request).await.0.unwrap();
    bed.executor.paths = vec![(home.path().display().to_string(), there.path().display().to_string())];
    bed.executor.directory = None;
    std::fs::write(home.path().join("shared.csv"), "2").unwrap();
    std::fs::write(there.path().join("shared.csv"), "2").unwrap();
    let shared = Migration { files: vec![reading("shared.csv")], ..migration(&["import os\nwhere = os.getcwd()"], &[], &["where"]) };
    let report = bed.migrate(&shared).await.0.unwrap();
    assert!(report.shipped_files.is_empty());
    assert_eq!(bed.printed("print(where)").await.trim(), there.path().display().to_string());

    let relative = format!("../{}/x.csv", outside.path().file_name().unwrap().to_string_lossy());
    std::fs::create_dir(there.path().join("deep")).unwrap();
    bed.executor.directory = Some(there.path().join("deep"));
    let request = Migration { files: vec![reading(&relative)], ..migration(&["ran = 2"], &[], &["ran"]) };
    let error = bed.migrate(&request).await.0.unwrap_err();
    assert!(matches!(&error, MigrateError::Files { .. }), "{error}");
    assert!(error.to_string().contains("x.csv") && error.to_string().contains("is not here"), "{error}");
    assert_eq!(bed.printed("print(ran)").await, "1\n");
    bed.end().await;
}
