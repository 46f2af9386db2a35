//! The clauses, in the order of the document.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::subject::{Subject, Way};
use crate::environment;
use crate::frames::Frame;
use crate::runtime::Archive;
use crate::worker::Worker;

/// A clause.
pub(super) struct Clause {
    pub(super) name: &'static str,
    pub(super) demand: &'static str,
    /// Whether it is about places that stay.
    pub(super) sessions: bool,
    /// Whether it makes sense only when all others are met.
    pub(super) last: bool,
}

const fn clause(name: &'static str, demand: &'static str) -> Clause {
    Clause { name, demand, sessions: false, last: false }
}

const fn session_clause(name: &'static str, demand: &'static str) -> Clause {
    Clause { name, demand, sessions: true, last: false }
}

pub(super) const CLAUSES: &[Clause] = &[
    clause("describe", "`describe` prints one JSON object with `protocol`: 1, its own name and version"),
    clause("unknown-command", "a command that it does not know ends with an exit code above 0"),
    clause("arguments", "the program gets its arguments as they are"),
    clause("bytes", "bytes come through unchanged in both directions, and no others"),
    clause("prompt", "what is written arrives at once, not when a buffer is full"),
    clause("end-of-input", "the end of standard input reaches the program"),
    clause("exit-code", "the program's exit code becomes the plugin's"),
    clause("standard-error", "what the program writes to standard error does not get into standard output"),
    clause("once", "a program that died is not started again"),
    clause("killed", "when the plugin is killed, the program's standard input ends within 30 s"),
    clause("concurrent", "several programs run at the same time"),
    session_clause("again", "`--again` leads to the same place after the plugin was killed"),
    session_clause("gone", "`--again` for a session that does not exist ends with exit code 69"),
    session_clause("close", "after `close` the place is gone"),
    Clause { name: "worker", demand: "a worker runs a cell there", sessions: false, last: true },
];

/// Exit code for a place that is not there.
const GONE: i32 = 69;

/// Tries one clause.
pub(super) async fn attempt(clause: &Clause, subject: &Subject, archive_python: &Path) -> Result<(), String> {
    let session = uuid::Uuid::new_v4().simple().to_string();
    let tried = match clause.name {
        "describe" => describe(subject).await,
        "unknown-command" => unknown_command(subject).await,
        "arguments" => arguments(subject, &session).await,
        "bytes" => bytes(subject, &session).await,
        "prompt" => prompt(subject, &session).await,
        "end-of-input" => end_of_input(subject, &session).await,
        "exit-code" => exit_code(subject, &session).await,
        "standard-error" => standard_error(subject, &session).await,
        "once" => once(subject, &session).await,
        "killed" => killed(subject, &session).await,
        "concurrent" => concurrent(subject).await,
        "again" => again(subject, &session).await,
        "gone" => gone(subject, &session).await,
        "close" => close(subject, &session).await,
        _ => worker(subject, archive_python).await,
    };
    if clause.sessions {
        let _ = subject.close(&session).await;
    }
    tried
}

async fn describe(subject: &Subject) -> Result<(), String> {
    let description = subject.backend.describe().await.map_err(|error| error.to_string())?;
    if description.name != subject.backend.plugin {
        return Err(format!("it calls itself {:?}", description.name));
    }
    if description.version.is_empty() { Err("its version is empty".to_owned()) } else { Ok(()) }
}

async fn unknown_command(subject: &Subject) -> Result<(), String> {
    let mut command = tokio::process::Command::new(subject.backend.program());
    command.arg("no-such-command");
    let left = subject.other(&mut command).await?;
    if left.status.success() { Err("it ended with exit code 0".to_owned()) } else { Ok(()) }
}

async fn arguments(subject: &Subject, session: &str) -> Result<(), String> {
    let given = ["", "two words", "'single' \"double\"", "$HOME `id` \\", "new\nline", "grün 漢", "--again", "-c"];
    let script = "import json, sys; print(json.dumps(sys.argv[1:]))";
    let left = subject.run(session, Way::default(), script, &given, b"").await?;
    let got: Vec<String> = serde_json::from_slice(&left.stdout).map_err(|_| nothing_of_use(&left.stdout, &left.stderr))?;
    if got == given { Ok(()) } else { Err(format!("{given:?} arrived as {got:?}")) }
}

