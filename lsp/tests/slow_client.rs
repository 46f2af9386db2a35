//! A client that does not read for a while: the server goes on reading, and what it says arrives in order.
#![cfg(unix)]

mod common;

use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::Duration;

use common::{cell_uri, notebook};
use nbhoist_settings::Settings;
use serde_json::{Value, json};

const NOTEBOOK: &str = "file:///n.ipynb";
/// More than the pipes hold, there and back.
const EDITS: i64 = 600;
const PATIENCE: Duration = Duration::from_mins(4);

fn send(writer: &mut PipeWriter, message: &Value) {
    let body = message.to_string();
    write!(writer, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}

fn receive(reader: &mut BufReader<PipeReader>) -> Option<Value> {
    let mut header = String::new();
    while !header.ends_with("\r\n\r\n") {
        if reader.read_line(&mut header).unwrap() == 0 {
            return None;
        }
    }
    let length = header.split([':', '\r']).nth(1).unwrap().trim().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some(serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_up_nothing() {
    let (input, mut writer) = std::io::pipe().unwrap();
    let (reader, output) = std::io::pipe().unwrap();
    let output = File::from(OwnedFd::from(output));
    // The settings of whoever runs the tests must not matter.
    let settings = |_: &std::path::Path| Ok(Settings { history: false, ..Settings::default() });
    let server = tokio::spawn(nbhoist_lsp::serve_with(settings, input, output));
    let talk = tokio::task::spawn_blocking(move || {
        let capabilities = json!({ "textDocument": { "publishDiagnostics": { "versionSupport": true } } });
        let initialize = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        send(&mut writer, &json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize }));
        send(&mut writer, &json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }));
        send(&mut writer, &json!({ "jsonrpc": "2.0", "method": "notebookDocument/didOpen", "params": notebook(NOTEBOOK, &["x = 1\n"]) }));
        for version in 2..EDITS {
            let start = json!({ "line": 0, "character": 0 });
            let edit = json!({ "range": { "start": start, "end": start }, "text": format!("nowhere{version}\n") });
            let text = json!([{ "document": { "uri": cell_uri(0), "version": version }, "changes": [edit] }]);
            let change =
                json!({ "notebookDocument": { "uri": NOTEBOOK, "version": version }, "change": { "cells": { "textContent": text } } });
            send(&mut writer, &json!({ "jsonrpc": "2.0", "method": "notebookDocument/didChange", "params": change }));
        }
        writer
    });
    // Nothing was read until here.
    let mut writer = Some(tokio::time::timeout(PATIENCE, talk).await.expect("the server does not read on").unwrap());
    let listen = tokio::task::spawn_blocking(move || {
        let mut reader = BufReader::new(reader);
        let (mut versions, mut count) = (Vec::new(), 0);
        while let Some(message) = receive(&mut reader) {
            if message["method"] == "textDocument/publishDiagnostics" {
                versions.push(message["params"]["version"].as_i64().unwrap());
                count = message["params"]["diagnostics"].as_array().unwrap().len();
            }
            if versions.last() == Some(&(EDITS - 1))
                && message["method"] == "nbhoist/statusChanged"
                && let Some(mut writer) = writer.take()
            {
                send(&mut writer, &json!({ "jsonrpc": "2.0", "id": 2, "method": "shutdown" }));
                send(&mut writer, &json!({ "jsonrpc": "2.0", "method": "exit" }));
            }
        }
        (versions, count)
    });
    let (versions, count) = tokio::time::timeout(PATIENCE, listen).await.expect("something is lost").unwrap();
    assert!(versions.is_sorted(), "{versions:?}");
    assert_eq!(count, usize::try_from(EDITS - 2).unwrap());
    server.await.unwrap().unwrap();
}
