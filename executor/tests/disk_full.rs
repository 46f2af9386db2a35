//! A disk that is full: a clear message, nothing half done, nothing left.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{TestBed, migration};

/// Tells the inner run where the tiny disk is.
const TINY: &str = "NBHOIST_TEST_TINY_DISK";

/// Runs `inner` of this file again, in a mount namespace of its own with a disk of 4 MiB.
fn on_a_tiny_disk(inner: &str) {
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=4m none \"$1\" && exec \"$2\" --exact \"$3\" --ignored --nocapture";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(directory.path()).arg(std::env::current_exe().unwrap()).arg(inner);
    let output = command.env(TINY, directory.path()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn tiny() -> PathBuf {
    Path::new(&std::env::var_os(TINY).unwrap()).to_path_buf()
}

#[test]
fn full_disk_at_capture_is_told() {
    on_a_tiny_disk("capture_on_a_tiny_disk");
}

#[test]
fn full_disk_at_return_is_told() {
    on_a_tiny_disk("return_on_a_tiny_disk");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a tiny disk; full_disk_at_capture_is_told runs it"]
async fn capture_on_a_tiny_disk() {
    // The second value is compressible text: its size shows only while it is written.
    for source in ["big = bytearray(20_000_000)", "big = [str(n) * 3 for n in range(600_000)]"] {
        let mut bed = TestBed::new(source).await;
        let mut request = migration(&["n = len(big)"], &["big"], &["n"]);
        request.spool = Some(tiny());
        let (report, _) = bed.migrate(&request).await;
        let error = report.unwrap_err().to_string();
        assert!(error.starts_with("no space left in") && error.contains("during capture"), "{error}");
        assert_eq!(std::fs::read_dir(tiny()).unwrap().count(), 0);
        assert_eq!(bed.printed("print(len(big) > 0, 'n' in globals())").await, "True False\n");
        bed.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a tiny disk; full_disk_at_return_is_told runs it"]
async fn return_on_a_tiny_disk() {
    let mut bed = TestBed::new("rows = [1]").await;
    let mut request = migration(&["rows.append(2)\nbig = bytearray(20_000_000)"], &["rows"], &["big", "rows"]);
    request.spool = Some(tiny());
    let (report, _) = bed.migrate(&request).await;
    let error = report.unwrap_err().to_string();
    assert!(error.starts_with("no space left in") && error.contains("during return"), "{error}");
    assert_eq!(std::fs::read_dir(tiny()).unwrap().count(), 0);
    assert_eq!(bed.printed("print(rows, 'big' in globals())").await, "[1] False\n");
    bed.end().await;
}