async fn bytes(subject: &Subject, session: &str) -> Result<(), String> {
    const LENGTH: usize = 8 << 20;
    let mut state = 1u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    // Line ends and control characters are what a terminal in between would change.
    let special = b"\x00\x03\x04\r\n\r\n\x11\x13\x1a\xff\xfe".repeat(1000);
    let data: Vec<u8> = special.iter().copied().chain(noise).take(LENGTH).collect();
    let script = "import sys\nn = int(sys.argv[1])\nwhile n:\n    d = sys.stdin.buffer.read1(min(n, 65536))\n    n -= len(d)\n    sys.stdout.buffer.write(d)\nsys.stdout.buffer.flush()";
    let left = subject.run(session, Way::default(), script, &[&LENGTH.to_string()], &data).await?;
    if left.stdout == data {
        return Ok(());
    }
    let at = left.stdout.iter().zip(&data).position(|(got, sent)| got != sent).unwrap_or_else(|| left.stdout.len().min(data.len()));
    Err(format!("{LENGTH} bytes were sent and {} came back; they differ from byte {at} on; {}", left.stdout.len(), left.stderr.trim()))
}

async fn prompt(subject: &Subject, session: &str) -> Result<(), String> {
    let script = "import os\nos.write(1, b'ready\\n')\nwhile True:\n    d = os.read(0, 1)\n    if not d or d == b'q':\n        break\n    os.write(1, d)";
    let mut running = subject.start(session, Way::default(), script, &[])?;
    running.line().await?;
    for byte in *b"abc" {
        running.write(&[byte]).await?;
        running.read(1, subject.moment() / 2).await?;
    }
    running.write(b"q").await
}

async fn end_of_input(subject: &Subject, session: &str) -> Result<(), String> {
    let script = "import sys; print(len(sys.stdin.buffer.read()))";
    let left = tokio::time::timeout(subject.moment(), subject.run(session, Way::default(), script, &[], b"12345")).await;
    let left = left.map_err(|_| "the program still waits for input".to_owned())??;
    match String::from_utf8_lossy(&left.stdout).trim() {
        "5" => Ok(()),
        _ => Err(nothing_of_use(&left.stdout, &left.stderr)),
    }
}

async fn exit_code(subject: &Subject, session: &str) -> Result<(), String> {
    let left = subject.run(session, Way::default(), "import os; os._exit(7)", &[], b"").await?;
    if left.status.code() == Some(7) { Ok(()) } else { Err(format!("7 became {}", left.status)) }
}

async fn standard_error(subject: &Subject, session: &str) -> Result<(), String> {
    let script = "import os; os.write(2, b'noise\\n'); os.write(1, b'signal\\n')";
    let left = subject.run(session, Way::default(), script, &[], b"").await?;
    if left.stdout == b"signal\n" { Ok(()) } else { Err(nothing_of_use(&left.stdout, &left.stderr)) }
}

async fn once(subject: &Subject, session: &str) -> Result<(), String> {
    let script = "import os\nos.write(1, b'started\\n')\nos.kill(os.getpid(), 9)";
    let left = subject.run(session, Way::default(), script, &[], b"").await?;
    match String::from_utf8_lossy(&left.stdout).lines().count() {
        1 => Ok(()),
        count => Err(format!("it was started {count} times")),
    }
}

async fn killed(subject: &Subject, session: &str) -> Result<(), String> {
    // The program tells of its end where the next one at the same machine can see it.
    let script = "import os, sys, tempfile\npath = os.path.join(tempfile.gettempdir(), 'nbhoist-conform-' + sys.argv[1])\nopen(path, 'w').close()\nos.write(1, b'ready\\n')\nsys.stdin.buffer.read()\nos.unlink(path)";
    let mut running = subject.start(session, Way::default(), script, &[session])?;
    running.line().await?;
    running.kill().await;
    let look = "import os, sys, tempfile, time\npath = os.path.join(tempfile.gettempdir(), 'nbhoist-conform-' + sys.argv[1])\nfor _ in range(300):\n    if not os.path.exists(path):\n        break\n    time.sleep(0.1)\nprint(os.path.exists(path))";
    let other = uuid::Uuid::new_v4().simple().to_string();
    let left = subject.run(&other, Way::default(), look, &[session], b"").await?;
    match String::from_utf8_lossy(&left.stdout).trim() {
        "False" => Ok(()),
        "True" => Err("the program did not see the end of its input".to_owned()),
        _ => Err(nothing_of_use(&left.stdout, &left.stderr)),
    }
}

