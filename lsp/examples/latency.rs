//! How fast the server answers under load: a cancel while four long requests run, and the diagnostics of an edit in a large notebook.
//!
//!     cargo run --release -p nbhoist-lsp --example latency
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use common::{Client, cell_uri, notebook, vscode};
use serde_json::{Value, json};

const NOTEBOOK: &str = "file:///n.ipynb";
const ROUNDS: usize = 100;

/// How many requests are under way while one is cancelled.
const LONG: usize = 4;

/// A notebook of 200 cells with 12 lines each.
fn sources() -> Vec<String> {
    let line = |cell: usize, line: usize| format!("v{cell}_{line} = v{}_{line} + {line}\n", cell / 2);
    let cell = |cell: usize| (0..12).map(|number| if cell == 0 { format!("v0_{number} = 1\n") } else { line(cell, number) }).collect();
    (0..200).map(cell).collect()
}

#[tokio::main]
async fn main() {
    let client = Client::start(vscode(), json!({})).await;
    let sources = sources();
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, &sources));
    client.request("nbhoist/cellStatus", json!({ "notebook": NOTEBOOK })).await.expect("the status of the cells");

    let mut times = Vec::new();
    for round in 0..ROUNDS {
        times.push(edit(&client, round).await);
    }
    report("one-line edit to diagnostics, 200 cells", times);

    let began = Instant::now();
    client.request("nbhoist/cellStatus", json!({ "notebook": NOTEBOOK })).await.expect("the status of the cells");
    report("status of all cells", vec![began.elapsed()]);

    let (commands, cancelled) = cancels(&client).await;
    report("nbhoist.cancel while four long requests run and text changes", commands);
    report("$/cancelRequest of a long request beside four others", cancelled);
    client.end().await;
}

/// What a request that was cancelled is answered with.
const REQUEST_CANCELLED: i64 = -32800;

/// Times of `nbhoist.cancel`, and of `$/cancelRequest` until the request is answered. Four requests are under way each time: every one is answered
/// that it was cancelled, so it had not ended by itself before, and in the place of each a new one begins.
async fn cancels(client: &Client) -> (Vec<Duration>, Vec<Duration>) {
    // It takes connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = json!({ "url": format!("http://{}", silent.local_addr().expect("an address")), "token": "" });
    let begin = async || {
        let (id, answer) = client.ask("nbhoist/findKernel", json!({ "notebook": NOTEBOOK, "server": server }));
        // The connection says that the request is under way; it is kept open.
        let (connection, _) = silent.accept().await.expect("a connection");
        (id, answer, connection)
    };
    let mut long = VecDeque::new();
    for _ in 0..LONG {
        long.push_back(begin().await);
    }
    let (mut commands, mut cancelled) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Typing goes on.
        client.notify("notebookDocument/didChange", change(round, "z"));
        let began = Instant::now();
        client.command("nbhoist.cancel", json!({ "job": "none" })).await.expect("an answer");
        commands.push(began.elapsed());
        long.push_back(begin().await);
        let (id, answer, _connection) = long.pop_front().expect("a request under way");
        cancelled.push(cancel(client, id, answer).await);
    }
    for (id, answer, _connection) in long {
        cancel(client, id, answer).await;
    }
    (commands, cancelled)
}

/// Cancels a request; the time until it is answered.
async fn cancel(client: &Client, id: u64, answer: impl Future<Output = Result<Value, Value>>) -> Duration {
    let began = Instant::now();
    client.notify("$/cancelRequest", json!({ "id": id }));
    let error = answer.await.expect_err("a cancelled request is answered with an error");
    assert_eq!(error["code"], REQUEST_CANCELLED, "the request had ended before: {error}");
    began.elapsed()
}

fn change(round: usize, text: &str) -> Value {
    let place = json!({ "line": 3, "character": 0 });
    let document = json!({ "uri": cell_uri(round % 200), "version": round + 2 });
    let edit = json!({ "range": { "start": place, "end": place }, "text": text });
    let change = json!({ "cells": { "textContent": [{ "document": document, "changes": [edit] }] } });
    json!({ "notebookDocument": { "uri": NOTEBOOK, "version": round + 2 }, "change": change })
}

/// Inserts the use of a name that is nowhere and waits for what the server says of it.
async fn edit(client: &Client, round: usize) -> Duration {
    client.lock().notifications.clear();
    let uri = cell_uri(round % 200);
    let began = Instant::now();
    client.notify("notebookDocument/didChange", change(round, &format!("nowhere{round}\n")));
    client
        .until("diagnostics", |heard| {
            let told = heard.notifications.iter().filter(|(name, _)| name == "textDocument/publishDiagnostics");
            told.into_iter().any(|(_, params)| params["uri"] == uri.as_str()).then_some(())
        })
        .await;
    began.elapsed()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!("{what}: median {:.1} ms, 99% {:.1} ms, longest {:.1} ms ({} times)", at(50), at(99), at(100), times.len());
}
