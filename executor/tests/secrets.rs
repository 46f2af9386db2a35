//! What must not be seen: the keys of frames are on the stream to the worker and nowhere else.
#![cfg(unix)]

mod common;

use std::path::Path;

use common::{TestBed, migration};
use nbhoist_executor::executors::{BackendConfig, Executor};

/// Starts a worker and keeps what it is sent.
const TEE: &str = "\
import os, re, subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE)
with open(sys.argv[1], 'wb', 0) as kept:
    kept.write(re.search(r'read\\((\\d+)\\)', sys.argv[-1]).group(1).encode() + b'\\n')
    while True:
        data = os.read(0, 1 << 20)
        if not data:
            break
        kept.write(data)
        child.stdin.write(data)
        child.stdin.flush()
child.stdin.close()
os._exit(child.wait() & 255)
";

/// The key that went over the stream, behind the program.
fn key(kept: &Path) -> Vec<u8> {
    let bytes = std::fs::read(kept).unwrap();
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let program: usize = std::str::from_utf8(&bytes[..line]).unwrap().parse().unwrap();
    let start = line + 1 + program;
    bytes[start..start + 32].to_vec()
}

fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn holds(text: &[u8], key: &[u8]) -> bool {
    let digits = digits(key);
    let found = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    found(key) || found(digits.as_bytes()) || found(digits.to_uppercase().as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_on_the_stream_alone() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("sent");
    let mut bed = TestBed::new("x = 1").await;
    let command = ["{python}", "-c", TEE, kept.to_str().unwrap(), "{python}", "-u", "{worker}"].map(str::to_owned).to_vec();
    bed.executor = Executor { cache: false, ..Executor::new("kept", BackendConfig::Command { command, close: None }) };
    let look = "import glob\nseen = [open(path, 'rb').read() for path in glob.glob('/proc/[0-9]*/cmdline') + ['/proc/self/environ']]";
    let (report, events) = bed.migrate(&migration(&[look], &["x"], &["seen"])).await;
    report.unwrap();
    let key = key(&kept);
    assert!(holds(&std::fs::read(&kept).unwrap(), &key), "the test sees what it looks for");
    let seen = bed.printed("import re\nprint(len(seen), b'nbhoist_runtime' in b''.join(seen))\nprint(b''.join(seen).hex())").await;
    let (summary, bytes) = seen.split_once('\n').unwrap();
    assert!(summary.ends_with("True"), "the worker's own command is among them: {summary}");
    // The key itself, and its digits as text.
    let once = digits(&key);
    assert!(!bytes.contains(&once) && !bytes.contains(&digits(once.as_bytes())));
    assert!(!holds(format!("{events:?}").as_bytes(), &key));
    let history = bed.printed("print(In, list(get_ipython().history_manager.get_range(raw=True)))").await;
    assert!(!holds(history.as_bytes(), &key) && !history.contains("migration"), "{history}");
    bed.end().await;
}
