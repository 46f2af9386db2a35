//! An engine that is started for a test, and the process that takes the steps on it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What a script of `tests/engines` says of its engine.
const SAID: &str = "NBHOIST_TEST_ENGINE";

/// The engine's name.
const NAME: &str = "NBHOIST_TEST_ENGINE_NAME";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Starts an engine, takes all steps on it in a process with its environment, and takes it away.
pub(crate) fn on(name: &str, script: &str, arguments: &[&str]) {
    let mut engine = Command::new(root().join("tests/engines").join(script))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(engine.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let described: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{name} did not start: {error} {said:?}"));
    let mut steps = Command::new(std::env::current_exe().unwrap());
    let test = std::env::var("NBHOIST_MEASURE").unwrap_or_else(|_| "steps::all".to_owned());
    steps.args(["--exact", &test, "--ignored", "--nocapture"]).env(SAID, &said).env(NAME, name);
    let described = Engine { name: name.to_owned(), said: described };
    described.surround(&mut steps, "");
    let status = steps.status().unwrap();
    end(engine);
    assert!(status.success(), "steps on {name} failed");
}

/// The script takes its engine away when its standard input ends.
fn end(mut engine: Child) {
    drop(engine.stdin.take());
    engine.wait().unwrap();
}

/// An engine that runs.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) name: String,
    said: Value,
}

impl Engine {
    /// The one that this process was started for.
    pub(crate) fn given() -> Self {
        let said = std::env::var(SAID).expect("tests/engines/run.sh starts this");
        Self { name: std::env::var(NAME).unwrap(), said: serde_json::from_str(&said).unwrap() }
    }

    /// What the script says under a key.
    pub(crate) fn said(&self, key: &str) -> Option<String> {
        self.said.get(key).and_then(Value::as_str).map(str::to_owned)
    }

    /// Gives a command the engine's environment; with `wrong_` before the keys, one with wrong credentials.
    pub(crate) fn surround(&self, command: &mut Command, prefix: &str) {
        for (name, value) in self.said.get(format!("{prefix}environment")).and_then(Value::as_object).into_iter().flatten() {
            command.env(name, value.as_str().unwrap_or_default());
        }
        if let Some(folder) = self.said(&format!("{prefix}path")) {
            command.env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap_or_default()));
        }
    }

    /// What the engine's own means take for the same bytes, as `plain.py` says it.
    pub(crate) fn plain(&self) -> Option<Value> {
        let output = Command::new("bash").args(["-c", &self.said("plain")?]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let found = said.lines().find_map(|line| serde_json::from_str(line).ok());
        Some(found.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Does something to the engine: `cut` or `kill`.
    pub(crate) fn harm(&self, key: &str) {
        let script = self.said(key).unwrap();
        Command::new("bash").args(["-c", &script]).env("NBHOIST_TEST_PROCESS", std::process::id().to_string()).status().unwrap();
    }
}
