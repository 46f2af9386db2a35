//! What a real VS Code sent while a notebook was edited (`tests/vscode/record.mjs` records it), sent to the server over its
//! standard input again. The last line of a recording is the notebook as the editor saved it: what the server shows in the
//! end must be what a fresh analysis says of that.

#[path = "../../lsp/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{Client, vscode};
use nbhoist_analyzer::notebook::{Cell, CellKind, Format, Notebook};
use nbhoist_analyzer::{Request, analyze};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Saved {
    kind: String,
    id: Option<String>,
    source: String,
}

struct Recording {
    messages: Vec<Value>,
    saved: Vec<Saved>,
}

fn recording(name: &str) -> Recording {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lsp/tests/fixtures").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let mut messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut last = messages.pop().unwrap();
    Recording { messages, saved: serde_json::from_value(last["saved"].take()).unwrap() }
}

/// A server process that reads nobody's configuration.
fn server(home: &Path) -> (tokio::process::Child, Client) {
    let mut server = tokio::process::Command::new(env!("CARGO_BIN_EXE_nbhoist"))
        .arg("server")
        .env("NBHOIST_HISTORY", "off")
        .env("XDG_CONFIG_HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = Client::over(server.stdout.take().unwrap(), server.stdin.take().unwrap());
    (server, client)
}

/// Codes and starts of the findings of the saved notebook, by the number of the cell.
fn fresh(saved: &[Saved]) -> BTreeMap<usize, Vec<String>> {
    let cell = |(cell, number): (&Saved, u32)| Cell {
        kind: if cell.kind == "code" { CellKind::Code } else { CellKind::Markdown },
        id: cell.id.clone(),
        ..Cell::code(number, cell.source.clone())
    };
    let cells = saved.iter().zip(1..).map(cell).collect();
    let format = Format::Ipynb { major: 4, minor: 4 };
    let notebook = Notebook::of(cells, format);
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for finding in analyze(&Request::new(&notebook)).findings {
        let before = &saved[finding.cell as usize - 1].source[..finding.start as usize];
        let column: usize = before.rsplit('\n').next().unwrap().chars().map(char::len_utf16).sum();
        let shown = format!("{} {}:{column}", finding.code, before.matches('\n').count());
        found.entry(finding.cell as usize).or_default().push(shown);
    }
    found
}

async fn replay(name: &str) {
    let Recording { messages, saved } = recording(name);
    let closes = messages.last().unwrap()["method"] == "notebookDocument/didClose";
    let uri = messages[0]["params"]["notebookDocument"]["uri"].clone();
    let home = tempfile::tempdir().unwrap();
    let (mut process, client) = server(home.path());
    client.request("initialize", json!({ "processId": null, "rootUri": null, "capabilities": vscode() })).await.unwrap();
    client.notify("initialized", json!({}));
    for message in &messages[..messages.len() - usize::from(closes)] {
        client.send(message);
    }

    let status = client.request("nbhoist/cellStatus", json!({ "notebook": uri })).await.unwrap();
    let cells = status["cells"].as_array().unwrap();
    let shown: Vec<_> = cells.iter().map(|cell| cell["kind"].as_str().unwrap()).collect();
    assert_eq!(shown, saved.iter().map(|cell| cell.kind.as_str()).collect::<Vec<_>>(), "{name}: the cells");
    for (cell, saved) in cells.iter().zip(&saved) {
        // A cell that was made since has no id before it is saved; then the editor tells it.
        assert_eq!(cell["cell"]["id"].as_str(), saved.id.as_deref(), "{name}: {}", saved.source);
    }
    let uris: Vec<&str> = cells.iter().map(|cell| cell["cell"]["uri"].as_str().unwrap()).collect();
    let wanted: BTreeMap<String, Vec<String>> =
        fresh(&saved).into_iter().map(|(number, findings)| (uris[number - 1].to_owned(), findings)).collect();
    settled(&client, &wanted, name).await;

    if closes {
        client.send(messages.last().unwrap());
        settled(&client, &BTreeMap::new(), name).await;
    }
    client.end().await;
    assert!(process.wait().await.unwrap().success());
}

/// Waits until what stands is what is wanted.
async fn settled(client: &Client, wanted: &BTreeMap<String, Vec<String>>, name: &str) {
    let met = tokio::time::timeout(Duration::from_mins(3), async {
        while client.problems() != *wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    if met.await.is_err() {
        assert_eq!(client.problems(), *wanted, "{name}");
    }
}

macro_rules! recordings {
    ($($name:ident)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            replay(concat!(stringify!($name), ".jsonl")).await;
        })+
    };
}

recordings! { edited moved replaced inserted without_ids reverted }

/// What the recordings are there to show is in them.
#[test]
fn the_recordings_hold_what_editors_do() {
    let changes = |name: &str| -> Vec<Value> {
        let all = recording(name).messages.into_iter();
        all.filter(|message| message["method"] == "notebookDocument/didChange").map(|mut message| message["params"].take()).collect()
    };
    let structure = |change: &Value| change["change"]["cells"]["structure"].clone();
    let is_move = |change: &Value| structure(change)["array"]["deleteCount"] == 2 && structure(change)["didOpen"] == json!([]);
    assert!(changes("moved.jsonl").iter().any(is_move), "a move opens nothing");
    let is_replacement = |change: &Value| structure(change)["didOpen"].as_array().is_some_and(|opened| !opened.is_empty());
    assert!(changes("replaced.jsonl").iter().any(is_replacement), "a replaced cell has another document");
    let versions: Vec<_> = changes("replaced.jsonl").iter().map(|change| change["notebookDocument"]["version"].as_i64().unwrap()).collect();
    assert!(versions.windows(2).any(|pair| pair[0] == pair[1]) && versions.windows(2).any(|pair| pair[0] + 1 < pair[1]), "{versions:?}");
    let open = &recording("without_ids.jsonl").messages[0]["params"]["notebookDocument"];
    assert!(open["cells"].as_array().unwrap().iter().all(|cell| cell["metadata"].get("id").is_none()), "{open}");
    let is_new = |change: &Value| {
        structure(change)["array"]["cells"].as_array().is_some_and(|cells| cells.iter().any(|cell| cell["metadata"].get("id").is_none()))
    };
    assert!(changes("inserted.jsonl").iter().any(is_new), "a new cell has no id");
}
