//! What must not be seen: the keys of frames are on the stream to the worker and nowhere else, tokens of servers in no file, command or value.
#![cfg(unix)]

mod common;

use std::path::Path;

use common::{TestBed, migration};
use nbhoist_executor::executors::{BackendConfig, Executor, TokenSource};

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

/// A Jupyter server that ends with this value.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// A server on loopback that wants this token, and its address.
    fn start(python: &Path, folder: &Path, token: &str) -> (Self, String) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = std::process::Command::new(python);
        command.args(["-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1"]);
        command.arg(format!("--port={port}")).arg(format!("--ServerApp.root_dir={}", folder.display()));
        for variable in ["JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"] {
            command.env(variable, folder.join(variable));
        }
        // It takes the token from its environment; whoever may read that is its user.
        command.env("JUPYTER_TOKEN", token).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        (Self(command.spawn().unwrap()), format!("http://127.0.0.1:{port}"))
    }
}

/// Every file below a folder that holds a text.
fn files_with(folder: &Path, text: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text)) {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn token_of_a_server_is_in_no_file_command_line_event_or_value() {
    let python = common::test_python().await;
    let (folder, spool) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let token = format!("sesame{}", digits(&std::process::id().to_be_bytes()));
    let source = folder.path().join("token");
    std::fs::write(&source, &token).unwrap();
    let (_server, uri) = Server::start(&python, folder.path(), &token);
    let port: u16 = uri.rsplit(':').next().unwrap().parse().unwrap();
    common::wait_until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "the server does not start").await;

    let mut bed = TestBed::new("x = 1").await;
    let ask = TokenSource { variable: None, command: Some(vec!["cat".to_owned(), source.to_string_lossy().into_owned()]) };
    let backend = BackendConfig::Jupyter { uri, kernel: None, token: ask };
    bed.executor = Executor { cache: false, ..Executor::new("server", backend) };
    // While the block runs, it looks at every command line of the machine and at the files of the migration.
    let look = format!(
        "import glob\nseen = [open(path, 'rb').read() for path in glob.glob('/proc/[0-9]*/cmdline') + \
         [path for path in glob.glob({:?}, recursive=True) if not __import__('os').path.isdir(path)]]",
        format!("{}/**", spool.path().display())
    );
    let mut request = migration(&[&look], &["x"], &["seen"]);
    request.spool = Some(spool.path().to_owned());
    let (report, events) = bed.migrate(&request).await;
    assert!(report.as_ref().is_ok_and(nbhoist_executor::migrate::Report::ok), "{report:?}");
    let seen = bed.printed(&format!("print(len(seen) > 5, any(b'sesame' + {:?}.encode() in one for one in seen))", &token[6..])).await;
    assert_eq!(seen, "True False\n");
    assert!(!format!("{report:?}{events:?}").contains(&token));
    let history = bed
        .printed("print(In, list(get_ipython().history_manager.get_range(raw=True)), {k: v for k, v in globals().items() if k != 'seen'})")
        .await;
    assert!(!history.replace(&format!("{:?}", &token[6..]), "").contains(&token), "{history}");
    assert_eq!(files_with(spool.path(), token.as_bytes()), Vec::<std::path::PathBuf>::new());
    // A token that is wrong is not told either.
    std::fs::write(&source, "wrong-sesame").unwrap();
    let (report, events) = bed.migrate(&request).await;
    let error = report.unwrap_err().to_string();
    assert!(error.contains("does not accept the token") && !error.contains("wrong-sesame"), "{error}");
    assert!(!format!("{events:?}").contains("wrong-sesame"));
    bed.end().await;
}
