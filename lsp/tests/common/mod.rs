//! A client for tests: it speaks the protocol over a pipe and remembers what it was told.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::needless_pass_by_value, reason = "calls read better with `json!` in them")]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot};

#[cfg(unix)]
type Owned = std::os::fd::OwnedFd;
#[cfg(windows)]
type Owned = std::os::windows::io::OwnedHandle;

/// Nothing that a test waits for takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(4);

/// What the client was told.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    /// Every notification, in order.
    pub(crate) notifications: Vec<(String, Value)>,
    /// Diagnostics as they stand, by document.
    pub(crate) diagnostics: BTreeMap<String, Value>,
}

/// A client with a server behind it.
pub(crate) struct Client {
    send: mpsc::UnboundedSender<Vec<u8>>,
    heard: Arc<Mutex<Heard>>,
    next: std::sync::atomic::AtomicU64,
    server: Option<tokio::task::JoinHandle<()>>,
}

impl Client {
    /// A server in this process, and `initialize` with these capabilities and options.
    pub(crate) async fn start(capabilities: Value, options: Value) -> Self {
        let (client, _) = Self::begin(capabilities, options).await;
        client.notify("initialized", json!({}));
        client
    }

    /// The same, with the answer to `initialize`.
    pub(crate) async fn begin(capabilities: Value, options: Value) -> (Self, Value) {
        let (input, writer) = std::io::pipe().unwrap();
        let (reader, output) = std::io::pipe().unwrap();
        let server = tokio::spawn(async move {
            // The settings of whoever runs the tests must not matter.
            nbhoist_lsp::serve_with(settings, input, std::fs::File::from(Owned::from(output))).await.unwrap();
        });
        let file = |end: Owned| tokio::fs::File::from_std(end.into());
        let mut client = Self::over(file(reader.into()), file(writer.into()));
        client.server = Some(server);
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities, "initializationOptions": options });
        let answer = client.request("initialize", params).await.unwrap();
        (client, answer)
    }

    /// A client over any pipe.
    pub(crate) fn over(reader: impl AsyncRead + Send + Unpin + 'static, mut writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let (send, mut queue) = mpsc::unbounded_channel::<Vec<u8>>();
        tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                if writer.write_all(&message).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(listen(BufReader::new(reader), Arc::clone(&heard), send.clone()));
        Self { send, heard, next: 1.into(), server: None }
    }

    fn write(&self, message: &Value) {
        let _ = self.send.send(framed(message));
    }

    /// Sends a notification.
    pub(crate) fn notify(&self, method: &str, params: Value) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a message as it is.
    pub(crate) fn send(&self, message: &Value) {
        self.write(message);
    }

    /// Begins a request: its id, and its answer later.
    pub(crate) fn ask(&self, method: &str, params: Value) -> (u64, impl Future<Output = Result<Value, Value>> + use<>) {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.lock().waiting.insert(id, sender);
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answered = async move {
            let answer = tokio::time::timeout(PATIENCE, answer).await.expect("no answer in time").expect("the server went away");
            match answer.get("error") {
                Some(error) => Err(error.clone()),
                None => Ok(answer["result"].clone()),
            }
        };
        (id, answered)
    }

    /// Asks and waits for the answer.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        self.ask(method, params).1.await
    }

    /// Runs a command.
    pub(crate) async fn command(&self, name: &str, argument: Value) -> Result<Value, Value> {
        self.request("workspace/executeCommand", json!({ "command": name, "arguments": [argument] })).await
    }

    /// What was heard so far.
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what was heard satisfies a condition.
    pub(crate) async fn until<T>(&self, what: &str, mut found: impl FnMut(&Heard) -> Option<T>) -> T {
        let began = std::time::Instant::now();
        loop {
            if let Some(found) = found(&self.lock()) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{what} did not come; heard {:#?}", self.lock().notifications);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for the end of a job.
    pub(crate) async fn finished(&self, job: &str) -> Value {
        let is_end = |name: &String, value: &Value| name == "nbhoist/finished" && value["job"] == job;
        self.until(&format!("the end of {job}"), |heard| {
            heard.notifications.iter().find(|(name, value)| is_end(name, value)).map(|(_, value)| value.clone())
        })
        .await
    }

    /// Runs a cell in the notebook's kernel.
    pub(crate) async fn run(&self, notebook: &str, cell: u32) -> Value {
        let job = format!("run-{cell}-{}", self.told("nbhoist/finished").len());
        self.request("nbhoist/execute", json!({ "notebook": notebook, "cell": cell, "job": job })).await.unwrap();
        self.finished(&job).await
    }

    /// The text that cells have put out in a job.
    pub(crate) fn stream(&self, job: &str) -> String {
        let outputs = self.told("nbhoist/output").into_iter().filter(|output| output["job"] == job);
        let lines = outputs.flat_map(|output| output["output"]["text"].as_array().cloned().unwrap_or_default());
        lines.map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// The notifications of this name, in order.
    pub(crate) fn told(&self, method: &str) -> Vec<Value> {
        self.lock().notifications.iter().filter(|(name, _)| name == method).map(|(_, value)| value.clone()).collect()
    }

    /// Codes and starts of the diagnostics that stand, by document; documents without any are left out.
    pub(crate) fn problems(&self) -> BTreeMap<String, Vec<String>> {
        let heard = self.lock();
        let shown = |list: &Value| list.as_array().unwrap().iter().map(problem).collect::<Vec<_>>();
        heard.diagnostics.iter().map(|(uri, list)| (uri.clone(), shown(list))).filter(|(_, list)| !list.is_empty()).collect()
    }

    /// `shutdown`, `exit`, and the end of the server.
    pub(crate) async fn end(mut self) {
        self.request("shutdown", Value::Null).await.unwrap();
        self.notify("exit", Value::Null);
        if let Some(server) = self.server.take() {
            tokio::time::timeout(PATIENCE, server).await.expect("the server stays").unwrap();
        }
    }
}

/// `NBH201 3:5`.
fn problem(diagnostic: &Value) -> String {
    let start = &diagnostic["range"]["start"];
    format!("{} {}:{}", diagnostic["code"].as_str().unwrap_or_default(), start["line"], start["character"])
}

fn framed(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn listen(mut reader: impl tokio::io::AsyncBufRead + Unpin, heard: Arc<Mutex<Heard>>, send: mpsc::UnboundedSender<Vec<u8>>) {
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).await.is_err() {
            return;
        }
        let message: Value = serde_json::from_slice(&body).unwrap();
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        match (message.get("method").and_then(Value::as_str), message.get("id")) {
            (Some(_), Some(id)) => {
                let _ = send.send(framed(&json!({ "jsonrpc": "2.0", "id": id, "result": null })));
                heard.notifications.push((message["method"].as_str().unwrap().to_owned(), message["params"].clone()));
            }
            (Some(method), None) => {
                let params = message["params"].clone();
                if method == "textDocument/publishDiagnostics" {
                    heard.diagnostics.insert(params["uri"].as_str().unwrap().to_owned(), params["diagnostics"].clone());
                }
                heard.notifications.push((method.to_owned(), params));
            }
            (None, Some(id)) => {
                if let Some(waiting) = id.as_u64().and_then(|id| heard.waiting.remove(&id)) {
                    let _ = waiting.send(message);
                }
            }
            (None, None) => {}
        }
    }
}

/// The settings of a folder with a `gpu`: another process, under another name. Elsewhere only `local` is there.
fn settings(folder: &std::path::Path) -> Result<nbhoist_settings::Settings, nbhoist_settings::Error> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions/gpu.toml");
    let has_gpu = folder.ends_with("with-gpu");
    let mut settings = nbhoist_settings::Settings::load_from(has_gpu.then_some(file.as_path()), None)?;
    settings.history = false;
    Ok(settings)
}

/// The first JSON object of a section of `docs/lsp-extensions.md` that has this key.
pub(crate) fn documented(heading: &str, key: &str) -> Value {
    let page = include_str!("../../../docs/lsp-extensions.md");
    let section = page.split("\n### ").find(|section| section.starts_with(&format!("`{heading}`"))).expect("a section");
    let found = section.match_indices('{').find_map(|(at, _)| {
        let object = serde_json::Deserializer::from_str(&section[at..]).into_iter::<Value>().next()?.ok()?;
        object.get(key).is_some().then_some(object)
    });
    found.unwrap_or_else(|| panic!("{heading} shows no object with {key}"))
}

/// Compares the keys of two objects, and of the objects in them.
pub(crate) fn same_keys(documented: &Value, real: &Value, place: &str) {
    if let (Value::Object(documented), Value::Object(real)) = (documented, real) {
        let keys = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(keys(documented), keys(real), "documented and real keys of {place}");
        // Keys of these are names of the user's, or depend on what is installed.
        let free = ["inputs", "returns", "left", "packages", "data", "work"];
        for (key, value) in documented.iter().filter(|(key, _)| !free.contains(&key.as_str())) {
            same_keys(value, &real[key], &format!("{place}.{key}"));
        }
    }
}

/// What VS Code says it can do, as far as the server looks at it.
pub(crate) fn vscode() -> Value {
    json!({
        "general": { "positionEncodings": ["utf-16"] },
        "workspace": { "inlayHint": { "refreshSupport": true }, "codeLens": { "refreshSupport": true }, "diagnostics": { "refreshSupport": true } },
        "textDocument": { "diagnostic": { "dynamicRegistration": true, "relatedDocumentSupport": false } },
        "notebookDocument": { "synchronization": { "dynamicRegistration": true, "executionSummarySupport": true } },
    })
}

/// A notebook with these cells, as VS Code opens it; cell `n` (from 0) has the URI `cell_uri(n)` and the id `id-n`.
pub(crate) fn notebook(uri: &str, sources: &[&str]) -> Value {
    let cells: Vec<Value> = (0..sources.len()).map(|index| cell(index, Some(&format!("id-{index}")))).collect();
    let texts: Vec<Value> = sources.iter().enumerate().map(|(index, source)| text(index, source)).collect();
    json!({
        "notebookDocument": {
            "uri": uri, "notebookType": "jupyter-notebook", "version": 1, "cells": cells,
            "metadata": { "metadata": { "kernelspec": { "name": "python3", "language": "python" } } },
        },
        "cellTextDocuments": texts,
    })
}

/// A code cell as the protocol describes it.
pub(crate) fn cell(index: usize, id: Option<&str>) -> Value {
    let mut metadata = json!({ "metadata": {} });
    if let Some(id) = id {
        metadata["id"] = id.into();
    }
    json!({ "kind": 2, "document": cell_uri(index), "metadata": metadata })
}

/// The text of a cell as the protocol describes it.
pub(crate) fn text(index: usize, source: &str) -> Value {
    json!({ "uri": cell_uri(index), "languageId": "python", "version": 1, "text": source })
}

/// The URI of a cell's document.
pub(crate) fn cell_uri(index: usize) -> String {
    format!("vscode-notebook-cell:/n.ipynb#W{index}sZmlsZQ%3D%3D")
}

/// An interpreter with ipykernel; without one tests with kernels have nothing to run.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var("NBHOIST_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = std::process::Command::new(&python).args(["-c", "import ipykernel"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python.into());
    }
    assert!(std::env::var_os("CI").is_none(), "set NBHOIST_TEST_PYTHON to a Python with ipykernel");
    eprintln!("skipped: set NBHOIST_TEST_PYTHON to a Python with ipykernel");
    None
}
