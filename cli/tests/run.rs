//! `nbhoist run` on a real kernel: outputs, failures, interrupts, and blocks that run elsewhere.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// An interpreter with ipykernel; without one these tests have nothing to run.
fn python() -> Option<String> {
    let python = std::env::var("NBHOIST_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import ipykernel, nbformat"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none(), "set NBHOIST_TEST_PYTHON to a Python with ipykernel and nbformat");
    eprintln!("skipped: set NBHOIST_TEST_PYTHON to a Python with ipykernel and nbformat");
    None
}

fn command(folder: &Path, python: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbhoist"));
    command.arg("run").args(arguments).args(["--python", python]).current_dir(folder);
    command.env("NBHOIST_HISTORY", "off").env("XDG_CONFIG_HOME", folder.join("config"));
    // What a run leaves behind would be found in a folder of its own.
    fs::create_dir_all(folder.join("tmp")).unwrap();
    command.env("TMPDIR", folder.join("tmp"));
    command
}

fn run(folder: &Path, python: &str, arguments: &[&str]) -> Output {
    command(folder, python, arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Nothing of a run stays in its folder for temporary files.
fn leaves_nothing(folder: &Path) {
    let left: Vec<_> = fs::read_dir(folder.join("tmp")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("nbhoist")), "left behind: {left:?}");
}

const NOTEBOOK: &str = r##"{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "title",
   "metadata": {},
   "source": ["# Aliases\n", "and displays"]
  },
  {
   "cell_type": "code",
   "execution_count": 41,
   "id": "setup",
   "metadata": {},
   "outputs": [{"name": "stdout", "output_type": "stream", "text": ["old\n"]}],
   "source": [
    "rows = [1, 2]\n",
    "also = rows\n",
    "unused = bytes(1_000_000)\n",
    "def total():\n",
    "    return sum(rows)"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "block",
   "metadata": {"tags": ["nbhoist:grow"]},
   "outputs": [],
   "source": "rows.append(total())\nprint('a', end='')\nprint('b\\nc')\ntotal()"
  },
  {
   "cell_type": "code",
   "execution_count": 2,
   "id": "after",
   "metadata": {"collapsed": true},
   "outputs": [],
   "source": [
    "from IPython.display import display, clear_output\n",
    "print('gone'); clear_output()\n",
    "handle = display('first', display_id='x')\n",
    "handle.update('second')\n",
    "print(rows, also is rows, total())"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 3,
   "id": "blank",
   "metadata": {},
   "outputs": [],
   "source": []
  }
 ],
 "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "other": [1, 2]},
 "nbformat": 4,
 "nbformat_minor": 5
}
"##;

/// The notebook without what a run may change.
fn without_outputs(mut notebook: Value) -> Value {
    for cell in notebook["cells"].as_array_mut().unwrap() {
        let cell = cell.as_object_mut().unwrap();
        cell.shift_remove("outputs");
        cell.shift_remove("execution_count");
    }
    notebook
}

