//! Work that goes on behind an answer: it has a name, and can be stopped by it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nbhoist_executor::cancel::Cancel;

use crate::error::Fault;

/// The jobs under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jobs(Arc<Running>);

#[derive(Debug, Default)]
struct Running {
    jobs: Mutex<HashMap<String, Cancel>>,
    next: AtomicU64,
}

/// A job under way; it has ended when this value goes.
#[derive(Debug)]
pub(crate) struct Job {
    name: String,
    cancel: Cancel,
    among: Jobs,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Cancel>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a job, under the name given or one of ours.
    ///
    /// # Errors
    /// When a job of this name is under way.
    pub(crate) fn begin(&self, name: Option<String>) -> Result<Job, Fault> {
        let mut running = self.lock();
        let name = name.unwrap_or_else(|| format!("job-{}", self.0.next.fetch_add(1, Ordering::Relaxed) + 1));
        if running.contains_key(&name) {
            return Err(Fault::Parameters(format!("a job `{name}` is under way; give each job a name of its own")));
        }
        let cancel = Cancel::new();
        running.insert(name.clone(), cancel.clone());
        Ok(Job { name, cancel, among: self.clone() })
    }

    /// Stops a job; false when there is none of this name.
    pub(crate) fn cancel(&self, name: &str) -> bool {
        let running = self.lock();
        running.get(name).inspect(|cancel| cancel.cancel()).is_some()
    }
}

impl Job {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The switch that stops it.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.among.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_have_names_until_they_end() {
        let jobs = Jobs::default();
        let one = jobs.begin(Some("a".to_owned())).unwrap();
        assert!(jobs.begin(Some("a".to_owned())).is_err());
        assert_ne!(jobs.begin(None).unwrap().name(), one.name());
        assert!(jobs.cancel("a") && one.cancel().is_cancelled());
        drop(one);
        assert!(!jobs.cancel("a"));
        assert!(jobs.begin(Some("a".to_owned())).is_ok());
    }
}
