//! A worker in a job of Slurm.
//!
//! A worker that ends with its stream is a step of `srun`. One that is held is a batch job of its own, which Slurm does not take
//! away when the way to it is cut; every stream to it is a step beside it. Which nodes, how many processors and for how
//! long is said by the options, in Slurm's own words.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::command::{CommandBackend, piped, quietly, quoted};
use crate::backend::{Backend, BackendError, Connection, Errand, Task};
use crate::runtime;

/// How often a job that waits for its turn is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How often in a row Slurm may fail to answer: a controller with much to do refuses now and then.
const UNANSWERED: u32 = 25;

/// A cluster, as Slurm's own configuration on this machine describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmBackend {
    /// Options that `srun` and `sbatch` both know, such as `--partition=gpu`.
    pub options: Vec<String>,
    /// The interpreter on the nodes.
    pub python: PathBuf,
}

impl SlurmBackend {
    async fn submit(&self, session: &str) -> Result<String, BackendError> {
        let failed = |why: String| BackendError::Service { what: "sbatch did not take the job".to_owned(), why };
        let start = |error| BackendError::Start { program: "sbatch".to_owned(), error };
        let mut command = Command::new("sbatch");
        command.args(["--parsable", "--no-requeue", "-n1", "-o", "/dev/null", "-e", "/dev/null", "-J"]).arg(job_name(session));
        command.args(&self.options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(start)?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(self.script(session).as_bytes()).await.map_err(start)?;
        }
        let output = child.wait_with_output().await.map_err(start)?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // With several clusters the name of one follows.
        Ok(said.split(';').next().unwrap_or_default().to_owned())
    }

    fn script(&self, session: &str) -> String {
        let python = quoted(&self.python.to_string_lossy());
        format!("#!/bin/sh\nexec {python} -u - <<'NBHOIST'\n{}\nserve('{session}')\nNBHOIST\n", runtime::lease_script())
    }

    /// Waits until the job runs.
    async fn running(&self, job: &str) -> Result<(), BackendError> {
        let mut unanswered = 0;
        loop {
            let state = quietly(Command::new("squeue").args(["-h", "-j", job, "-o", "%T"])).await;
            unanswered = if state.is_some() { 0 } else { unanswered + 1 };
            match state.as_deref().map(str::trim) {
                Some("RUNNING") => return Ok(()),
                Some("PENDING" | "CONFIGURING") => tokio::time::sleep(LOOK).await,
                None if unanswered < UNANSWERED => tokio::time::sleep(LOOK).await,
                other => {
                    let why = other.filter(|state| !state.is_empty()).unwrap_or("it is gone");
                    return Err(BackendError::Service { what: format!("the job {job} does not run"), why: why.to_owned() });
                }
            }
        }
    }

    async fn held(&self, errand: &Errand) -> Result<Connection, BackendError> {
        let job = if errand.again {
            let named = ["-h", "-o", "%A", "-n", &job_name(&errand.session)];
            let listed = quietly(Command::new("squeue").args(named)).await.unwrap_or_default();
            let gone = || BackendError::Service { what: "no job holds the worker".to_owned(), why: "Slurm has ended it".to_owned() };
            listed.lines().next().map(str::to_owned).ok_or_else(gone)?
        } else {
            self.submit(&errand.session).await?
        };
        let started = Submitted(Some(job.clone()));
        self.running(&job).await?;
        let line = if errand.again { errand.line.clone() } else { Errand::starting(&errand.session, errand.lease).line };
        let mut command = Command::new("srun");
        command.args(["-Q", "-n1", "--unbuffered", "--overlap", "--jobid", &job]);
        command.arg(&self.python).args(["-u", "-c", &line]);
        let connection = piped("srun", &mut command)?;
        started.keep();
        Ok(connection)
    }
}

/// A job that is cancelled when nobody comes to use it.
struct Submitted(Option<String>);

impl Submitted {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Submitted {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            let _ = std::process::Command::new("scancel").arg(job).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        }
    }
}

fn job_name(session: &str) -> String {
    format!("nbhoist-{session}")
}

impl Backend for SlurmBackend {
    fn name(&self) -> &'static str {
        "slurm"
    }

    fn connect<'a>(&'a self, errand: &'a Errand) -> Task<'a, Result<Connection, BackendError>> {
        Box::pin(async {
            if !errand.lease.is_zero() {
                return self.held(errand).await;
            }
            let mut words: Vec<String> = ["srun", "-Q", "-n1", "--unbuffered", "-J"].map(str::to_owned).to_vec();
            words.push(job_name(&errand.session));
            words.extend(self.options.iter().cloned());
            words.extend(["{python}", "-u", "{worker}"].map(str::to_owned));
            CommandBackend::new("slurm", words, &self.python).connect(errand).await
        })
    }

    fn close<'a>(&'a self, session: &'a str) -> Task<'a, ()> {
        Box::pin(async move {
            quietly(Command::new("scancel").args(["-Q", "-n", &job_name(session)])).await;
        })
    }
}
