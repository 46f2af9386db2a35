//! Interpreters that do and do not do, and an environment that is built, found again and repaired.

mod common;

use std::path::{Path, PathBuf};

use nbhoist_executor::environment::{EnvironmentError, Step, ensure_in};
use nbhoist_executor::python::{self, PythonError};

fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    common::write_program(&path, &format!("#!/bin/sh\n{text}\n"));
    path
}

#[tokio::test]
async fn interpreters_that_do_not_do_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let say = |version: &str| format!("echo '{{\"version\": {version}, \"ipykernel\": null, \"problem\": \"ImportError: no zmq\"}}'");
    let old = script(directory.path(), "old", &say("[3, 7, 9]"));
    let error = python::find(Some(&old)).await.unwrap_err();
    assert!(matches!(&error, PythonError::TooOld { .. }), "{error}");
    assert!(error.to_string().contains("3.7.9") && error.to_string().contains("3.8"), "{error}");

    let bare = script(directory.path(), "bare", &say("[3, 12, 1]"));
    let error = python::find(Some(&bare)).await.unwrap_err().to_string();
    assert!(error.contains("no zmq") && error.contains(&format!("{} -m pip install ipykernel", bare.display())), "{error}");

    let broken = script(directory.path(), "broken", "echo 'libpython.so not found' >&2; exit 127");
    let error = python::find(Some(&broken)).await.unwrap_err().to_string();
    assert!(error.contains("exit code 127") && error.contains("libpython.so not found"), "{error}");

    let chatty = script(directory.path(), "chatty", "echo hello");
    let error = python::find(Some(&chatty)).await.unwrap_err();
    assert!(matches!(error, PythonError::NotRunnable { .. }), "{error}");

    let error = python::find(Some(Path::new("/nonexistent/python"))).await.unwrap_err().to_string();
    assert!(error.contains("/nonexistent/python"), "{error}");
}

/// Builds (or finds) an environment with cloudpickle alone and gives its interpreter and the steps it took.
async fn build(home: &Path) -> (PathBuf, Vec<Step>) {
    let base = python::find_base(None).await.unwrap();
    let mut steps = Vec::new();
    let interpreter = ensure_in(home, "cloudpickle==3.1.2\n", &base.path, &mut |step| steps.push(step)).await.unwrap();
    (interpreter, steps)
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_is_built_once_even_by_two_and_again_when_cut_short() {
    let home = tempfile::tempdir().unwrap();
    let ((first, one), (second, two)) = tokio::join!(build(home.path()), build(home.path()));
    assert_eq!(first, second);
    let created = |steps: &[Step]| steps.iter().any(|step| matches!(step, Step::Creating { .. }));
    assert!(created(&one) != created(&two), "{one:?} {two:?}");
    assert!(one.contains(&Step::Waiting) != two.contains(&Step::Waiting), "{one:?} {two:?}");
    let works = |python: &Path| std::process::Command::new(python).args(["-c", "import cloudpickle"]).status().unwrap().success();
    assert!(works(&first));
    let (again, steps) = build(home.path()).await;
    assert_eq!((again, steps), (first.clone(), Vec::new()));

    let environment = first.parent().and_then(Path::parent).unwrap();
    std::fs::remove_file(environment.join("nbhoist-complete")).unwrap();
    std::fs::remove_dir_all(environment.join("lib")).unwrap();
    let (repaired, steps) = build(home.path()).await;
    assert!(created(&steps) && works(&repaired));
}

#[tokio::test(flavor = "multi_thread")]
async fn package_that_is_nowhere_is_told_and_leaves_no_complete_environment() {
    let home = tempfile::tempdir().unwrap();
    let base = python::find_base(None).await.unwrap();
    let requirements = "./no-such-package-here.whl\n";
    let error = ensure_in(home.path(), requirements, &base.path, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, EnvironmentError::Install { .. }), "{error}");
    assert!(error.to_string().contains("no-such-package-here"), "{error}");
    let entries = std::fs::read_dir(home.path()).unwrap().flatten();
    assert!(entries.map(|entry| entry.path()).all(|path| !path.join("nbhoist-complete").exists()));
}
