//! Blocks that outlive the nbhoist that started them, and places that are added to the configuration.
#![cfg(unix)]

#[path = "../../executor/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn nbhoist(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("NBHOIST_HISTORY", "off")
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("NBHOIST_CACHE_DIR", folder.join("cache"));
    command
}

/// What a command that succeeds prints as JSON.
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = nbhoist(folder, &[arguments, &["--output-format", "json"]].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn configure(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder.join("config/nbhoist")).unwrap();
    std::fs::write(folder.join("config/nbhoist/nbhoist.toml"), text).unwrap();
}

/// A kernel with `x`, a block that leaves a mark for each time a cell of it runs and goes on when there is a file `go`, and an nbhoist that moves it and is killed.
async fn left_behind(folder: &Path) -> (nbhoist_executor::kernel::Kernel, String) {
    configure(folder, "[executors.box]\nbackend = \"local\"\nlease = 300\n");
    let mut kernel = common::kernel().await;
    common::printed(&mut kernel, "x = 20\nhidden = 1").await;
    let mark = folder.join("ran");
    let (shown, go) = (mark.display(), folder.join("go").display().to_string());
    let script = format!(
        "# %%\nx = 20\n# %%\n# nbhoist: block b\nopen('{shown}', 'a').write('1')\nimport os, time\nprint('begun', flush=True)\n\
         while not os.path.exists('{go}'):\n    time.sleep(0.05)\n\
         # %%\n# nbhoist: block b\nopen('{shown}', 'a').write('2')\ny = x * 2 + 2\nprint('y is', y)\n"
    );
    std::fs::write(folder.join("n.py"), script).unwrap();
    let file = common::connection_file(&mut kernel).await.display().to_string();
    let mut moving = nbhoist(folder, &["migrate", "n.py", "--kernel", &file, "--block", "b", "--on", "box"]);
    let mut moving = moving.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    common::wait_until(|| mark.exists() && !json(folder, &["executors", "jobs"])["jobs"].as_array().unwrap().is_empty(), "no job").await;
    let job = json(folder, &["executors", "jobs"])["jobs"][0].clone();
    assert_eq!((&job["attended"], &job["executor"], &job["cells"]), (&Value::Bool(true), &"box".into(), &serde_json::json!([2, 3])));
    let id = job["id"].as_str().unwrap().to_owned();
    let busy = nbhoist(folder, &["executors", "attach", &id]).output().unwrap();
    assert!(!busy.status.success() && text(&busy).contains("waits for this job"), "{}", text(&busy));
    moving.kill().unwrap();
    moving.wait().unwrap();
    (kernel, id)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn block_of_a_killed_nbhoist_is_taken_over_and_runs_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut kernel, id) = left_behind(folder.path()).await;
    let jobs = json(folder.path(), &["executors", "jobs"]);
    assert_eq!((jobs["jobs"][0]["attended"].as_bool(), jobs["jobs"][0]["id"].as_str()), (Some(false), Some(id.as_str())));
    // The block goes on, and ends, with nobody there.
    std::fs::write(folder.path().join("go"), "").unwrap();
    let ran = folder.path().join("ran");
    common::wait_until(|| std::fs::read_to_string(&ran).unwrap() == "12", "the block does not go on").await;
    let taken = nbhoist(folder.path(), &["executors", "attach", &id[..6]]).output().unwrap();
    assert!(taken.status.success(), "{}", text(&taken));
    assert!(text(&taken).contains("begun") && text(&taken).contains("y is 42"), "{}", text(&taken));
    assert_eq!(common::printed(&mut kernel, "print(y)").await, "42\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("ran")).unwrap(), "12");
    assert_eq!(json(folder.path(), &["executors", "jobs"])["jobs"], serde_json::json!([]));
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn block_of_a_killed_nbhoist_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let (mut kernel, id) = left_behind(folder.path()).await;
    let ended = nbhoist(folder.path(), &["executors", "cancel", &id]).output().unwrap();
    assert!(ended.status.success(), "{}", text(&ended));
    assert_eq!(json(folder.path(), &["executors", "jobs"])["jobs"], serde_json::json!([]));
    let again = nbhoist(folder.path(), &["executors", "attach", &id]).output().unwrap();
    assert!(!again.status.success() && text(&again).contains("there is no job"), "{}", text(&again));
    assert_eq!(common::printed(&mut kernel, "print('y' in globals())").await, "False\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("ran")).unwrap(), "1");
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn result_without_room_here_stays_there_and_is_fetched_later() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configure(folder, "[executors.box]\nbackend = \"local\"\nlease = 300\n");
    let mut kernel = common::kernel().await;
    common::printed(&mut kernel, "import numpy as np\nx = 20").await;
    let script = format!(
        "# %%\nx = 20\nimport numpy as np\n# %%\n# nbhoist: block b\nopen('{}', 'a').write('1')\nbig = np.random.default_rng(x).random(3_000_000)\n",
        folder.join("ran").display()
    );
    std::fs::write(folder.join("n.py"), script).unwrap();
    let file = common::connection_file(&mut kernel).await.display().to_string();
    // A limit on the size of files is a small disk.
    let limited = "trap '' XFSZ; ulimit -f 4000; exec \"$0\" migrate n.py --kernel \"$1\" --block b --on box";
    let mut moving = Command::new("sh");
    moving.args(["-c", limited, env!("CARGO_BIN_EXE_nbhoist"), &file]).current_dir(folder);
    let moved = moving.env("XDG_CONFIG_HOME", folder.join("config")).env("NBHOIST_CACHE_DIR", folder.join("cache")).output().unwrap();
    assert!(!moved.status.success() && text(&moved).contains("no space left"), "{}", text(&moved));
    assert_eq!(common::printed(&mut kernel, "print('big' in globals())").await, "False\n");
    let job = json(folder, &["executors", "jobs"])["jobs"][0].clone();
    let id = job["id"].as_str().unwrap();
    assert!(text(&moved).contains(&format!("nbhoist executors attach {id}")), "{}", text(&moved));
    let taken = nbhoist(folder, &["executors", "attach", id]).output().unwrap();
    assert!(taken.status.success(), "{}", text(&taken));
    let same = "print(bool((big == np.random.default_rng(20).random(3_000_000)).all()))";
    assert_eq!(common::printed(&mut kernel, same).await, "True\n");
    assert_eq!(std::fs::read_to_string(folder.join("ran")).unwrap(), "1");
    assert_eq!(json(folder, &["executors", "jobs"])["jobs"], serde_json::json!([]));
    kernel.shutdown().await;
}

#[test]
fn places_are_added_without_secrets_and_without_touching_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configure(folder, "# mine\nheavy-seconds = 3");
    let add = |arguments: &[&str]| nbhoist(folder, &[&["executors", "add"], arguments].concat()).stdin(Stdio::null()).output().unwrap();
    let added = add(&["gpu", "--backend", "slurm", "--set", "partition=gpu", "--set", "gpus=1", "--set", "lease=60"]);
    assert!(added.status.success(), "{}", text(&added));
    assert!(add(&["hub", "--backend", "jupyter", "--set", "uri=https://hub.example.org/user/me"]).status.success());
    let file = std::fs::read_to_string(folder.join("config/nbhoist/nbhoist.toml")).unwrap();
    assert_eq!(
        file,
        "# mine\nheavy-seconds = 3\n\n[executors.gpu]\nbackend = \"slurm\"\npartition = \"gpu\"\ngpus = \"1\"\nlease = 60\n\n\
         [executors.hub]\nbackend = \"jupyter\"\nuri = \"https://hub.example.org/user/me\"\n"
    );
    for (arguments, says) in [
        (&["gpu", "--backend", "ssh", "--set", "host=a"][..], "already in"),
        (&["other", "--backend", "ssh"], "--set host="),
        (&["other", "--backend", "jupyter", "--set", "uri=http://a", "--set", "token=sesame"], "a secret must not stand in a file"),
        (&["../x", "--backend", "local"], "no name for a place"),
        (&["x"], "--backend"),
    ] {
        let refused = add(arguments);
        assert!(!refused.status.success() && text(&refused).contains(says), "{arguments:?}: {}", text(&refused));
    }
    assert_eq!(std::fs::read_to_string(folder.join("config/nbhoist/nbhoist.toml")).unwrap(), file);
    let listed = json(folder, &["executors"]);
    let names: Vec<_> = listed["executors"].as_array().unwrap().iter().map(|place| place["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["gpu", "hub", "local"]);
}
