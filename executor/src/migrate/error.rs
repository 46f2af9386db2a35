//! Why a block did not move. Until the result has been restored the kernel is as it was; every message says so by what it
//! asks the user to do.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::backend::BackendError;
use crate::event::Phase;
use crate::kernel::{CallError, KernelError};
use crate::process::Ending;

/// A value that cannot travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The name that holds it.
    pub name: String,
    /// Where inside the name's value it is, such as `config["lock"]`.
    pub path: Option<String>,
    /// Why it cannot travel, and what to do instead.
    pub reason: String,
}

/// A package (or Python itself) that differs between kernel and worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `Python`, or the package.
    pub package: String,
    /// Version in the kernel.
    pub here: String,
    /// Version at the worker; `None` when it is not installed there.
    pub there: Option<String>,
}

/// A name that the result would touch and that is not what was captured any more.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Clash {
    /// The name.
    #[serde(default)]
    pub name: String,
    /// What happened to it.
    #[serde(default)]
    pub why: String,
}

/// Why a block did not move.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Inputs that cannot travel.
    #[error("the block was not moved, because {}", list_refused(.0))]
    RefusedTravel(Vec<Refused>),
    /// Python or packages differ.
    #[error("the block was not moved to {executor}, because objects made by one version may not load in another: {}", list_differences(.differences))]
    VersionMismatch {
        /// Name of the executor.
        executor: String,
        /// What differs.
        differences: Vec<Difference>,
    },
    /// The worker could not be started.
    #[error("executor {executor}: {error}")]
    Connect {
        /// Name of the executor.
        executor: String,
        /// Why.
        error: BackendError,
    },
    /// Files that the block reads cannot be used there.
    #[error("the block was not moved to {executor}, because of files that it reads: {}", list_files(.files))]
    Files {
        /// Name of the executor.
        executor: String,
        /// Path and reason of each.
        files: Vec<(String, String)>,
    },
    /// The kernel's environment could not be built there.
    #[error("the block was not moved to {executor}, because the kernel's environment cannot be built there: {why}")]
    Environment {
        /// Name of the executor.
        executor: String,
        /// What went wrong.
        why: String,
    },
    /// The worker died.
    #[error(
        "the worker on {executor} died during {phase}{}: {ending}\nthe kernel's variables are as they were; run the block again, \
         on an executor with more memory if it was killed for that",
        cell.map(|number| format!(" of cell {number}")).unwrap_or_default()
    )]
    WorkerDied {
        /// Name of the executor.
        executor: String,
        /// What was going on.
        phase: Phase,
        /// Number of the cell that ran.
        cell: Option<u32>,
        /// Its exit status and last words.
        ending: Ending,
    },
    /// The kernel failed.
    #[error("during {phase}: {error}")]
    Kernel {
        /// What was going on.
        phase: Phase,
        /// What happened.
        error: Box<KernelError>,
    },
    /// The kernel died.
    #[error("the kernel died during {phase} ({why}); the worker was ended; restart the kernel and run the notebook again")]
    KernelDied {
        /// What was going on.
        phase: Phase,
        /// How, in words.
        why: String,
    },
    /// A value did not unpickle at the worker.
    #[error(
        "{} arrived on {executor} but could not be rebuilt there: {reason}\nthe kernel's variables are as they were; \
         make this value inside the block, or install there what its class needs",
        name.as_deref().map_or_else(|| "an input".to_owned(), |name| format!("`{name}`"))
    )]
    Unpickle {
        /// Name of the executor.
        executor: String,
        /// The name that holds it.
        name: Option<String>,
        /// The exception.
        reason: String,
        /// The traceback there.
        detail: String,
        /// A name of the notebook that was read and did not go along.
        missing: Option<String>,
    },
    /// A value that had stayed at the executor is not there any more.
    #[error(
        "the block was not moved to {executor}: `{name}` had stayed there, and is gone: {reason}\nthe kernel's variables are as they were{}",
        made_again(.cells)
    )]
    Stayed {
        /// Name of the executor.
        executor: String,
        /// The value.
        name: String,
        /// What happened.
        reason: String,
        /// Numbers of the cells that make it.
        cells: Vec<u32>,
    },
    /// No space for a bundle.
    #[error(
        "no space left in {path} during {phase}; the kernel's variables are as they were; free some space there, or set TMPDIR to another directory"
    )]
    DiskFull {
        /// Where.
        path: PathBuf,
        /// What was going on.
        phase: Phase,
    },
    /// There is no room here for the result, which its executor keeps.
    #[error(
        "no space left in {path} during {phase}; the result stays on {executor} for {seconds} s. Free some space there, or set TMPDIR to \
         another directory, and fetch it: nbhoist executors attach {job}"
    )]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// What was going on.
        phase: Phase,
        /// Its name.
        executor: String,
        /// How long it is kept, seconds.
        seconds: f64,
        /// Names the block for those that take it over.
        job: String,
    },
    /// The kernel's state has moved on.
    #[error(
        "the block ran, but its results were not put into the kernel, because {}; they are kept in {}",
        list_clashes(.clashes),
        kept.display()
    )]
    Conflict {
        /// What differs.
        clashes: Vec<Clash>,
        /// Where the result is.
        kept: PathBuf,
    },
    /// The result could not be put into the kernel.
    #[error("the block ran, but its results could not be put into the kernel: {error}\nthe kernel is as it was; the results are kept in {}", kept.display())]
    Restore {
        /// What happened.
        error: Box<CallError>,
        /// Where the result is.
        kept: PathBuf,
    },
    /// What later cells need, or what the block changed, cannot come back.
    #[error(
        "the block ran, but its results were not put into the kernel, because {}\nthe kernel's variables are as they were; the other \
         results are kept in {}; turn what cannot travel into plain data inside the block, remove it there (`del`), or keep the cell \
         that makes it and the cells that use it together",
        list_lost(.lost),
        kept.display()
    )]
    Lost {
        /// What cannot come back.
        lost: Vec<Refused>,
        /// Where the other results are.
        kept: PathBuf,
    },
    /// The caller gave up.
    #[error("interrupted during {phase}; the kernel's variables are as they were")]
    Cancelled {
        /// What was going on.
        phase: Phase,
    },
    /// The worker could not do what it was asked for.
    #[error("the worker on {executor} failed during {phase}: {reason}\nthe kernel's variables are as they were")]
    Worker {
        /// Name of the executor.
        executor: String,
        /// What was going on.
        phase: Phase,
        /// What happened.
        reason: String,
        /// The traceback there.
        detail: String,
    },
    /// The other side does not speak the protocol.
    #[error("executor {executor}: {why}; is the command of this executor one that starts Python there?")]
    Protocol {
        /// Name of the executor.
        executor: String,
        /// What was not understood.
        why: String,
    },
    /// A file could not be used.
    #[error("during {phase}: cannot use {path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was going on.
        phase: Phase,
        /// What happened.
        error: std::io::Error,
    },
    /// The kernel is on another machine.
    #[error(
        "the kernel wrote the inputs to {path}, which cannot be seen from here: it runs on another machine or in a container; \
         run nbhoist where the kernel runs"
    )]
    KernelElsewhere {
        /// The file.
        path: PathBuf,
    },
}

