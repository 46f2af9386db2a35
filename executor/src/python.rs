//! Finds a Python interpreter that can run a kernel.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Oldest Python that nbhoist works with.
pub const OLDEST: Version = Version { major: 3, minor: 8, micro: 0 };

/// How long an interpreter may take to say what it is; a cold network disk is slow.
const PATIENCE: Duration = Duration::from_mins(1);

/// A Python version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// `3` in 3.11.4.
    pub major: u32,
    /// `11` in 3.11.4.
    pub minor: u32,
    /// `4` in 3.11.4.
    pub micro: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// An interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// How to start it.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
    /// Version of ipykernel, when it imports.
    pub ipykernel: Option<String>,
    /// Why ipykernel does not import, when it does not.
    pub problem: Option<String>,
}

/// Why there is no usable interpreter.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// Nothing to try.
    #[error(
        "no Python found: neither VIRTUAL_ENV nor CONDA_PREFIX is set, and PATH has no python3 or python; install Python {}.{} \
         or later, or name an interpreter with --python",
        OLDEST.major,
        OLDEST.minor
    )]
    NotFound,
    /// The interpreter cannot be run.
    #[error("{path} is not a working Python: {why}; name another interpreter with --python")]
    NotRunnable {
        /// The interpreter.
        path: PathBuf,
        /// What happened.
        why: String,
    },
    /// The interpreter is too old.
    #[error(
        "{path} is Python {version}, but nbhoist needs {}.{} or later; name another interpreter with --python",
        OLDEST.major,
        OLDEST.minor
    )]
    TooOld {
        /// The interpreter.
        path: PathBuf,
        /// Its version.
        version: Version,
    },
    /// ipykernel does not import there.
    #[error("{path} (Python {version}) cannot run a kernel: {why}; install ipykernel there with: {path} -m pip install ipykernel")]
    NoIpykernel {
        /// The interpreter.
        path: PathBuf,
        /// Its version.
        version: Version,
        /// The import error.
        why: String,
    },
}

/// Finds an interpreter that can run a kernel: `given` when there is one, else that of the active environment
/// (`VIRTUAL_ENV`, `CONDA_PREFIX`), else `python3` or `python` on `PATH`. An environment that is given or active is the
/// one the user means: when it does not do, nothing else is tried.
///
/// # Errors
/// When there is none, or the one that is meant does not do.
pub async fn find(given: Option<&Path>) -> Result<Python, PythonError> {
    let meant = given.map(Path::to_path_buf).or_else(active_environment);
    if let Some(path) = meant {
        return require_kernel(inspect(&path).await?);
    }
    let mut first = None;
    for path in ["python3", "python"].into_iter().filter_map(on_path) {
        match inspect(&path).await.and_then(require_kernel) {
            Ok(python) => return Ok(python),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or(PythonError::NotFound))
}

/// Finds any interpreter new enough to create an environment with, kernel or not.
///
/// # Errors
/// When there is none.
pub async fn find_base(given: Option<&Path>) -> Result<Python, PythonError> {
    if let Some(path) = given {
        return inspect(path).await;
    }
    let mut first = None;
    for path in ["python3", "python"].into_iter().filter_map(on_path).chain(active_environment()) {
        match inspect(&path).await {
            Ok(python) => return Ok(python),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or(PythonError::NotFound))
}

/// Asks the interpreter at `path` what it is.
///
/// # Errors
/// When it cannot be run or is too old.
pub async fn inspect(path: &Path) -> Result<Python, PythonError> {
    let not_runnable = |why: String| PythonError::NotRunnable { path: path.to_path_buf(), why };
    let text = run_python(path, INSPECT).await.map_err(not_runnable)?;
    let line = text.lines().last().unwrap_or_default();
    let said: Said = serde_json::from_str(line).map_err(|_| not_runnable(format!("it printed {line:?} when asked for its version")))?;
    let [major, minor, micro] = said.version;
    let version = Version { major, minor, micro };
    if version < OLDEST {
        return Err(PythonError::TooOld { path: path.to_path_buf(), version });
    }
    Ok(Python { path: path.to_path_buf(), version, ipykernel: said.ipykernel, problem: said.problem })
}

/// Says the version and whether ipykernel imports. The working directory leaves `sys.path` first, as `ipykernel_launcher`
/// does it, so that a `random.py` beside the notebook does not count. It is valid Python 2, so that an old interpreter
/// gets as far as telling its version.
const INSPECT: &str = "\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import json
said = {'version': list(sys.version_info[:3]), 'ipykernel': None, 'problem': None}
if sys.version_info >= (3, 8):
    try:
        import ipykernel.kernelapp
        said['ipykernel'] = ipykernel.__version__
    except BaseException as error:
        said['problem'] = type(error).__name__ + ': ' + str(error)
print(json.dumps(said))
";

#[derive(serde::Deserialize)]
struct Said {
    version: [u32; 3],
    ipykernel: Option<String>,
    problem: Option<String>,
}

fn require_kernel(python: Python) -> Result<Python, PythonError> {
    if python.ipykernel.is_some() {
        return Ok(python);
    }
    let why = python.problem.unwrap_or_else(|| "ipykernel does not import".to_owned());
    Err(PythonError::NoIpykernel { path: python.path, version: python.version, why })
}

/// Runs a script and gives what it printed; errors in words.
pub(crate) async fn run_python(path: &Path, script: &str) -> Result<String, String> {
    let mut command = Command::new(path);
    command.args(["-c", script]).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .map_err(|_| format!("it did not answer within {} s", PATIENCE.as_secs()))?
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.trim().lines().last().unwrap_or_default();
    Err(format!("{} {last}", crate::process::describe(output.status)))
}

fn active_environment() -> Option<PathBuf> {
    ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
        .map(|root| interpreter_in(Path::new(&root)))
        .find(|path| path.exists())
}

/// Where the interpreter of an environment is.
pub fn interpreter_in(environment: &Path) -> PathBuf {
    if cfg!(windows) { environment.join("Scripts").join("python.exe") } else { environment.join("bin").join("python") }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let name = if cfg!(windows) { format!("{name}.exe") } else { name.to_owned() };
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(&name)).find(|candidate| candidate.is_file())
}
