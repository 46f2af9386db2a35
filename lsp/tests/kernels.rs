//! Jobs on real kernels: running cells, moving blocks, cancelling, failing.
#![cfg(unix)]

mod common;

use std::path::Path;

use common::{Client, cell_uri, notebook, python, vscode};
use nbhoist_executor::event::{CellRef, Event};
use nbhoist_executor::kernel::Kernel;
use serde_json::{Value, json};

/// A client, with a notebook of these cells in a folder of its own.
async fn open(folder: &Path, python: &Path, sources: &[&str]) -> (Client, String) {
    let client = Client::start(vscode(), json!({ "python": python })).await;
    let uri = format!("file://{}/n.ipynb", folder.display());
    client.notify("notebookDocument/didOpen", notebook(&uri, sources));
    (client, uri)
}

/// A kernel that is not the server's, as an editor or a Jupyter server has it.
struct Foreign {
    kernel: Kernel,
    file: String,
}

impl Foreign {
    async fn start(python: &Path) -> Self {
        let mut kernel = Kernel::start(python, &std::env::temp_dir(), &[]).await.unwrap();
        let file = printed(&mut kernel, "import ipykernel.connect\nprint(ipykernel.connect.get_connection_file())").await;
        Self { kernel, file: file.trim().to_owned() }
    }
}

async fn printed(kernel: &mut Kernel, source: &str) -> String {
    let mut text = String::new();
    let mut collect = |event| {
        if let Event::Stream { text: more, .. } = event {
            text.push_str(&more);
        }
    };
    kernel.execute(&CellRef { number: 1, id: None }, source, false, &mut collect).await.unwrap();
    text
}

