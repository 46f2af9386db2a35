//! A kernel that a real Jupyter server runs, found through its session.
#![cfg(unix)]

#[path = "../../lsp/tests/common/mod.rs"]
mod common;

use common::{Client, notebook, python};
use serde_json::json;

/// Starts a Jupyter server with a session for `n.ipynb`, prints a line when it is there, and ends with its standard input.
const JUPYTER: &str = "\
import json, os, subprocess, sys, time, urllib.request
folder, token = sys.argv[1], 'sesame'
os.environ['JUPYTER_RUNTIME_DIR'] = os.path.join(folder, 'runtime')
server = subprocess.Popen([sys.executable, '-m', 'jupyter_server', '--no-browser', '--allow-root', '--port=0', '--ServerApp.port_retries=50',
    '--IdentityProvider.token=' + token, '--ServerApp.root_dir=' + folder], stderr=subprocess.DEVNULL)
runtime = os.environ['JUPYTER_RUNTIME_DIR']
def found():
    names = os.listdir(runtime) if os.path.isdir(runtime) else []
    return [os.path.join(runtime, name) for name in names if name.startswith('jpserver-') and name.endswith('.json')]
while not found():
    time.sleep(0.1)
time.sleep(0.5)
url = json.load(open(found()[0]))['url']
body = json.dumps({'path': 'n.ipynb', 'name': 'n', 'type': 'notebook', 'kernel': {'name': 'python3'}}).encode()
for _ in range(1200):
    try:
        headers = {'Authorization': 'token ' + token, 'Content-Type': 'application/json'}
        urllib.request.urlopen(urllib.request.Request(url + 'api/sessions', body, headers)).read()
        break
    except OSError:
        time.sleep(0.1)
print(url, flush=True)
sys.stdin.read()
server.terminate()
server.wait()
";

#[tokio::test(flavor = "multi_thread")]
async fn a_real_jupyter_server_is_found_by_its_file() {
    let Some(python) = python() else { return };
    let installed = std::process::Command::new(&python).args(["-c", "import jupyter_server"]).output().unwrap();
    if !installed.status.success() {
        assert!(std::env::var_os("CI").is_none(), "install jupyter_server into the Python of NBHOIST_TEST_PYTHON");
        eprintln!("skipped: the Python of NBHOIST_TEST_PYTHON has no jupyter_server");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("n.ipynb"), r#"{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"#).unwrap();
    let mut jupyter = tokio::process::Command::new(&python)
        .args(["-c", JUPYTER])
        .arg(folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut output = tokio::io::BufReader::new(jupyter.stdout.take().unwrap());
    tokio::io::AsyncBufReadExt::read_line(&mut output, &mut said).await.unwrap();

    let mut server = tokio::process::Command::new(env!("CARGO_BIN_EXE_nbhoist"))
        .arg("server")
        .env("JUPYTER_RUNTIME_DIR", folder.path().join("runtime"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = Client::over(server.stdout.take().unwrap(), server.stdin.take().unwrap());
    client.request("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} })).await.unwrap();
    client.notify("initialized", json!({}));
    let uri = format!("file://{}/n.ipynb", folder.path().display());
    client.notify("notebookDocument/didOpen", notebook(&uri, &["x = 41", "y = x + 1", "print(y)"]));
    let kernel = client.request("nbhoist/findKernel", json!({ "notebook": uri })).await.unwrap();
    assert_eq!((&kernel["state"], &kernel["origin"]), (&json!("idle"), &json!("attached")));
    client.run(&uri, 1).await;
    client.command("nbhoist.migrate", json!({ "notebook": uri, "cells": [2], "executor": "local", "job": "m" })).await.unwrap();
    assert_eq!(client.finished("m").await["outcome"], "done");
    let job = client.run(&uri, 3).await["job"].as_str().unwrap().to_owned();
    assert_eq!(client.stream(&job), "42\n");
    let server_given = json!({ "notebook": uri, "server": { "url": said.trim(), "token": "sesame" } });
    assert_eq!(client.request("nbhoist/findKernel", server_given).await.unwrap()["state"], "idle");
    let refused = json!({ "notebook": uri, "server": { "url": said.trim(), "token": "wrong" } });
    assert!(client.request("nbhoist/findKernel", refused).await.unwrap_err()["message"].as_str().unwrap().contains("token"));
    client.end().await;
    drop(jupyter.stdin.take());
    let _ = jupyter.wait().await;
}
