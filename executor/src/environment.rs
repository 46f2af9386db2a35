//! nbhoist's own Python environments in the user's cache, made from pinned requirements.
//!
//! An environment is complete when its stamp file is there; anything else found under its name is a build that was cut
//! short, and is built again. A lock file keeps two processes from building the same one.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::process::Supervised;
use crate::python::{self, PythonError};
use crate::{cache, runtime};

/// How often a lock that another process holds is tried.
const RETRY: Duration = Duration::from_millis(200);

/// What is being done, for a progress display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another process builds the same environment.
    Waiting,
    /// The environment is created.
    Creating {
        /// Where.
        path: PathBuf,
    },
    /// A line that pip printed.
    Installing {
        /// The line.
        line: String,
    },
    /// The environment is ready.
    Ready,
}

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// No interpreter to create it with.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// A file could not be written.
    #[error(
        "cannot prepare the Python environment in {path}: {error}; free some space there, or set NBHOIST_CACHE_DIR to another directory"
    )]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// `python -m venv` failed.
    #[error(
        "cannot create a Python environment in {path} with {python}: {why}\non Debian and Ubuntu `apt install python3-venv` \
         brings what is missing; or name another interpreter with --python"
    )]
    Create {
        /// Where.
        path: PathBuf,
        /// The interpreter.
        python: PathBuf,
        /// The end of what it printed.
        why: String,
    },
    /// pip failed.
    #[error(
        "cannot install the packages of nbhoist's environment in {path}: {why}\ncheck the connection to the package index and try again"
    )]
    Install {
        /// Where.
        path: PathBuf,
        /// The end of what pip printed.
        why: String,
    },
}

/// The interpreter of the environment with these requirements (the text of a requirements file), built with the
/// interpreter `base` in the user's cache when it is not there yet.
///
/// # Errors
/// When it cannot be built.
pub async fn ensure(requirements: &str, base: &Path, on_step: &mut (dyn FnMut(Step) + Send)) -> Result<PathBuf, EnvironmentError> {
    ensure_in(&cache::directory().join("environments"), requirements, base, on_step).await
}

/// As [`ensure`], with environments in the directory `home`.
///
/// # Errors
/// When it cannot be built.
pub async fn ensure_in(
    home: &Path,
    requirements: &str,
    base: &Path,
    on_step: &mut (dyn FnMut(Step) + Send),
) -> Result<PathBuf, EnvironmentError> {
    let base = python::inspect(base).await?;
    let version = format!("{}.{}", base.version.major, base.version.minor);
    let path = home.join(key(requirements, &version));
    let complete = || path.join(STAMP).exists().then(|| python::interpreter_in(&path));
    if let Some(interpreter) = complete() {
        return Ok(interpreter);
    }

    let io = |error| EnvironmentError::Io { path: path.clone(), error };
    cache::create_private(home).map_err(io)?;
    let _lock = lock(&path.with_extension("lock"), on_step).await.map_err(io)?;
    if let Some(interpreter) = complete() {
        return Ok(interpreter);
    }
    build(&path, requirements, &base.path, on_step).await?;
    std::fs::write(path.join(STAMP), requirements).map_err(io)?;
    on_step(Step::Ready);
    Ok(python::interpreter_in(&path))
}

/// The file that says an environment is complete.
const STAMP: &str = "nbhoist-complete";

fn key(requirements: &str, version: &str) -> String {
    let text = format!("{version}\n{requirements}");
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    runtime::hex(&digest.as_ref()[..8])
}

