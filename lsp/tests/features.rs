//! What an editor asks for: hints, lenses, hovers, actions, pulled diagnostics, options, graphs and plans.

mod common;

use common::{Client, cell_uri, notebook, vscode};
use serde_json::{Value, json};

const NOTEBOOK: &str = "file:///n.ipynb";

/// Cell 3 is heavy, cells 4 and 5 are a marked block.
const SOURCES: [&str; 6] = [
    "import math\nrows = list(range(10))",
    "def double(x):\n    return [2 * y for y in x]",
    "twice = double(rows)\nrows.append(1)",
    "# nbhoist: block fit\nmodel = sum(twice)",
    "# nbhoist: block fit\nscore = model + math.pi",
    "print(score, rows)\nprint(nowhere)",
];

async fn open(options: Value) -> Client {
    let client = Client::start(vscode(), options).await;
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, &SOURCES));
    client
}

/// Reports a run of a cell, and waits until it counts.
async fn ran(client: &Client, index: usize, seconds: f64) {
    let before = client.told("nbhoist/statusChanged").len();
    let run = json!({ "notebook": NOTEBOOK, "cell": cell_uri(index), "start": 1000.0, "end": 1000.0 + seconds * 1000.0, "success": true });
    client.notify("nbhoist/cellExecuted", run);
    client
        .until("the new status", |heard| {
            (heard.notifications.iter().filter(|(name, _)| name == "nbhoist/statusChanged").count() > before).then_some(())
        })
        .await;
}

fn document(index: usize) -> Value {
    json!({ "uri": cell_uri(index) })
}

fn at(line: u32, character: u32) -> Value {
    json!({ "start": { "line": line, "character": character }, "end": { "line": line, "character": character } })
}

async fn hints(client: &Client, index: usize) -> Vec<Value> {
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let hints = client.request("textDocument/inlayHint", json!({ "textDocument": document(index), "range": range })).await.unwrap();
    hints.as_array().unwrap().clone()
}

async fn lenses(client: &Client, index: usize) -> Vec<Value> {
    let lenses = client.request("textDocument/codeLens", json!({ "textDocument": document(index) })).await.unwrap();
    lenses.as_array().unwrap().clone()
}

async fn actions(client: &Client, index: usize, line: u32, character: u32) -> Vec<Value> {
    let params = json!({ "textDocument": document(index), "range": at(line, character), "context": { "diagnostics": [] } });
    client.request("textDocument/codeAction", params).await.unwrap().as_array().unwrap().clone()
}