const BLOCK: [&str; 4] = [
    "rows = list(range(10))\nalias = rows\nkept = 'kept'",
    "import os\nprint('first')\nrows.append(99)\nwhere = os.getpid()",
    "total = sum(rows)\ntotal",
    "print(total, rows is alias, where != os.getpid(), len(rows))",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_block_leaves_a_kernel_that_the_server_started_and_comes_back() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (client, uri) = open(folder.path(), &python, &BLOCK).await;
    let kernel = client.request("nbhoist/startKernel", json!({ "notebook": uri })).await.unwrap();
    assert_eq!((&kernel["state"], &kernel["origin"]), (&json!("idle"), &json!("started")));
    let first = client.run(&uri, 1).await;
    assert_eq!((&first["outcome"], &first["kind"], &first["cells"][0]["executionCount"]), (&json!("done"), &json!("execute"), &json!(1)));

    let argument = json!({ "notebook": uri, "cells": [cell_uri(1), 3], "executor": "local", "job": "m" });
    assert_eq!(client.command("nbhoist.migrate", argument).await.unwrap(), json!({ "job": "m" }));
    let end = client.finished("m").await;
    assert_eq!((&end["outcome"], &end["failure"]), (&json!("done"), &Value::Null), "{end:#}");
    assert!(end["report"]["shippedBytes"].as_u64().unwrap() > 0 && end["report"]["seconds"]["run"].as_f64().unwrap() > 0.0);
    let reference = json!({ "number": 2, "uri": cell_uri(1), "id": "id-1" });
    assert_eq!((&end["cells"][0]["cell"], end["cells"].as_array().unwrap().len()), (&reference, 2));

    common::same_keys(&common::documented("nbhoist/finished", "outcome"), &end, "the end of a job");
    for (name, key) in [("nbhoist/progress", "phase"), ("nbhoist/cellState", "state"), ("nbhoist/output", "action")] {
        let told = client.told(name).into_iter().find(|told| told["job"] == "m").unwrap();
        common::same_keys(&common::documented(name, key), &told, name);
    }

    let phases: Vec<String> = client.told("nbhoist/progress").iter().map(|step| step["phase"].as_str().unwrap().to_owned()).collect();
    let mut steps = phases.clone();
    steps.dedup();
    assert_eq!(steps, ["probe", "connect", "capture", "transfer", "run", "return", "restore"]);
    assert_eq!(client.stream("m"), "first\n");
    let result = client.told("nbhoist/output").into_iter().find(|output| output["output"]["output_type"] == "execute_result").unwrap();
    assert_eq!((&result["output"]["data"]["text/plain"], &result["cell"]["number"]), (&json!(["144"]), &json!(3)));
    let states: Vec<_> =
        client.told("nbhoist/cellState").into_iter().filter(|state| state["job"] == "m").map(|state| state["state"].clone()).collect();
    assert_eq!(states, ["started", "done", "started", "done"]);
    // All of a job's notifications come before its end.
    let last = client.lock().notifications.iter().rposition(|(_, value)| value["job"] == "m").unwrap();
    assert_eq!(client.lock().notifications[last].0, "nbhoist/finished");

    let after = client.run(&uri, 4).await;
    assert_eq!(after["outcome"], "done");
    assert_eq!(client.stream(after["job"].as_str().unwrap()), "144 True True 11\n");
    let status = client.request("nbhoist/cellStatus", json!({ "notebook": uri })).await.unwrap();
    assert_eq!((&status["cells"][1]["migrated"]["executor"], &status["cells"][3]["migrated"]), (&json!("local"), &Value::Null));

    // What the kernel knows stands in the hover.
    let place = json!({ "textDocument": { "uri": cell_uri(2) }, "position": { "line": 0, "character": 14 } });
    let mut text = String::new();
    // A kernel that does not answer in a moment is left out.
    for _ in 0..60 {
        let hover = client.request("textDocument/hover", place.clone()).await.unwrap();
        text = hover["contents"]["value"].as_str().unwrap().to_owned();
        if text.contains("in the kernel:") {
            break;
        }
    }
    assert!(text.contains("in the kernel:") && text.contains("can travel"), "{text}");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_leaves_a_foreign_kernel_as_it_was() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut foreign = Foreign::start(&python).await;
    printed(&mut foreign.kernel, "rows = [1, 2]\nalias = rows").await;
    let sources = ["rows = [1, 2]", "rows.append(3)\nprint('here')\nimport time\ntime.sleep(60)", "print(rows)"];
    let (client, uri) = open(folder.path(), &python, &sources).await;
    let kernel = client.command("nbhoist.attachKernel", json!({ "notebook": uri, "connectionFile": foreign.file })).await.unwrap();
    assert_eq!((&kernel["origin"], &kernel["connectionFile"]), (&json!("attached"), &json!(foreign.file)));
    client.command("nbhoist.migrate", json!({ "notebook": uri, "cells": [2], "executor": "local", "job": "long" })).await.unwrap();
    client.until("output", |heard| heard.notifications.iter().any(|(name, _)| name == "nbhoist/output").then_some(())).await;
    let twice = client.command("nbhoist.migrate", json!({ "notebook": uri, "cells": [2], "executor": "local", "job": "long" })).await;
    assert!(twice.unwrap_err()["message"].as_str().unwrap().contains("under way"));
    assert_eq!(client.command("nbhoist.cancel", json!({ "job": "long" })).await.unwrap(), json!({ "cancelled": true }));
    assert_eq!(client.finished("long").await["outcome"], "cancelled");
    assert_eq!(printed(&mut foreign.kernel, "print(rows, rows is alias)").await, "[1, 2] True\n");
    // One that waits for its turn is stopped before it begins.
    client.command("nbhoist.migrate", json!({ "notebook": uri, "cells": [2], "executor": "local", "job": "one" })).await.unwrap();
    client.command("nbhoist.migrate", json!({ "notebook": uri, "cells": [3], "executor": "local", "job": "two" })).await.unwrap();
    client.command("nbhoist.cancel", json!({ "job": "two" })).await.unwrap();
    assert_eq!(client.finished("two").await["outcome"], "cancelled");
    client.command("nbhoist.cancel", json!({ "job": "one" })).await.unwrap();
    assert_eq!(client.finished("one").await["outcome"], "cancelled");
    client.end().await;
    assert_eq!(printed(&mut foreign.kernel, "print(rows)").await, "[1, 2]\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_cell_tells_its_traceback_and_keeps_what_came_before() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sources = ["a = 1", "b = a + 1", "b = 3\n1 / 0", "c = 1", "print(b)"];
    let (client, uri) = open(folder.path(), &python, &sources).await;
    client.request("nbhoist/startKernel", json!({ "notebook": uri })).await.unwrap();
    client.run(&uri, 1).await;
    client.command("nbhoist.migrate", json!({ "notebook": uri, "cells": [2, 3, 4], "executor": "local", "job": "m" })).await.unwrap();
    let end = client.finished("m").await;
    assert_eq!(
        (&end["outcome"], &end["failure"]["ename"], &end["failure"]["cell"]["number"]),
        (&json!("failed"), &json!("ZeroDivisionError"), &json!(3))
    );
    assert!(end["failure"]["traceback"].as_array().unwrap().len() > 1);
    let error = client.told("nbhoist/output").into_iter().find(|output| output["output"]["output_type"] == "error").unwrap();
    assert_eq!(error["cell"]["uri"], json!(cell_uri(2)));
    let after = client.run(&uri, 5).await;
    assert_eq!(client.stream(after["job"].as_str().unwrap()), "3\n");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kernels_are_interrupted_restarted_and_ended() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (client, uri) =
        open(folder.path(), &python, &["x = 1", "print('in')\nimport time\ntime.sleep(60)", "print('x' in globals())"]).await;
    let on = json!({ "notebook": uri });
    let without = client.run(&uri, 1).await;
    assert_eq!(without["outcome"], "error");
    assert!(without["message"].as_str().unwrap().contains("no kernel"));
    assert_eq!(client.request("nbhoist/kernel", on.clone()).await.unwrap()["state"], "none");
    client.request("nbhoist/startKernel", on.clone()).await.unwrap();
    client.run(&uri, 1).await;
    client.request("nbhoist/execute", json!({ "notebook": uri, "cell": 2, "job": "sleep" })).await.unwrap();
    client
        .until("output", |heard| {
            heard.notifications.iter().any(|(name, value)| name == "nbhoist/output" && value["job"] == "sleep").then_some(())
        })
        .await;
    assert_eq!(client.request("nbhoist/interrupt", on.clone()).await.unwrap()["state"], "busy");
    let stopped = client.finished("sleep").await;
    assert_eq!((&stopped["outcome"], &stopped["failure"]["ename"]), (&json!("cancelled"), &json!("KeyboardInterrupt")));
    assert_eq!(client.stream(client.run(&uri, 3).await["job"].as_str().unwrap()), "True\n");
    // A restart takes the kernel away from what runs in it, and from what waits for it.
    client.request("nbhoist/execute", json!({ "notebook": uri, "cell": 2, "job": "again" })).await.unwrap();
    client.request("nbhoist/execute", json!({ "notebook": uri, "cell": 3, "job": "behind" })).await.unwrap();
    client
        .until("output", |heard| {
            heard.notifications.iter().any(|(name, value)| name == "nbhoist/output" && value["job"] == "again").then_some(())
        })
        .await;
    assert_eq!(client.request("nbhoist/restart", on.clone()).await.unwrap()["state"], "idle");
    for job in ["again", "behind"] {
        assert_eq!(client.finished(job).await["outcome"], "cancelled", "{job}");
    }
    let fresh = client.run(&uri, 3).await;
    assert_eq!(client.stream(fresh["job"].as_str().unwrap()), "False\n");
    assert_eq!(client.request("nbhoist/shutdownKernel", on.clone()).await.unwrap()["state"], "none");
    // An answer and a notification travel on ways of their own.
    let last = |heard: &common::Heard| {
        let states = heard.notifications.iter().filter(|(name, _)| name == "nbhoist/kernelStatus");
        states.map(|(_, kernel)| kernel["state"].clone()).next_back()
    };
    client.until("the end of the kernel", |heard| (last(heard) == Some(json!("none"))).then_some(())).await;
    assert_eq!(client.told("nbhoist/kernelStatus")[0]["state"], "starting");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_a_jupyter_server_leads_to_its_kernel() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (client, uri) = open(folder.path(), &python, &["x = 1"]).await;
    // Without jupyter_server in the test environment, its one answer is given by hand; the kernel's file is not where it says.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let body = json!([{ "path": "n.ipynb", "kernel": { "id": "no-such-kernel" } }]).to_string();
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let find = json!({ "notebook": uri, "server": { "url": format!("http://{address}/base/"), "token": "secret" } });
    let error = client.request("nbhoist/findKernel", find).await.unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("kernel-no-such-kernel.json"), "{error}");
    let asked = server.await.unwrap();
    assert!(asked.starts_with("GET /base/api/sessions HTTP/1.0\r\n") && asked.contains("Authorization: token secret\r\n"), "{asked}");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_a_kernel_is_told_and_a_new_one_works() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (client, uri) =
        open(folder.path(), &python, &["import os, threading\nthreading.Timer(0.2, os._exit, [3]).start()", "print('new')"]).await;
    client.request("nbhoist/startKernel", json!({ "notebook": uri })).await.unwrap();
    client.run(&uri, 1).await;
    client
        .until("the death", |heard| {
            let states = heard.notifications.iter().filter(|(name, _)| name == "nbhoist/kernelStatus");
            states.into_iter().any(|(_, kernel)| kernel["state"] == "dead").then_some(())
        })
        .await;
    let dead = client.run(&uri, 2).await;
    assert!(dead["message"].as_str().unwrap().contains("the kernel died: exit code 3"), "{dead:#}");
    client.request("nbhoist/startKernel", json!({ "notebook": uri })).await.unwrap();
    let job = client.run(&uri, 2).await["job"].as_str().unwrap().to_owned();
    assert_eq!(client.stream(&job), "new\n");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_takes_its_kernels_with_it() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = "import ipykernel.connect\nprint(ipykernel.connect.get_connection_file(), end='')";
    let (client, uri) = open(folder.path(), &python, &[source]).await;
    client.request("nbhoist/startKernel", json!({ "notebook": uri })).await.unwrap();
    let job = client.run(&uri, 1).await["job"].as_str().unwrap().to_owned();
    let file = std::path::PathBuf::from(client.stream(&job));
    assert!(file.is_file(), "{}", file.display());
    client.end().await;
    assert!(!file.parent().unwrap().exists(), "{}", file.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_that_is_given_up_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::start(vscode(), json!({})).await;
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let file = folder.path().join("kernel-silent.json");
    let info = json!({
        "ip": "127.0.0.1", "transport": "tcp", "key": "k", "signature_scheme": "hmac-sha256", "kernel_name": "python3",
        "shell_port": port, "iopub_port": port, "stdin_port": port, "control_port": port, "hb_port": port,
    });
    std::fs::write(&file, info.to_string()).unwrap();
    let on = json!({ "notebook": "file:///n.ipynb" });
    let argument = json!({ "notebook": on["notebook"], "connectionFile": file });
    let (id, answer) = client.ask("workspace/executeCommand", json!({ "command": "nbhoist.attachKernel", "arguments": [argument] }));
    let state = async || client.request("nbhoist/kernel", on.clone()).await.unwrap()["state"].clone();
    while state().await != "starting" {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    client.notify("$/cancelRequest", json!({ "id": id }));
    assert!(answer.await.is_err());
    assert_eq!(state().await, "none");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_in_the_order_in_which_they_were_asked_for() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (client, uri) = open(folder.path(), &python, &["seen = []", "seen.append(2)", "seen.append(3)", "print(seen)"]).await;
    client.request("nbhoist/startKernel", json!({ "notebook": uri })).await.unwrap();
    client.run(&uri, 1).await;
    for round in 0..10 {
        let job = |cell| format!("{round}-{cell}");
        let run = |cell| json!({ "notebook": uri, "cell": cell, "job": job(cell) });
        // What moves has to be planned first.
        let moved = json!({ "notebook": uri, "cells": [2], "executor": "local", "job": job(2) });
        let (method, params) = match round {
            0 => ("workspace/executeCommand", json!({ "command": "nbhoist.migrate", "arguments": [moved] })),
            _ => ("nbhoist/execute", run(2)),
        };
        // No answer is waited for before the next question.
        let (first, second) = (client.ask(method, params).1, client.ask("nbhoist/execute", run(3)).1);
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(client.finished(&job(2)).await["outcome"], "done");
    }
    let shown = client.run(&uri, 4).await;
    let expected = format!("[{}]\n", ["2, 3"; 10].join(", "));
    assert_eq!(client.stream(shown["job"].as_str().unwrap()), expected);
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_probed() {
    let Some(python) = python() else { return };
    let client = Client::start(vscode(), json!({ "python": python })).await;
    let probe = json!({ "executor": "gpu", "notebook": "file:///with-gpu/n.ipynb" });
    // Another machine's interpreter is found on its PATH; here that one need not have what a worker needs.
    if let Ok(found) = client.request("nbhoist/probe", probe).await {
        common::same_keys(&common::documented("nbhoist/probe", "python"), &found, "a probe");
    }
    let found = client.request("nbhoist/probe", json!({ "executor": "local" })).await.unwrap();
    common::same_keys(&common::documented("nbhoist/probe", "python"), &found, "a probe");
    assert!(found["bandwidth"].as_f64().unwrap() > 0.0 && found["python"].as_str().unwrap().starts_with("3."));
    let refused = client.request("nbhoist/probe", json!({ "executor": "nowhere" })).await.unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("there is no executor `nowhere`"));
    client.end().await;
}