/// Takes the lock, which lasts as long as the file is open.
async fn lock(path: &Path, on_step: &mut (dyn FnMut(Step) + Send)) -> std::io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut told, true) {
                    on_step(Step::Waiting);
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn build(path: &Path, requirements: &str, base: &Path, on_step: &mut (dyn FnMut(Step) + Send)) -> Result<(), EnvironmentError> {
    let io = |error| EnvironmentError::Io { path: path.to_path_buf(), error };
    if path.exists() {
        std::fs::remove_dir_all(path).map_err(io)?;
    }
    on_step(Step::Creating { path: path.to_path_buf() });
    let pip = create(path, base).await?;

    let list = path.join("requirements.txt");
    std::fs::write(&list, requirements).map_err(io)?;
    let mut command = Command::new(&pip[0]);
    command.args(&pip[1..]);
    command.args(["install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "-r"]).arg(&list);
    let mut said = |line: String| on_step(Step::Installing { line });
    run(&mut command, &mut said).await.map_err(|why| EnvironmentError::Install { path: path.to_path_buf(), why })
}

/// Creates the bare environment and says how to call pip for it. Debian splits `ensurepip` off its Python: there the base
/// interpreter's own pip does the work.
async fn create(path: &Path, base: &Path) -> Result<Vec<PathBuf>, EnvironmentError> {
    let mut command = Command::new(base);
    command.args(["-m", "venv"]).arg(path);
    let Err(why) = run(&mut command, &mut |_| {}).await else {
        return Ok(vec![python::interpreter_in(path), "-m".into(), "pip".into()]);
    };
    let failed = |why| EnvironmentError::Create { path: path.to_path_buf(), python: base.to_path_buf(), why };
    if python::run_python(base, "import pip").await.is_err() {
        return Err(failed(why));
    }
    let mut command = Command::new(base);
    command.args(["-m", "venv", "--clear", "--without-pip"]).arg(path);
    run(&mut command, &mut |_| {}).await.map_err(failed)?;
    Ok(vec![base.to_path_buf(), "-m".into(), "pip".into(), "--python".into(), python::interpreter_in(path)])
}

/// Runs a command, hands on the lines it prints, and gives the end of its output when it fails.
async fn run(command: &mut Command, said: &mut (dyn FnMut(String) + Send)) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let (child, pipes) = Supervised::spawn(command).map_err(|error| error.to_string())?;
    let mut last = String::new();
    if let Some(stdout) = pipes.stdout {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            last.clone_from(&line);
            said(line);
        }
    }
    let ending = child.ended().await;
    if ending.status == "exit code 0" {
        return Ok(());
    }
    let why = if ending.stderr.trim().is_empty() { last } else { ending.stderr };
    Err(format!("{}: {}", ending.status, why.trim()))
}

/// The version of cloudpickle that is fetched when no other is at hand.
pub const CLOUDPICKLE: &str = "cloudpickle==3.1.2";

/// cloudpickle's sources: those installed beside the kernel's `python` when they are new enough, else those of an environment of our own,
/// else fetched once into the cache.
///
/// # Errors
/// When they are nowhere and cannot be fetched.
pub async fn cloudpickle_sources(python: &Path) -> Result<Vec<runtime::PythonSource>, EnvironmentError> {
    if let Ok(said) = python::run_python(python, WHERE_IS_CLOUDPICKLE).await
        && let Some(directory) = said.lines().last().filter(|line| !line.is_empty())
    {
        return read_package(Path::new(directory));
    }
    if let Some(directory) = in_own_environments() {
        return read_package(&directory);
    }
    let fetched = cache::directory().join("cloudpickle-3.1.2");
    if !fetched.join("cloudpickle").join("cloudpickle.py").exists() {
        fetch_cloudpickle(python, &fetched).await?;
    }
    read_package(&fetched.join("cloudpickle"))
}

/// Prints nothing when cloudpickle is not there or older than 2.2, the first that pickles what Python 3.11 makes.
const WHERE_IS_CLOUDPICKLE: &str = "\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
try:
    import os, cloudpickle
    if tuple(int(part) for part in cloudpickle.__version__.split('.')[:2]) >= (2, 2):
        print(os.path.dirname(cloudpickle.__file__))
except (ImportError, ValueError):
    pass
";

/// cloudpickle in an environment that is complete.
fn in_own_environments() -> Option<PathBuf> {
    let environments = std::fs::read_dir(cache::directory().join("environments")).ok()?;
    let complete = environments.flatten().map(|entry| entry.path()).filter(|path| path.join(STAMP).exists());
    let libraries = complete.flat_map(|path| std::fs::read_dir(path.join("lib")).into_iter().flatten().flatten());
    libraries.map(|entry| entry.path().join("site-packages").join("cloudpickle")).find(|path| path.join("cloudpickle.py").exists())
}

async fn fetch_cloudpickle(python: &Path, target: &Path) -> Result<(), EnvironmentError> {
    let io = |error| EnvironmentError::Io { path: target.to_path_buf(), error };
    let parent = cache::directory();
    cache::create_private(&parent).map_err(io)?;
    let building = tempfile::Builder::new().prefix("cloudpickle-").tempdir_in(&parent).map_err(io)?;
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile", "--target"]);
    command.arg(building.path()).arg(CLOUDPICKLE);
    run(&mut command, &mut |_| {}).await.map_err(|why| EnvironmentError::Install { path: target.to_path_buf(), why })?;
    match std::fs::rename(building.path(), target) {
        // Another process may have been faster; its copy is as good.
        Err(error) if !target.join("cloudpickle").exists() => Err(io(error)),
        _ => Ok(()),
    }
}

fn read_package(directory: &Path) -> Result<Vec<runtime::PythonSource>, EnvironmentError> {
    let io = |error| EnvironmentError::Io { path: directory.to_path_buf(), error };
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.extension().is_some_and(|end| end == "py")) else {
            continue;
        };
        sources.push(runtime::PythonSource { name: format!("cloudpickle/{name}"), text: std::fs::read(&path).map_err(io)? });
    }
    sources.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(sources)
}