async fn concurrent(subject: &Subject) -> Result<(), String> {
    let script = "import os\nos.write(1, b'ready\\n')\nos.read(0, 1)\nos.write(1, b'done\\n')";
    let names = [0, 1].map(|_| uuid::Uuid::new_v4().simple().to_string());
    let mut first = subject.start(&names[0], Way::default(), script, &[])?;
    first.line().await?;
    let mut second = subject.start(&names[1], Way::default(), script, &[])?;
    let both = async {
        second.line().await?;
        second.write(b"x").await?;
        second.line().await
    };
    tokio::time::timeout(subject.moment(), both).await.map_err(|_| "the second one waits for the first".to_owned())??;
    first.write(b"x").await?;
    first.line().await.map(|_| ())
}

/// Leaves a mark at a place by a program whose plugin is killed.
async fn mark(subject: &Subject, session: &str) -> Result<(), String> {
    let script = "import os, sys, tempfile\nopen(os.path.join(tempfile.gettempdir(), 'nbhoist-mark-' + sys.argv[1]), 'w').close()\nos.write(1, b'ready\\n')\nsys.stdin.buffer.read()";
    leave(subject, session, script).await
}

/// Runs a program in a place that is kept, and kills the plugin once the program is there.
async fn leave(subject: &Subject, session: &str, script: &str) -> Result<(), String> {
    let mut running = subject.start(session, Way { lease: 120, again: false }, script, &[session])?;
    running.line().await?;
    running.kill().await;
    Ok(())
}

const FIND_MARK: &str = "import os, sys, tempfile\npath = os.path.join(tempfile.gettempdir(), 'nbhoist-mark-' + sys.argv[1])\nprint(os.path.exists(path))\nif os.path.exists(path): os.unlink(path)";

async fn again(subject: &Subject, session: &str) -> Result<(), String> {
    mark(subject, session).await?;
    let left = subject.run(session, Way { lease: 120, again: true }, FIND_MARK, &[session], b"").await?;
    match String::from_utf8_lossy(&left.stdout).trim() {
        "True" => Ok(()),
        "False" => Err("it is another place".to_owned()),
        _ => Err(nothing_of_use(&left.stdout, &left.stderr)),
    }
}

async fn gone(subject: &Subject, session: &str) -> Result<(), String> {
    is_gone(subject, session).await
}

async fn is_gone(subject: &Subject, session: &str) -> Result<(), String> {
    let left = subject.run(session, Way { lease: 120, again: true }, FIND_MARK, &[session], b"").await?;
    if left.status.code() == Some(GONE) { Ok(()) } else { Err(format!("it ended with {} instead of {GONE}", left.status)) }
}

async fn close(subject: &Subject, session: &str) -> Result<(), String> {
    leave(subject, session, "import os, sys\nos.write(1, b'ready\\n')\nsys.stdin.buffer.read()").await?;
    let left = subject.close(session).await?;
    if !left.status.success() {
        return Err(format!("`close` ended with {}: {}", left.status, left.stderr.trim()));
    }
    is_gone(subject, session).await
}

async fn worker(subject: &Subject, archive_python: &Path) -> Result<(), String> {
    let sources = environment::cloudpickle_sources(archive_python).await.map_err(|error| error.to_string())?;
    let archive = Archive::new(&sources).map_err(|error| error.to_string())?;
    let backend = Arc::new(subject.backend.clone());
    let mut worker = Worker::start(backend, &archive, &["raw"], Duration::ZERO).await.map_err(|error| error.to_string())?;
    let id = worker.next_id();
    let run = Frame::new("run").with("id", id).with("cell", Value::Null).with("number", 1).with("source", "print(6 * 7)").with("count", 1);
    let mut text = String::new();
    let running = async {
        worker.send(run).await?;
        loop {
            let frame = crate::worker::accept(worker.receive().await?)?;
            match frame.op() {
                "stream" => text.push_str(frame.header.get("text").and_then(Value::as_str).unwrap_or_default()),
                "done" => return Ok::<_, crate::worker::WorkerError>(()),
                _ => {}
            }
        }
    };
    running.await.map_err(|error| error.to_string())?;
    worker.finish().await;
    if text == "42\n" { Ok(()) } else { Err(format!("`print(6 * 7)` gave {text:?}")) }
}

fn nothing_of_use(stdout: &[u8], stderr: &str) -> String {
    let start: String = String::from_utf8_lossy(stdout).chars().take(200).collect();
    format!("standard output is {start:?}, standard error {:?}", stderr.trim())
}
