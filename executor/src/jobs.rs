//! Records of blocks that run where they outlive this process: what another process needs to find one again.
//!
//! A record is a file that only this user can read. It is there while the block runs, and holds the key of the frames to its worker, which
//! is of use to nobody who does not reach the executor: how that is done is looked up in the settings of whoever takes the block over.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::backends;
use crate::cache;
use crate::executors::Executor;
use crate::migrate::Migration;
use crate::seal::Key;
use crate::worker::{Hello, Worker, WorkerError};

/// A block that was left running, or is running now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Names the migration towards the kernel.
    pub id: String,
    /// Name of the executor.
    pub executor: String,
    /// Names the worker at the executor.
    pub session: String,
    /// What the frames to it are sealed with.
    pub(crate) key: Key,
    /// How long the worker is held, seconds.
    pub lease: f64,
    /// What the worker said of itself.
    pub hello: Hello,
    /// The connection file of the kernel that the block came from; `None` when the kernel ended with its process.
    pub kernel: Option<PathBuf>,
    /// The block.
    pub request: Migration,
    /// Execution count of its first cell.
    pub count: u32,
    /// Numbers of the requests that run its cells.
    pub ids: Vec<u64>,
    /// The process that has it.
    pub process: u32,
    /// When it began, seconds since 1970.
    pub started: u64,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A file.
    #[error("cannot use {path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// No such job.
    #[error("there is no job {name}; `nbhoist executors jobs` lists them")]
    Unknown {
        /// What was asked for.
        name: String,
    },
}

/// The number of no process.
const NOBODY: u32 = 0;

/// A record that goes when the block ends, however it ends.
#[derive(Debug)]
pub struct Recorded(PathBuf);

impl Recorded {
    /// Leaves the record where it is, for whoever takes the block over.
    pub(crate) fn leave(self, mut job: Job) -> Result<(), JobError> {
        job.process = NOBODY;
        let written = job.write();
        if written.is_ok() {
            std::mem::forget(self);
        }
        written
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Job {
    pub(crate) fn new(
        id: &str,
        executor: &Executor,
        request: &Migration,
        kernel: Option<&Path>,
        worker: &Worker,
        count: u32,
        ids: &[u64],
    ) -> Self {
        Self {
            id: id.to_owned(),
            executor: executor.name.clone(),
            session: worker.session().to_owned(),
            key: worker.key().clone(),
            lease: executor.lease.as_secs_f64(),
            hello: worker.hello.clone(),
            kernel: kernel.map(Path::to_path_buf),
            request: request.clone(),
            count,
            ids: ids.to_vec(),
            process: std::process::id(),
            started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs(),
        }
    }

    /// Writes the record as this process's own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self) -> Result<Recorded, JobError> {
        let job = Self { process: std::process::id(), ..self.clone() };
        job.write().map(|()| Recorded(job.path()))
    }

    fn path(&self) -> PathBuf {
        folder().join(format!("{}.json", self.id))
    }

    fn write(&self) -> Result<(), JobError> {
        let path = self.path();
        let io = |error| JobError::Io { path: path.clone(), error };
        cache::create_private(&folder()).map_err(io)?;
        let text = serde_json::to_vec(self).map_err(|error| io(error.into()))?;
        // A half-written record is never seen under the name.
        let mut file = tempfile::NamedTempFile::new_in(folder()).map_err(io)?;
        std::io::Write::write_all(&mut file, &text).map_err(io)?;
        file.persist(&path).map_err(|error| io(error.error))?;
        Ok(())
    }

    /// Whether the process that has it is there.
    pub fn is_attended(&self) -> bool {
        process_exists(self.process)
    }

    /// Ends it there, and forgets it. One that is gone already is forgotten.
    ///
    /// # Errors
    /// When the worker cannot be reached, although it may be there.
    pub async fn cancel(&self, executor: &Executor, python: &Path) -> Result<(), WorkerError> {
        let backend = backends::backend(executor, python);
        let lease = Duration::try_from_secs_f64(self.lease).unwrap_or_default();
        let found = Worker::resume(backend.clone(), self.hello.clone(), &self.session, &self.key, lease, u64::from(u32::MAX)).await;
        match found {
            Ok(mut worker) => worker.close().await,
            // It has ended, or its place has.
            Err(WorkerError::Died(_)) => backend.close(&self.session).await,
            Err(error) => return Err(error),
        }
        drop(Recorded(self.path()));
        Ok(())
    }
}

/// Every recorded block, the oldest first. Records that are not understood are passed over.
pub fn all() -> Vec<Job> {
    let entries = std::fs::read_dir(folder()).into_iter().flatten().flatten();
    let records = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let mut jobs: Vec<Job> = records.filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok()).collect();
    jobs.sort_by_key(|job| job.started);
    jobs
}

/// The block whose id begins with `name`.
///
/// # Errors
/// When there is none, or more than one.
pub fn named(name: &str) -> Result<Job, JobError> {
    let mut found = all().into_iter().filter(|job| job.id.starts_with(name) && !name.is_empty());
    match (found.next(), found.next()) {
        (Some(job), None) => Ok(job),
        _ => Err(JobError::Unknown { name: name.to_owned() }),
    }
}

fn folder() -> PathBuf {
    cache::directory().join("jobs")
}

#[cfg(unix)]
fn process_exists(process: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    process.is_some_and(|process| test_kill_process(process).is_ok())
}

#[cfg(not(unix))]
fn process_exists(_: u32) -> bool {
    false
}
