//! Sessions written by hand, each around one thing that editors were seen to do; recordings of a real VS Code are replayed by
//! `cli/tests/recorded.rs`. A close that comes late is only here: an editor does not send one on demand. A line of a session is a message of the client, or what must be true then:
//! `{"cells": [...]}` are `kind id source-uri` of the cells as the server sees them, `{"problems": {...}}` the diagnostics that stand.

mod common;

use std::collections::BTreeMap;

use common::{Client, vscode};
use serde_json::{Value, json};

const NOTEBOOK: &str = "file:///home/u/n.ipynb";

async fn replay(name: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions").join(name);
    let client = Client::start(vscode(), json!({})).await;
    for (number, line) in std::fs::read_to_string(path).unwrap().lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}:{}: {error}", number + 1));
        let place = format!("{name}:{}", number + 1);
        if let Some(wanted) = line.get("cells") {
            let status = client.request("nbhoist/cellStatus", json!({ "notebook": NOTEBOOK })).await.unwrap();
            let cells: Vec<String> = status["cells"].as_array().unwrap().iter().map(shown).collect();
            assert_eq!(json!(cells), *wanted, "{place}");
        } else if let Some(wanted) = line.get("problems") {
            let wanted: BTreeMap<String, Vec<String>> = serde_json::from_value(wanted.clone()).unwrap();
            let met = tokio::time::timeout(std::time::Duration::from_mins(3), async {
                while client.problems() != wanted {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            });
            assert!(met.await.is_ok(), "{place}: {:?} instead of {wanted:?}", client.problems());
        } else if let Some(wanted) = line.get("published") {
            // Documents that were told about since the last such line.
            let told = client.told("textDocument/publishDiagnostics");
            let mut uris: Vec<&str> = told.iter().map(|params| params["uri"].as_str().unwrap()).collect();
            uris.sort_unstable();
            uris.dedup();
            assert_eq!(json!(uris), *wanted, "{place}");
            client.lock().notifications.clear();
        } else {
            client.send(&line);
        }
    }
    client.end().await;
}

/// `code id uri`.
fn shown(cell: &Value) -> String {
    let reference = &cell["cell"];
    let fragment = reference["uri"].as_str().unwrap().rsplit('#').next().unwrap();
    format!("{} {} {fragment}", cell["kind"].as_str().unwrap(), reference["id"].as_str().unwrap_or("-"))
}

macro_rules! sessions {
    ($($name:ident)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            replay(concat!(stringify!($name), ".jsonl")).await;
        })+
    };
}

sessions! { cell_moved cell_replaced versions_repeat cell_without_id late_close typing_and_running }
