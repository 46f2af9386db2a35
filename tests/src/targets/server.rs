//! A language server that is sent any messages after a notebook was opened.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[cfg(unix)]
type Owned = std::os::fd::OwnedFd;
#[cfg(windows)]
type Owned = std::os::windows::io::OwnedHandle;

/// After this time the server counts as stuck.
const PATIENCE: Duration = Duration::from_mins(1);

/// What requests and notifications are about.
const NOTEBOOK: &str = "file:///n.ipynb";

/// Messages to a language server, one a line: the name of a method and its parameters in JSON, or a whole message.
///
/// The server must answer `shutdown` after them.
///
/// # Panics
/// When it does not.
pub fn server(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let talk = tokio::time::timeout(PATIENCE, talk(bytes));
        talk.await.expect("the server answers");
    });
    runtime.shutdown_background();
}

async fn talk(bytes: &[u8]) {
    let (input, writer) = std::io::pipe().expect("a pipe");
    let (reader, output) = std::io::pipe().expect("a pipe");
    let output = std::fs::File::from(Owned::from(output));
    let server = tokio::spawn(async move { nbhoist_lsp::serve_with(|_| Ok(nbhoist_settings::Settings::default()), input, output).await });
    let file = |end: Owned| tokio::fs::File::from_std(end.into());
    let (mut reader, mut writer) = (file(reader.into()), file(writer.into()));
    // What the server says is read until its answer to `shutdown` is in it.
    let heard = tokio::spawn(async move {
        let (mut all, mut part) = (Vec::new(), vec![0; 1 << 16]);
        while let Ok(length @ 1..) = reader.read(&mut part).await {
            all.extend_from_slice(&part[..length]);
            if all.windows(DOWN.len()).any(|window| window == DOWN) {
                return true;
            }
            all.drain(..all.len().saturating_sub(DOWN.len()));
        }
        false
    });
    for message in opening().into_iter().chain(bytes.split(|&byte| byte == b'\n').take(40).filter_map(message)).chain([ending()]) {
        let body = message.to_string();
        let framed = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        if writer.write_all(framed.as_bytes()).await.is_err() || writer.flush().await.is_err() {
            break;
        }
    }
    // A message may have been `exit`, after which nothing is answered.
    let answered = heard.await.expect("the reader ends");
    drop(writer);
    if !answered {
        return;
    }
    drop(server.await.expect("the server does not panic"));
}

/// The id of `shutdown`, which no other message here has.
const DOWN: &[u8] = b"\"the end\"";

fn ending() -> Value {
    json!({ "jsonrpc": "2.0", "id": "the end", "method": "shutdown" })
}

fn opening() -> Vec<Value> {
    let cell = |number: usize, text: &str| json!({ "uri": format!("vscode-notebook-cell:/n.ipynb#c{number}"), "languageId": "python", "version": 1, "text": text });
    let texts = [cell(0, "x = [1]"), cell(1, "x.append(2)"), cell(2, "print(x)")];
    let cells: Vec<Value> = texts.iter().map(|text| json!({ "kind": 2, "document": text["uri"] })).collect();
    let notebook = json!({ "uri": NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1, "cells": cells });
    vec![
        json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "processId": null, "rootUri": null, "capabilities": { "notebookDocument": { "synchronization": {} } } } }),
        json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }),
        json!({ "jsonrpc": "2.0", "method": "notebookDocument/didOpen", "params": { "notebookDocument": notebook, "cellTextDocuments": texts } }),
    ]
}

/// A line as a message: JSON as it is, or a method's name and parameters.
///
/// Commands may start kernels and executors, so none is sent; what they do is tested with real ones.
fn message(line: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(line).ok().filter(|text| !text.contains("executeCommand"))?;
    if let Ok(whole @ Value::Object(_)) = serde_json::from_str(text) {
        return Some(whole);
    }
    let (method, params) = text.split_once(' ')?;
    let params: Value = serde_json::from_str(params).ok()?;
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !method.contains("/did") && !method.starts_with("nbhoist/cell") {
        message["id"] = line.len().into();
    }
    Some(message)
}
