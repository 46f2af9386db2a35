//! The server as editors start it, `nbhoist migrate` and `nbhoist graph`, on real kernels.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// An interpreter with ipykernel; without one these tests have nothing to run.
fn python() -> Option<String> {
    let python = std::env::var("NBHOIST_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import ipykernel, jupyter_client"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none(), "set NBHOIST_TEST_PYTHON to a Python with ipykernel and jupyter_client");
    eprintln!("skipped: set NBHOIST_TEST_PYTHON to a Python with ipykernel and jupyter_client");
    None
}

fn nbhoist(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
    command.current_dir(folder).env("NBHOIST_HISTORY", "off").env("XDG_CONFIG_HOME", folder.join("config"));
    command
}

/// A kernel with a client of its own, as a notebook in a browser has it: it runs each line it is given and prints one line.
const OWNER: &str = "\
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name='python3')
print(manager.connection_file, flush=True)
for line in sys.stdin:
    said = []
    def hear(message):
        content = message['content']
        said.append(content.get('text') or '\\n'.join(content.get('traceback', [])))
    client.execute_interactive(line, output_hook=hear, timeout=240)
    print(''.join(said).replace('\\n', ' ').strip(), flush=True)
manager.shutdown_kernel(now=True)
";

struct Owner {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    file: String,
}

