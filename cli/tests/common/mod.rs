//! A folder with notebooks, and the real command in it.
#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod auto;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A folder that goes away with it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
        command.args(arguments).current_dir(self.path()).env("NBHOIST_HISTORY", "off").env("XDG_CONFIG_HOME", self.path().join("config"));
        for variable in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "FORCE_HYPERLINK"] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn nbhoist(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().unwrap())
    }

    /// `check` with these arguments.
    pub(crate) fn check(&self, arguments: &[&str]) -> Said {
        self.nbhoist(&[&["check"], arguments].concat())
    }

    /// `check` with this text on standard input.
    pub(crate) fn filter(&self, arguments: &[&str], text: &str) -> Said {
        let mut command = self.command(&[&["check", "-"], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        said(child.wait_with_output().unwrap())
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
        let output = Command::new("git").args(identity).args(arguments).current_dir(self.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) }
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.errors))
    }

    /// Code, cell and line of each finding of `--output-format json`.
    pub(crate) fn findings(&self) -> Vec<String> {
        let shown = |finding: &Value| format!("{} {}:{}", finding["code"].as_str().unwrap(), finding["cell"], finding["line"]);
        self.json()["findings"].as_array().unwrap().iter().map(shown).collect()
    }
}

/// A code cell.
pub(crate) fn code(id: &str, source: &str) -> Value {
    let lines: Vec<&str> = source.split_inclusive('\n').collect();
    json!({"cell_type": "code", "execution_count": null, "id": id, "metadata": {}, "outputs": [], "source": lines})
}

/// A notebook as Jupyter writes it.
pub(crate) fn notebook(cells: &[Value]) -> String {
    let value = json!({"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5});
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    serde::Serialize::serialize(&value, &mut serde_json::Serializer::with_formatter(&mut text, formatter)).unwrap();
    text.push(b'\n');
    String::from_utf8(text).unwrap()
}
