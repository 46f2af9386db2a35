//! What no client should send, and what a busy one does: nothing of it ends the server.

#![allow(clippy::needless_pass_by_value, reason = "calls read better with `json!` in them")]

mod common;

use common::{Client, cell, cell_uri, notebook, text, vscode};
use serde_json::{Value, json};

const NOTEBOOK: &str = "file:///n.ipynb";

async fn status(client: &Client) -> Vec<Value> {
    let status = client.request("nbhoist/cellStatus", json!({ "notebook": NOTEBOOK })).await.unwrap();
    status["cells"].as_array().unwrap().clone()
}

fn change(cells: Value) -> Value {
    json!({ "notebookDocument": { "uri": NOTEBOOK, "version": 1 }, "change": { "cells": cells } })
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_survived() {
    let client = Client::start(vscode(), json!({ "hints": 7, "heavySeconds": "many", "python": [], "trusted": "yes" })).await;
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, &["x = 1", "print(x)"]));
    // Parameters of another shape, methods nobody knows, indexes and positions beyond every end.
    client.notify("notebookDocument/didChange", json!({ "surprise": true }));
    client.notify("nbhoist/cellExecuted", json!(["no", "object"]));
    client.notify("nbhoist/cellExecuted", json!({ "notebook": NOTEBOOK, "cell": 99, "start": 0, "end": -5, "success": true }));
    client.notify("$/unheardOf", json!({}));
    assert!(client.request("nbhoist/nothing", json!({})).await.is_err());
    assert!(client.request("nbhoist/cellStatus", json!({})).await.is_err());
    assert!(client.request("nbhoist/cellStatus", json!(3)).await.is_err());
    client.notify(
        "notebookDocument/didChange",
        change(json!({ "structure": { "array": { "start": 4_000_000, "deleteCount": 4_000_000 } } })),
    );
    let far = json!({ "line": 4_000_000_000_u32, "character": 4_000_000_000_u32 });
    let edit = json!([{ "document": { "uri": cell_uri(1), "version": -1 }, "changes": [{ "range": { "start": far, "end": far }, "text": "\ny = 2" }] }]);
    client.notify("notebookDocument/didChange", change(json!({ "textContent": edit })));
    let backwards = json!({ "start": { "line": 1, "character": 3 }, "end": { "line": 0, "character": 1 } });
    let edit = json!([{ "document": { "uri": cell_uri(1), "version": -1 }, "changes": [{ "range": backwards, "text": "" }] }]);
    client.notify("notebookDocument/didChange", change(json!({ "textContent": edit })));
    // The same document twice in the list, a cell without a text, one that is opened twice.
    let twice = json!({ "structure": { "array": { "start": 0, "deleteCount": 0, "cells": [cell(0, None), cell(8, None)] } } });
    client.notify("notebookDocument/didChange", change(twice));
    let cells = status(&client).await;
    assert_eq!(cells.iter().map(|cell| cell["cell"]["uri"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), [0, 8, 0, 1].map(cell_uri));
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, &["z = 1"]));
    assert_eq!(status(&client).await.len(), 1);
    for (line, character) in [(0, 0), (9, 9)] {
        let at = json!({ "textDocument": { "uri": cell_uri(0) }, "position": { "line": line, "character": character } });
        client.request("textDocument/hover", at).await.unwrap();
    }
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_and_deeply_nested_cells_cost_only_themselves() {
    let client = Client::start(vscode(), json!({ "hints": "all" })).await;
    let deep = format!("deep = {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let long = format!("wide = {}1", "1 + ".repeat(20_000));
    client
        .notify("notebookDocument/didOpen", notebook(NOTEBOOK, &["x = 1", "def f(:\n  x x", &deep, &long, "\u{0}\u{feff}%%", "print(x)"]));
    let cells = status(&client).await;
    assert_eq!((cells.len(), &cells[5]["needs"]), (6, &json!(["x"])));
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_mark_blocks_and_blank_or_skipped_cells_stay_out() {
    let client = Client::start(vscode(), json!({})).await;
    let mut opened = notebook(NOTEBOOK, &["x = 1", "y = x", "", "z = y", "print(z)"]);
    for index in [1, 2, 3] {
        opened["notebookDocument"]["cells"][index]["metadata"]["metadata"]["tags"] = json!(["nbhoist:fit"]);
    }
    client.notify("notebookDocument/didOpen", opened);
    let lenses = client.request("textDocument/codeLens", json!({ "textDocument": { "uri": cell_uri(1) } })).await.unwrap();
    assert_eq!(lenses[0]["command"]["arguments"][0]["cells"], json!([cell_uri(1), cell_uri(3)]));
    assert_eq!(status(&client).await[3]["block"], "fit");
    // The tag goes: so does the lens.
    client.notify(
        "notebookDocument/didChange",
        change(json!({ "data": [cell(1, Some("id-1")), cell(2, Some("id-2")), cell(3, Some("id-3"))] })),
    );
    let lenses = client.request("textDocument/codeLens", json!({ "textDocument": { "uri": cell_uri(1) } })).await.unwrap();
    assert_eq!(lenses, json!([]));
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_the_same_name_is_not_the_notebook() {
    let client = Client::start(vscode(), json!({})).await;
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, &["x = 1", "print(x)"]));
    let json = json!({ "uri": NOTEBOOK, "languageId": "json", "version": 1, "text": "{}" });
    client.notify("textDocument/didOpen", json!({ "textDocument": json }));
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": NOTEBOOK } }));
    assert_eq!(status(&client).await.len(), 2);
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_an_open_notebook_are_not_judged() {
    let client = Client::start(vscode(), json!({})).await;
    let mut opened = notebook(NOTEBOOK, &["x = 1", "y = x", "print(nowhere)"]);
    // Copied, and new.
    opened["notebookDocument"]["cells"][1] = cell(1, Some("id-0"));
    opened["notebookDocument"]["cells"][2] = cell(2, None);
    client.notify("notebookDocument/didOpen", opened);
    client.until("diagnostics", |heard| heard.diagnostics.get(&cell_uri(2)).map(|_| ())).await;
    let told = client.problems();
    assert_eq!(told.values().flatten().collect::<Vec<_>>(), ["NBH202 0:6"]);
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_cell_keeps_its_cost() {
    let client = Client::start(vscode(), json!({})).await;
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, &["x = 1", "print(x)"]));
    let run = json!({ "notebook": NOTEBOOK, "cell": cell_uri(1), "start": 0, "end": 61_000, "success": true });
    client.notify("nbhoist/cellExecuted", run);
    // The report is taken in the order in which it came, also when its cell goes right behind it.
    let replaced = json!({ "array": { "start": 1, "deleteCount": 1, "cells": [cell(7, Some("id-1"))] }, "didOpen": [text(7, "print(x)")], "didClose": [{ "uri": cell_uri(1) }] });
    client.notify("notebookDocument/didChange", change(json!({ "structure": replaced })));
    let cells = status(&client).await;
    assert_eq!(
        (&cells[1]["cell"]["uri"], &cells[1]["cost"]["seconds"], &cells[1]["heavy"]),
        (&json!(cell_uri(7)), &json!(61.0), &json!(true))
    );
    client.end().await;
}