impl Owner {
    fn start(python: &str) -> Self {
        let mut process = Command::new(python).args(["-c", OWNER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut file = String::new();
        output.read_line(&mut file).unwrap();
        Self { process, input, output, file: file.trim().to_owned() }
    }

    fn run(&mut self, line: &str) -> String {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
        let mut said = String::new();
        self.output.read_line(&mut said).unwrap();
        said.trim().to_owned()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_mins(5);

/// A server process and what it sends.
struct Server {
    process: Child,
    messages: Receiver<Value>,
    next: u64,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut command = nbhoist(folder);
        command.args(["server", "--log", "server.log"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (sender, messages) = channel();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            while let Some(message) = message(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut server = Self { process, messages, next: 0 };
        let answer = server.request("initialize", &json!({ "processId": null, "rootUri": null, "capabilities": {} }));
        assert_eq!(answer["serverInfo"]["name"], "nbhoist");
        server.notify("initialized", &json!({}));
        server
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let input = self.process.stdin.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        input.flush().unwrap();
    }

    fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("the server ended or fell silent");
            if wanted(&message) {
                return message;
            }
        }
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.until(|message| message["id"] == id && message.get("method").is_none());
        assert_eq!(answer.get("error"), None, "{answer}");
        answer["result"].clone()
    }

    /// Opens a script as an editor without notebooks does, and attaches to the kernel.
    fn open(&mut self, folder: &Path, kernel: &str) -> String {
        let uri = format!("file://{}/a.py", folder.display());
        let text = fs::read_to_string(folder.join("a.py")).unwrap();
        self.notify("textDocument/didOpen", &json!({ "textDocument": { "uri": uri, "languageId": "python", "version": 1, "text": text } }));
        let argument = json!({ "notebook": uri, "connectionFile": kernel });
        self.request("workspace/executeCommand", &json!({ "command": "nbhoist.attachKernel", "arguments": [argument] }));
        uri
    }

    fn migrate(&mut self, uri: &str, cells: &[u32], job: &str) {
        let argument = json!({ "notebook": uri, "cells": cells, "executor": "local", "job": job });
        self.request("workspace/executeCommand", &json!({ "command": "nbhoist.migrate", "arguments": [argument] }));
    }
}

/// The next message of a server; none when it has ended.
fn message(output: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("Content-Length:") {
            length = number.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    // One that is killed ends anywhere.
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}

const SCRIPT: &str = "\
# %%
rows = [1, 2]
alias = rows
# %%
rows.append(3)
print('under way')
import time; time.sleep(seconds)
# %%
total = sum(rows)
print(total)
# %%
1 / 0
";

fn prepared(python: &str) -> (tempfile::TempDir, Owner) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.py"), SCRIPT).unwrap();
    let mut owner = Owner::start(python);
    owner.run("rows = [1, 2]; alias = rows; seconds = 60");
    (folder, owner)
}

#[test]
fn a_killed_server_leaves_the_kernel_as_it_was_and_the_next_one_works() {
    let Some(python) = python() else { return };
    let (folder, mut owner) = prepared(&python);
    let mut server = Server::start(folder.path());
    let uri = server.open(folder.path(), &owner.file);
    server.migrate(&uri, &[2, 3], "m");
    server.until(|message| message["method"] == "nbhoist/output");
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    assert_eq!(owner.run("print(rows, alias is rows, 'total' in globals())"), "[1, 2] True False");

    owner.run("seconds = 0");
    let mut server = Server::start(folder.path());
    let uri = server.open(folder.path(), &owner.file);
    server.migrate(&uri, &[2, 3], "m");
    let end = server.until(|message| message["method"] == "nbhoist/finished");
    assert_eq!(end["params"]["outcome"], "done", "{end:#}");
    assert_eq!(owner.run("print(rows, alias is rows, total)"), "[1, 2, 3] True 6");
    server.request("shutdown", &Value::Null);
    server.notify("exit", &Value::Null);
    assert!(server.process.wait().unwrap().success());
    assert_eq!(owner.run("print(total)"), "6");
}

/// A server that has a script open, with a kernel for it; and the script's URI.
fn with_kernel(folder: &Path, script: &str, python: &str) -> (Server, String) {
    fs::write(folder.join("a.py"), script).unwrap();
    let mut server = Server::start(folder);
    let uri = format!("file://{}/a.py", folder.display());
    server.notify("textDocument/didOpen", &json!({ "textDocument": { "uri": uri, "languageId": "python", "version": 1, "text": script } }));
    server.request("nbhoist/startKernel", &json!({ "notebook": uri, "python": python }));
    (server, uri)
}

/// The automatic mode of an editor: it asks before a cell runs, moves it, and can take that back.
#[test]
fn a_cell_that_was_slow_is_worth_moving_and_the_move_can_be_taken_back() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("config/nbhoist")).unwrap();
    fs::write(folder.path().join("config/nbhoist/nbhoist.toml"), "[executors.local]\nspeed = 20\n").unwrap();
    let script = "# %%\nrows = [1]\nalias = rows\n# %%\nimport time; time.sleep(1.5)\nrows.append(2)\n# %%\nprint(rows, rows is alias)\n";
    let (mut server, uri) = with_kernel(folder.path(), script, &python);
    let end = |server: &mut Server| server.until(|message| message["method"] == "nbhoist/finished")["params"].clone();
    for cell in [1, 2] {
        server.request("nbhoist/execute", &json!({ "notebook": uri, "cell": cell, "job": format!("e{cell}") }));
        assert_eq!(end(&mut server)["outcome"], "done");
    }
    let decide = |server: &mut Server, cell: u32| server.request("nbhoist/decide", &json!({ "notebook": uri, "cell": cell }));
    let (slow, quick) = (decide(&mut server, 2), decide(&mut server, 1));
    assert_eq!((&slow["executor"], &quick["executor"]), (&json!("local"), &Value::Null), "{slow} {quick}");
    assert!(slow["here"].as_f64().unwrap() > 1.4 && slow["there"].as_f64().unwrap() < 1.0, "{slow}");
    assert!(slow["text"].as_str().unwrap().contains(" s here, "), "{slow}");

    let argument = json!({ "notebook": uri, "cells": [2], "executor": "local", "job": "m", "undoable": true });
    server.request("workspace/executeCommand", &json!({ "command": "nbhoist.migrate", "arguments": [argument] }));
    assert_eq!(end(&mut server)["outcome"], "done");
    assert_eq!(server.request("nbhoist/undo", &json!({ "notebook": uri })), json!({ "undone": true }));
    server.request("nbhoist/execute", &json!({ "notebook": uri, "cell": 3, "job": "look" }));
    let output = server.until(|message| message["method"] == "nbhoist/output");
    assert_eq!(output["params"]["output"]["text"], json!(["[1, 2] True\n"]), "{output}");
    server.request("shutdown", &Value::Null);
    server.notify("exit", &Value::Null);
    server.process.wait().unwrap();
}

/// With `stay`, a large result that the next cells use only there stays there; the hover says so, and a cell here has it all the same.
#[test]
fn a_large_result_stays_where_it_is_used_and_the_hover_says_so() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let place =
        format!("command = [\"sh\", \"-c\", \"NBHOIST_CACHE_DIR={} exec {{python}} -u {{worker}}\"]\npython = {python:?}", cache.display());
    let settings = format!("stay = true\n[executors.box]\n{place}\nspeed = 20\nbandwidth = \"20 MB/s\"\nstartup = 0.1\n");
    fs::create_dir_all(folder.path().join("config/nbhoist")).unwrap();
    fs::write(folder.path().join("config/nbhoist/nbhoist.toml"), settings).unwrap();
    let script = "# %%\nimport time\n# %%\ntime.sleep(2)\nbig = list(range(500_000))\n# %%\ntime.sleep(2)\ntotal = sum(big)\n# %%\nprint(total, big[7])\n";
    let (mut server, uri) = with_kernel(folder.path(), script, &python);
    let end = |server: &mut Server| server.until(|message| message["method"] == "nbhoist/finished")["params"].clone();
    let execute = |server: &mut Server, cell: u32, job: &str| {
        server.request("nbhoist/execute", &json!({ "notebook": uri, "cell": cell, "job": job }));
        let end = end(server);
        assert_eq!(end["outcome"], "done", "{end:#}");
    };
    let migrate = |server: &mut Server, cell: u32, job: &str| {
        let argument = json!({ "notebook": uri, "cells": [cell], "executor": "box", "job": job, "undoable": true });
        server.request("workspace/executeCommand", &json!({ "command": "nbhoist.migrate", "arguments": [argument] }));
        let end = end(server);
        assert_eq!(end["outcome"], "done", "{end:#}");
        end
    };
    let hover = |server: &mut Server| {
        let position = json!({ "textDocument": { "uri": uri }, "position": { "line": 7, "character": 13 } });
        server.request("textDocument/hover", &position)["contents"]["value"].as_str().unwrap().to_owned()
    };
    for cell in [1, 2, 3] {
        execute(&mut server, cell, &format!("e{cell}"));
    }
    let moved = migrate(&mut server, 2, "m");
    assert!(moved["report"]["stayed"]["big"].as_u64().unwrap() > 1_000_000, "{moved:#}");
    assert!(
        moved["message"].as_str().unwrap().contains("`big` (") && moved["message"].as_str().unwrap().contains("stays there"),
        "{moved:#}"
    );
    let text = hover(&mut server);
    assert!(text.contains("`big` stays on `box`: list, ") && text.contains("made by cell 2"), "{text}");
    assert_eq!(server.request("nbhoist/undo", &json!({ "notebook": uri })), json!({ "undone": true }));
    assert!(hover(&mut server).contains("in the kernel: list"));

    migrate(&mut server, 2, "again");
    let moved = migrate(&mut server, 3, "next");
    assert!(moved["report"]["there"]["big"].as_u64().unwrap() > 1_000_000, "{moved:#}");
    assert!(moved["report"]["shippedBytes"].as_u64().unwrap() < 10_000, "{moved:#}");
    execute(&mut server, 4, "look");
    let text = hover(&mut server);
    assert!(text.contains("in the kernel: list"), "{text}");
    server.request("shutdown", &Value::Null);
    server.notify("exit", &Value::Null);
    server.process.wait().unwrap();
}

fn migrated(folder: &Path, kernel: &str, arguments: &[&str]) -> Output {
    nbhoist(folder).args(["migrate", "a.py", "--kernel", kernel, "--on", "local"]).args(arguments).output().unwrap()
}

#[test]
fn a_block_moves_out_of_a_live_kernel_from_the_terminal() {
    let Some(python) = python() else { return };
    let (folder, mut owner) = prepared(&python);
    owner.run("seconds = 0");
    let output = migrated(folder.path(), &owner.file, &["--cells", "2-3"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("Cells 2-3 on local"), "{shown}");
    assert_eq!(owner.run("print(rows, alias is rows, total)"), "[1, 2, 3] True 6");
    let failed = migrated(folder.path(), &owner.file, &["--cells", "4"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("ZeroDivisionError"));
    let nothing = migrated(folder.path(), &owner.file, &[]);
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("--cells 8-10"));
    let missing = migrated(folder.path(), "nowhere.json", &["--cells", "2"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("not a usable connection file"));
}

#[test]
fn graphs_are_written_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.py"), SCRIPT).unwrap();
    let drawn = |arguments: &[&str]| {
        let output = nbhoist(folder.path()).args(["graph", "a.py"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(drawn(&[]).starts_with("<svg"));
    assert!(drawn(&["--format", "dot"]).contains("c2 -> c3"));
    assert!(drawn(&["--format", "mermaid"]).starts_with("flowchart TD"));
    assert_eq!(drawn(&["-o", "a.html"]), "");
    assert!(fs::read_to_string(folder.path().join("a.html")).unwrap().starts_with("<!doctype html>"));
    let refused = nbhoist(folder.path()).args(["graph", "a.py", "-o", "no/such/a.svg"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}