fn made_again(cells: &[u32]) -> String {
    let numbers: Vec<_> = cells.iter().map(u32::to_string).collect();
    match numbers.len() {
        0 => String::new(),
        1 => format!("; run cell {} again to make it anew", numbers[0]),
        _ => format!("; run cells {} again to make it anew", numbers.join(", ")),
    }
}

fn list_refused(all: &[Refused]) -> String {
    let mut text = String::new();
    for (index, refused) in all.iter().enumerate() {
        let separator = if index == 0 { "" } else { "\nand " };
        let place = match refused.path.as_deref().filter(|path| *path != refused.name) {
            Some(path) => format!(" (at `{path}`)"),
            None => String::new(),
        };
        let _ = write!(text, "{separator}`{}`{place} cannot travel: {}", refused.name, bare_reason(refused));
    }
    text
}

/// The reason without the name, which stands before it.
fn bare_reason(refused: &Refused) -> &str {
    let rest = refused.reason.strip_prefix(refused.name.as_str());
    rest.and_then(|rest| rest.strip_prefix(" cannot travel: ")).unwrap_or(&refused.reason)
}

fn list_lost(all: &[Refused]) -> String {
    let each: Vec<_> = all.iter().map(|lost| format!("`{}` cannot come back: {}", lost.name, bare_reason(lost))).collect();
    each.join("\nand ")
}

fn list_differences(all: &[Difference]) -> String {
    let each = all.iter().map(|difference| match &difference.there {
        Some(there) => format!("{} is {} in the kernel and {there} there", difference.package, difference.here),
        None => format!("{} {} is not installed there", difference.package, difference.here),
    });
    format!("{}; use the same versions on both sides, or set `env = \"sync\"` for this executor", each.collect::<Vec<_>>().join(", "))
}

fn list_files(all: &[(String, String)]) -> String {
    all.iter().map(|(path, why)| format!("`{path}`: {why}")).collect::<Vec<_>>().join("\nand ")
}

fn list_clashes(all: &[Clash]) -> String {
    let each: Vec<_> = all.iter().map(|clash| format!("`{}` {}", clash.name, clash.why)).collect();
    if each.is_empty() { "the kernel's state has changed meanwhile".to_owned() } else { each.join(", ") }
}
