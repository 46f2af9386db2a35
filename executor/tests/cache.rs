//! What was sent once is not sent again.

mod common;

use common::{TestBed, migration};
use nbhoist_executor::executors::{BackendConfig, Executor};

/// A place with a cache of its own.
fn cached(folder: &std::path::Path) -> Executor {
    let shell = format!("NBHOIST_CACHE_DIR={} exec {{python}} -u {{worker}}", folder.display());
    let command = vec!["sh".to_owned(), "-c".to_owned(), shell];
    Executor::new("cached", BackendConfig::Command { command, close: None })
}

const PREPARE: &str =
    "import numpy as np\nbig = np.random.default_rng(1).random(5_000_000)\nrows = {n: str(n) * 20 for n in range(100_000)}";

#[tokio::test(flavor = "multi_thread")]
async fn second_migration_of_the_same_state_sends_under_one_percent() {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = TestBed::new(PREPARE).await;
    bed.executor = cached(folder.path());
    let request = migration(&["total = big.sum() + len(rows)"], &["big", "rows"], &["total"]);
    let first = bed.migrate(&request).await.0.unwrap();
    assert!(first.shipped_wire_bytes > 40_000_000, "{}", first.shipped_wire_bytes);
    let second = bed.migrate(&request).await.0.unwrap();
    eprintln!("first {} bytes, second {} bytes", first.shipped_wire_bytes, second.shipped_wire_bytes);
    assert!(second.shipped_wire_bytes * 100 < first.shipped_bytes, "{} of {}", second.shipped_wire_bytes, first.shipped_bytes);
    // One element changes: about one chunk goes.
    bed.printed("big[2_500_000] = 7").await;
    let third = bed.migrate(&request).await.0.unwrap();
    assert!(third.shipped_wire_bytes < 2_000_000 + second.shipped_wire_bytes, "{}", third.shipped_wire_bytes);
    assert_eq!(bed.printed("print(bool(total == big.sum() + len(rows)))").await, "True\n");

    // A chunk that was damaged is sent again, not believed.
    let damaged = walk(folder.path());
    for path in &damaged {
        std::fs::write(path, "damaged").unwrap();
    }
    let fourth = bed.migrate(&request).await.0.unwrap();
    assert!(fourth.shipped_wire_bytes > 40_000_000, "{}", fourth.shipped_wire_bytes);
    assert_eq!(bed.printed("print(bool(total == big.sum() + len(rows)))").await, "True\n");
    #[cfg(unix)]
    for path in walk(folder.path()) {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    bed.end().await;
}

/// Every chunk below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).filter(|path| !path.ends_with("lock")).collect()
}