#[test]
fn outputs_are_those_of_jupyter_wherever_the_block_runs() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (input, here, there) = (folder.path().join("in.ipynb"), folder.path().join("here.ipynb"), folder.path().join("there.ipynb"));
    fs::write(&input, NOTEBOOK).unwrap();
    let output = run(folder.path(), &python, &["in.ipynb", "--on", "here", "-o", "here.ipynb"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = run(folder.path(), &python, &["in.ipynb", "--on", "local", "-o", "there.ipynb", "--output-format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let migration = &summary["migrations"][0];
    assert_eq!((&migration["executor"], &migration["cells"]), (&Value::from("local"), &serde_json::json!([3])));
    let (shipped, namespace) = (migration["shipped_bytes"].as_u64().unwrap(), migration["namespace_bytes"].as_u64().unwrap());
    assert!(shipped > 0 && shipped * 100 < namespace, "{shipped} of {namespace}");

    assert_eq!(fs::read_to_string(&here).unwrap(), fs::read_to_string(&there).unwrap());
    assert_eq!(without_outputs(json(&here)), without_outputs(json(&input)));
    let cells = json(&there)["cells"].clone();
    let counts: Vec<_> = [1, 2, 3, 4].map(|cell: usize| cells[cell]["execution_count"].as_u64()).to_vec();
    assert_eq!(counts, [Some(1), Some(2), Some(3), None]);
    assert_eq!(cells[1]["outputs"], serde_json::json!([]), "an old output has gone");
    assert_eq!(cells[2]["outputs"][0]["text"], serde_json::json!(["ab\n", "c\n"]));
    assert_eq!(cells[2]["outputs"][1]["data"]["text/plain"], serde_json::json!(["6"]));
    assert_eq!(cells[3]["outputs"][0]["data"]["text/plain"], serde_json::json!(["'second'"]));
    assert_eq!(cells[3]["outputs"][1]["text"], serde_json::json!(["[1, 2, 3] True 6\n"]));
    let check = "import nbformat, sys; nbformat.validate(nbformat.read(sys.argv[1], 4))";
    assert!(Command::new(&python).args(["-c", check]).arg(&there).status().unwrap().success());
    leaves_nothing(folder.path());
}

#[test]
fn a_failing_cell_ends_the_run_and_what_there_is_is_written() {
    let Some(python) = python() else { return };
    for place in ["here", "local"] {
        let folder = tempfile::tempdir().unwrap();
        let script = "# %%\nprint('one')\n# %% tags=[\"nbhoist:b\"]\n1 / 0\n# %%\nprint('never')\n";
        fs::write(folder.path().join("a.py"), script).unwrap();
        let output = run(folder.path(), &python, &["a.py", "--on", place, "-o", "out.ipynb"]);
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("Cell In[2], line 1") && errors.contains("error: cell 2 raised ZeroDivisionError"), "{errors}");
        let cells = json(&folder.path().join("out.ipynb"))["cells"].clone();
        assert_eq!(cells[0]["outputs"][0]["text"][0], "one\n");
        assert_eq!(cells[1]["outputs"][0]["ename"], "ZeroDivisionError");
        assert_eq!(cells[2]["outputs"], serde_json::json!([]));
    }
}

#[test]
fn exceptions_that_a_cell_announces_do_not_end_the_run() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = "# %% tags=[\"raises-exception\"]\n1 / 0\n# %% tags=[\"skip-execution\"]\nraise SystemError\n# %%\nprint('on')\n";
    fs::write(folder.path().join("a.py"), script).unwrap();
    let output = run(folder.path(), &python, &["a.py"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("  on\n"));
}

const ENDLESS: &str = "# %%\nimport os, time\nprint(os.getpid(), flush=True)\n# %% tags=[\"nbhoist:b\"]\nprint(os.getpid(), flush=True)\nwhile True:\n    time.sleep(0.1)\n";

#[test]
fn a_cell_that_takes_too_long_is_interrupted() {
    let Some(python) = python() else { return };
    for place in ["here", "local"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.py"), ENDLESS).unwrap();
        let output = run(folder.path(), &python, &["a.py", "--on", place, "--timeout", "4"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("cell 2 took longer than 4.0 s"), "{}", stderr(&output));
        leaves_nothing(folder.path());
    }
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// Whether a process with this number runs.
fn lives(process: &str) -> bool {
    Command::new("kill").args(["-0", process]).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let Some(python) = python() else { return };
    for place in ["here", "local"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.py"), ENDLESS).unwrap();
        let printed = fs::File::create(folder.path().join("printed")).unwrap();
        let mut command = command(folder.path(), &python, &["a.py", "--on", place, "-v", "-o", "out.ipynb"]);
        let mut child = command.stdout(printed).stderr(Stdio::piped()).spawn().unwrap();
        // Live output says when the endless cell has started, and which processes run the cells.
        let started = Instant::now();
        let processes = loop {
            let text = fs::read_to_string(folder.path().join("printed")).unwrap();
            let numbers: Vec<String> = text.lines().filter(|line| line.parse::<u32>().is_ok()).map(str::to_owned).collect();
            if numbers.len() == 2 {
                break numbers;
            }
            assert!(started.elapsed() < Duration::from_mins(4), "{text}");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(processes.iter().all(|process| lives(process)));
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!folder.path().join("out.ipynb").exists());
        assert!(processes.iter().all(|process| !lives(process)), "a kernel or worker outlives the run");
        leaves_nothing(folder.path());
    }
}