fn titles(actions: &[Value]) -> Vec<&str> {
    actions.iter().map(|action| action["title"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_about_the_cost_of_a_cell_until_it_is_known() {
    let client = open(json!({})).await;
    assert_eq!(hints(&client, 2).await, [] as [Value; 0]);
    assert_eq!(lenses(&client, 2).await, [] as [Value; 0]);
    ran(&client, 2, 130.0).await;
    let shown = hints(&client, 2).await;
    assert_eq!(shown[0]["label"], "~2 min 10 s \u{b7} needs rows \u{b7} gives rows, twice");
    assert_eq!((&shown[0]["position"], shown.len()), (&json!({ "line": 0, "character": 20 }), 1));
    assert_eq!(shown[0]["tooltip"], "took 2 min 10 s when it last ran");
    // A cheap one stays quiet.
    ran(&client, 0, 0.5).await;
    assert_eq!(hints(&client, 0).await, [] as [Value; 0]);
    assert!(client.told("workspace/inlayHint/refresh").len() + client.told("workspace/codeLens/refresh").len() >= 2);
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_decide_where_hints_are() {
    let client = open(json!({ "hints": "all" })).await;
    assert_eq!(hints(&client, 2).await[0]["label"], "needs rows \u{b7} gives rows, twice");
    client.notify("workspace/didChangeConfiguration", json!({ "settings": { "nbhoist": { "hints": "off" } } }));
    ran(&client, 2, 130.0).await;
    assert_eq!(hints(&client, 2).await, [] as [Value; 0]);
    // The settings of others change nothing.
    client.notify("workspace/didChangeConfiguration", json!({ "settings": { "python": { "analysis": {} } } }));
    assert_eq!(hints(&client, 2).await, [] as [Value; 0]);
    client.notify("workspace/didChangeConfiguration", json!({ "settings": { "nbhoist": { "heavySeconds": 0.1 } } }));
    assert!(hints(&client, 2).await[0]["label"].as_str().unwrap().starts_with("~2 min"));
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lens_says_what_it_costs_and_what_moves() {
    let client = open(json!({})).await;
    let block = lenses(&client, 3).await;
    assert_eq!(block[0]["command"]["title"], "run block fit on local \u{b7} takes twice");
    assert_eq!(block[0]["command"]["arguments"][0]["cells"], json!([cell_uri(3), cell_uri(4)]));
    assert_eq!(block[1]["command"]["command"], "nbhoist.plan");
    assert_eq!(lenses(&client, 4).await, [] as [Value; 0]);
    ran(&client, 3, 8.0).await;
    ran(&client, 4, 9.0).await;
    let block = lenses(&client, 3).await;
    assert_eq!(block[0]["command"]["title"], "~17 s \u{b7} run block fit on local \u{b7} takes twice");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hovers_tell_where_names_come_from_and_go() {
    let client = open(json!({})).await;
    let hover = async |index: usize, line: u32, character: u32| {
        let position = json!({ "line": line, "character": character });
        client.request("textDocument/hover", json!({ "textDocument": document(index), "position": position })).await.unwrap()
    };
    let rows = hover(5, 0, 15).await;
    let text = rows["contents"]["value"].as_str().unwrap();
    assert_eq!(text, "**`rows`** is defined in cell 1\n\n- changed in 3\n- needed by 3, 6");
    assert_eq!(rows["range"], json!({ "start": { "line": 0, "character": 13 }, "end": { "line": 0, "character": 17 } }));
    // A builtin, a parameter, a comment.
    for (index, line, character) in [(5, 0, 1), (1, 1, 23), (3, 0, 4)] {
        assert_eq!(hover(index, line, character).await, Value::Null, "{index} {line}:{character}");
    }
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_say_what_is_meant() {
    let client = open(json!({})).await;
    client.until("the finding", |heard| heard.diagnostics.contains_key(&cell_uri(5)).then_some(())).await;
    let notify = |version: u32, change: Value| {
        client
            .notify("notebookDocument/didChange", json!({ "notebookDocument": { "uri": NOTEBOOK, "version": version }, "change": change }));
    };
    let cell = |ignore: Value| {
        let mut cell = common::cell(5, Some("id-5"));
        cell["metadata"]["metadata"]["nbhoist"] = json!({ "ignore": ignore });
        json!({ "cells": { "data": [cell] } })
    };
    let gone = async || client.until("its end", |heard| heard.diagnostics[&cell_uri(5)].as_array().unwrap().is_empty().then_some(())).await;
    let back =
        async || client.until("it again", |heard| (!heard.diagnostics[&cell_uri(5)].as_array().unwrap().is_empty()).then_some(())).await;
    notify(2, cell(json!(["NBH2"])));
    gone().await;
    notify(3, cell(json!([])));
    back().await;
    notify(4, json!({ "metadata": { "metadata": { "nbhoist": { "ignore": ["defined-nowhere"] } } } }));
    gone().await;
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fixes_are_quick_fixes() {
    let client = open(json!({})).await;
    let text = json!({ "text": "x = 1\ny = 2  # nbhoist: ignore[NBH999]" });
    let change = json!({ "cells": { "textContent": [{ "document": { "uri": cell_uri(5), "version": 2 }, "changes": [text] }] } });
    client.notify("notebookDocument/didChange", json!({ "notebookDocument": { "uri": NOTEBOOK, "version": 2 }, "change": change }));
    let fix = actions(&client, 5, 1, 8).await[0].clone();
    assert_eq!((&fix["title"], &fix["kind"], &fix["isPreferred"]), (&json!("Remove what is not needed"), &json!("quickfix"), &json!(true)));
    assert_eq!(fix["diagnostics"][0]["code"], "NBH002");
    let range = json!({ "start": { "line": 1, "character": 5 }, "end": { "line": 1, "character": 32 } });
    assert_eq!(fix["edit"]["changes"][cell_uri(5)], json!([{ "range": range, "newText": "" }]));
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_move_explain_and_ignore() {
    let client = open(json!({})).await;
    let there = actions(&client, 3, 1, 2).await;
    let wanted =
        ["Run block fit (cells 4-5) on local", "Run cell 4 on local", "Run cells 4-6 on local", "Explain what moving cells 4-5 takes"];
    assert_eq!(titles(&there), wanted);
    assert_eq!(
        there[0]["command"]["arguments"][0],
        json!({ "notebook": NOTEBOOK, "cells": [cell_uri(3), cell_uri(4)], "executor": "local" })
    );
    let ignore = actions(&client, 5, 1, 8).await;
    assert_eq!(titles(&ignore)[0], "Ignore NBH202 here");
    let edit = &ignore[0]["edit"]["changes"][cell_uri(5)][0];
    assert_eq!(edit["newText"], "  # nbhoist: ignore[NBH202]");
    assert_eq!(edit["range"], at(1, 14));
    client.end().await;
}

/// Applies the fix with this title for the finding of this rule in a cell, as an editor does, and waits until the finding is gone.
async fn fix(sources: &[&str], index: usize, code: &str, title: &str) -> Value {
    let client = Client::start(vscode(), json!({})).await;
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, sources));
    let of_rule = |list: &Value| list.as_array().unwrap().iter().find(|problem| problem["code"] == code).cloned();
    let found = client.until("the finding", |heard| heard.diagnostics.get(&cell_uri(index)).and_then(of_rule)).await;
    let params =
        json!({ "textDocument": document(index), "range": found["range"], "context": { "diagnostics": [found], "only": ["quickfix"] } });
    let there = client.request("textDocument/codeAction", params).await.unwrap();
    let action = there.as_array().unwrap().iter().find(|action| action["title"] == title).unwrap_or_else(|| panic!("{title}: {there:#}"));
    assert_eq!((&action["kind"], &action["diagnostics"][0]["code"]), (&json!("quickfix"), &json!(code)));
    for (number, (uri, edits)) in (2..).zip(action["edit"]["changes"].as_object().unwrap()) {
        let changes: Vec<Value> =
            edits.as_array().unwrap().iter().map(|edit| json!({ "range": edit["range"], "text": edit["newText"] })).collect();
        let change = json!({ "cells": { "textContent": [{ "document": { "uri": uri, "version": number }, "changes": changes }] } });
        client
            .notify("notebookDocument/didChange", json!({ "notebookDocument": { "uri": NOTEBOOK, "version": number }, "change": change }));
    }
    client.until("its end", |heard| of_rule(&heard.diagnostics[&cell_uri(index)]).is_none().then_some(())).await;
    let edits = action["edit"]["changes"][cell_uri(index)].clone();
    client.end().await;
    edits
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_fix_changes_what_was_probably_meant() {
    let edits = fix(&["total = 1", "print('\u{1f600}', totla)"], 1, "NBH202", "Change to `total`").await;
    assert_eq!((&edits[0]["newText"], &edits[0]["range"]["start"]["character"]), (&json!("total"), &json!(12)));
    let edits = fix(&["# \u{e9}\nx = np.zeros(3)"], 0, "NBH202", "Add `import numpy as np`").await;
    assert_eq!((&edits[0]["newText"], &edits[0]["range"]), (&json!("import numpy as np\n"), &at(1, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_rule_can_be_ignored_on_its_line() {
    let cases = [
        (&["print(later)", "later = 1"][..], 0, "NBH201"),
        (&["print(nowhere)  # why  "], 0, "NBH202"),
        (&["rows = [1]", "del rows", "print('\u{1f600}', rows)\n"], 2, "NBH205"),
        (&["import numpy as np\nx = np.random.rand(3)"], 0, "NBH501"),
        (&["path = '/home/me/data.csv'  # nbhoist: ignore[NBH202]"], 0, "NBH502"),
    ];
    for (sources, index, code) in cases {
        fix(sources, index, code, &format!("Ignore {code} here")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn diagnostics_name_their_rule_and_other_cells() {
    let client = Client::start(vscode(), json!({})).await;
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, &["print(later)", "later = 1"]));
    let told = client.until("diagnostics", |heard| heard.diagnostics.get(&cell_uri(0)).cloned()).await;
    assert_eq!((&told[0]["code"], &told[0]["source"], &told[0]["severity"]), (&json!("NBH201"), &json!("nbhoist"), &json!(1)));
    assert!(told[0]["codeDescription"]["href"].as_str().unwrap().ends_with("/docs/rules/defined-only-later.md"));
    assert_eq!(told[0]["relatedInformation"][0]["location"]["uri"], json!(cell_uri(1)));
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_pulled_with_result_ids_and_not_pushed() {
    let (client, answer) = Client::begin(vscode(), json!({})).await;
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
    assert_eq!(answer["capabilities"]["notebookDocumentSync"]["notebookSelector"][0]["notebook"], "jupyter-notebook");
    client.notify("initialized", json!({}));
    let uri = "file:///s.py";
    let text = "# %%\nx = 1\n# %%\n# %time y = nowhere\n";
    client.notify("textDocument/didOpen", json!({ "textDocument": { "uri": uri, "languageId": "python", "version": 1, "text": text } }));
    let pull = async |previous: Option<&Value>| {
        let params = json!({ "textDocument": { "uri": uri }, "previousResultId": previous });
        client.request("textDocument/diagnostic", params).await.unwrap()
    };
    let first = pull(None).await;
    assert_eq!((&first["kind"], &first["items"][0]["range"]["start"]), (&json!("full"), &json!({ "line": 3, "character": 12 })));
    assert_eq!(pull(Some(&first["resultId"])).await["kind"], "unchanged");
    let change = json!({ "range": at(1, 0), "text": "nowhere = 0\n" });
    client.notify("textDocument/didChange", json!({ "textDocument": { "uri": uri, "version": 2 }, "contentChanges": [change] }));
    let last = pull(Some(&first["resultId"])).await;
    assert_eq!((&last["kind"], &last["items"]), (&json!("full"), &json!([])));
    assert_eq!(client.told("textDocument/publishDiagnostics"), [] as [Value; 0]);
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_without_pull_gets_everything_in_its_encoding() {
    let capabilities = json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } });
    let client = Client::start(capabilities, json!({ "hints": "all" })).await;
    let uri = "file:///s.py";
    let text = "# %%\nrows = [1]\n# %%\nprint('\u{e9}', nowhere, rows)\n";
    client.notify("textDocument/didOpen", json!({ "textDocument": { "uri": uri, "languageId": "python", "version": 1, "text": text } }));
    let told = client.until("diagnostics", |heard| heard.diagnostics.get(uri).cloned()).await;
    assert_eq!(told[0]["range"]["start"], json!({ "line": 3, "character": 12 }));
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let hints = client.request("textDocument/inlayHint", json!({ "textDocument": { "uri": uri }, "range": range })).await.unwrap();
    let shown: Vec<_> = hints.as_array().unwrap().iter().map(|hint| (hint["label"].clone(), hint["position"]["line"].clone())).collect();
    assert_eq!(shown, [(json!("gives rows"), json!(1)), (json!("needs rows"), json!(3))]);
    // A module is no notebook.
    let module = json!({ "uri": "file:///m.py", "languageId": "python", "version": 1, "text": "print(nowhere)" });
    client.notify("textDocument/didOpen", json!({ "textDocument": module }));
    let hints =
        client.request("textDocument/inlayHint", json!({ "textDocument": { "uri": "file:///m.py" }, "range": range })).await.unwrap();
    assert_eq!(hints, json!([]));
    assert!(!client.lock().diagnostics.contains_key("file:///m.py"));
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_graphs_come_as_data_and_as_text() {
    let client = open(json!({})).await;
    let plan = client.command("nbhoist.plan", json!({ "notebook": NOTEBOOK, "cells": [cell_uri(3), 5], "show": true })).await.unwrap();
    assert_eq!((&plan["schema"], &plan["block"]["cells"], &plan["inputs"][0]["name"]), (&json!(1), &json!([4, 5]), &json!("twice")));
    assert!(plan["text"].as_str().unwrap().contains("`twice`, from cell 3"), "{}", plan["text"]);
    client.until("the plan", |heard| heard.notifications.iter().any(|(name, _)| name == "window/showMessage").then_some(())).await;
    let graph = async |format: &str| client.command("nbhoist.graph", json!({ "notebook": NOTEBOOK, "format": format })).await;
    let data = graph("json").await.unwrap();
    assert_eq!((&data["nodes"][2]["number"], &data["nodes"][2]["id"]), (&json!(3), &json!("id-2")));
    assert!(data["edges"].as_array().unwrap().iter().any(|edge| edge["from"] == 3 && edge["to"] == 4 && edge["names"] == json!(["twice"])));
    assert!(graph("svg").await.unwrap()["text"].as_str().unwrap().starts_with("<svg"));
    assert!(graph("mermaid").await.unwrap()["text"].as_str().unwrap().contains("c3 -->"));
    assert!(graph("png").await.unwrap_err()["message"].as_str().unwrap().contains("`json`, `svg`"));
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_fields_that_the_page_shows() {
    let client = open(json!({})).await;
    let status = client.request("nbhoist/cellStatus", json!({ "notebook": NOTEBOOK })).await.unwrap();
    let page = common::documented("nbhoist/cellStatus", "cells");
    let cell = &page["cells"][0];
    for index in 0..SOURCES.len() {
        common::same_keys(cell, &status["cells"][index], "a status");
    }
    let graph = client.command("nbhoist.graph", json!({ "notebook": NOTEBOOK, "format": "json" })).await.unwrap();
    let page = common::documented("nbhoist.graph", "nodes");
    common::same_keys(&page["nodes"][0], &graph["nodes"][0], "a node");
    common::same_keys(&page["edges"][0], &graph["edges"][0], "an edge");
    let kernel = client.request("nbhoist/kernel", json!({ "notebook": NOTEBOOK })).await.unwrap();
    common::same_keys(&common::documented("nbhoist.attachKernel", "origin"), &kernel, "a kernel");
    let executors = client.request("nbhoist/executors", json!({})).await.unwrap();
    common::same_keys(&common::documented("nbhoist/executors", "executors")["executors"][0], &executors["executors"][0], "an executor");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_are_pulled_by_clients_that_can() {
    let mut capabilities = vscode();
    capabilities["experimental"] = json!({ "nbhoist": { "notebookPull": true } });
    let client = Client::start(capabilities, json!({})).await;
    client.notify("notebookDocument/didOpen", notebook(NOTEBOOK, &["x = 1", "print(nowhere)"]));
    let report = client.request("textDocument/diagnostic", json!({ "textDocument": document(1) })).await.unwrap();
    assert_eq!(report["items"][0]["code"], "NBH202");
    client
        .until("a refresh", |heard| heard.notifications.iter().any(|(name, _)| name == "workspace/diagnostic/refresh").then_some(()))
        .await;
    assert_eq!(client.told("textDocument/publishDiagnostics"), [] as [Value; 0]);
    // Without that ability cells are pushed, and a pull gives nothing a second time.
    let other = open(json!({})).await;
    other.until("diagnostics", |heard| (!heard.diagnostics.is_empty()).then_some(())).await;
    let report = other.request("textDocument/diagnostic", json!({ "textDocument": document(5) })).await.unwrap();
    assert_eq!(report["items"], json!([]));
    client.end().await;
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_places_come_first() {
    let client = Client::start(vscode(), json!({})).await;
    let uri = "file:///with-gpu/n.ipynb";
    client.notify("notebookDocument/didOpen", notebook(uri, &SOURCES));
    let there = actions(&client, 3, 1, 2).await;
    let titled = |place: &str| format!("Run block fit (cells 4-5) on {place}");
    assert_eq!(titles(&there)[..3], ["gpu", "later", "local"].map(titled));
    let block = lenses(&client, 3).await;
    assert_eq!(block[0]["command"]["title"], "run block fit on gpu \u{b7} takes twice");
    let executors = client.request("nbhoist/executors", json!({ "notebook": uri })).await.unwrap();
    let shown: Vec<_> =
        executors["executors"].as_array().unwrap().iter().map(|place| (place["name"].clone(), place["usable"].clone())).collect();
    assert_eq!(shown, [(json!("gpu"), json!(true)), (json!("later"), json!(true)), (json!("local"), json!(true))]);
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_that_was_withdrawn_stays_withdrawn() {
    let client = open(json!({ "trusted": false })).await;
    client.notify("workspace/didChangeConfiguration", json!({ "settings": { "nbhoist": { "hints": "all" } } }));
    client.notify("workspace/didChangeConfiguration", json!({ "settings": null }));
    let refused = client.request("nbhoist/startKernel", json!({ "notebook": NOTEBOOK })).await.unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("not trusted"));
    assert_eq!(hints(&client, 2).await.len(), 1);
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_answered_in_words() {
    let client = open(json!({ "trusted": false })).await;
    let refused = async |name: &str, argument: Value| {
        let error = client.command(name, argument).await.unwrap_err();
        error["message"].as_str().unwrap().to_owned()
    };
    assert!(refused("nbhoist.plan", json!({ "notebook": "file:///other.ipynb", "cells": [1] })).await.contains("not open"));
    assert!(refused("nbhoist.plan", json!({ "notebook": NOTEBOOK, "cells": [99] })).await.contains("`cells` must be"));
    assert!(
        refused("nbhoist.migrate", json!({ "notebook": NOTEBOOK, "cells": [3], "executor": "gpu" }))
            .await
            .contains("there is no executor `gpu`")
    );
    assert!(refused("nbhoist.migrate", json!({ "notebook": NOTEBOOK, "cells": [3], "executor": "local" })).await.contains("not trusted"));
    assert!(refused("nbhoist.attachKernel", json!({ "notebook": NOTEBOOK, "connectionFile": "/x" })).await.contains("not trusted"));
    assert!(refused("nbhoist.unknown", json!({})).await.contains("no command"));
    assert_eq!(client.command("nbhoist.cancel", json!({ "job": "none" })).await.unwrap(), json!({ "cancelled": false }));
    client.end().await;
}
