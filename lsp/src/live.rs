//! Where the next cell of a notebook should run, and taking a move back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use nbhoist_analyzer::placement::live::{self, Future, Ran};
use nbhoist_analyzer::placement::policy::ComesHome;
use nbhoist_executor::kernel::Origin as _;
use serde_json::{Value, json};

use crate::document::Uri;
use crate::error::Fault;
use crate::session::Session;
use crate::snapshot::Snapshot;

/// The logs of sessions, by notebook.
#[derive(Debug, Default)]
pub(crate) struct Lives(Mutex<HashMap<Uri, live::Session>>);

impl Lives {
    /// Works on the log of a notebook.
    fn with<T>(&self, notebook: &Uri, work: impl FnOnce(&mut live::Session) -> T) -> T {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(logs.entry(Arc::clone(notebook)).or_default())
    }

    /// A new kernel knows nothing of the old one.
    pub(crate) fn forget(&self, notebook: &Uri) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(notebook);
    }

    /// Notes that a cell ran: at a place that is so many times as fast, or here, for so many seconds there, and with all that moving it added.
    pub(crate) fn ran(
        &self,
        snapshot: &Snapshot,
        cell: u32,
        place: Option<(&str, f64)>,
        seconds: f64,
        spent: f64,
        sizes: BTreeMap<String, u64>,
    ) {
        let analysis = &snapshot.analysis;
        let Some(report) = analysis.cells.get(cell.saturating_sub(1) as usize) else { return };
        let ran = Ran {
            cell: live::key(report),
            place: place.map(|(name, _)| name.to_owned()),
            here: seconds * place.map_or(1.0, |(_, speed)| speed),
            spent,
            reads: live::reads(analysis, cell),
            makes: live::makes(analysis, cell),
            stayed: Vec::new(),
            sizes,
        };
        self.with(&snapshot.source.uri, |log| log.ran(&ran));
    }
}

impl Session {
    /// Says where a cell that is to run next, or has just run, should run.
    ///
    /// # Errors
    /// When there is no such cell.
    pub(crate) async fn decide(self: &Arc<Self>, uri: &Uri, cell: &Value) -> Result<Value, Fault> {
        let snapshot = self.snapshot(uri).await?;
        let cell = crate::commands::number(&snapshot.source, cell);
        let cell = cell.ok_or_else(|| Fault::parameter("cell", "the URI or the number of a cell"))?;
        let session = Arc::clone(self);
        // A kernel that is in use has no worker to spare.
        let slot = self.kernels.slot(uri);
        let ready = slot.kernel.try_lock().ok().and_then(|mut kernel| kernel.as_mut()?.ahead().ready());
        let warm: BTreeSet<String> = ready.into_iter().collect();
        let decided = move || {
            let analysis = &snapshot.analysis;
            let verdict =
                session.lives.with(&snapshot.source.uri, |log| log.decide(analysis, cell, Future::Predicted, ComesHome::AtOnce, &warm));
            let estimates = analysis.plan(&[cell], nbhoist_analyzer::After::Anything).estimates;
            let total = |name: &str| {
                let estimate = estimates.iter().find(|estimate| estimate.executor == name)?;
                [estimate.seconds, estimate.transfer_in, estimate.transfer_out, estimate.overhead].into_iter().sum::<Option<f64>>()
            };
            let here = analysis.cells.get(cell as usize - 1).and_then(|report| report.cost.seconds);
            let there = verdict.place.as_deref().and_then(total);
            json!({ "executor": verdict.place, "text": verdict.because, "here": here, "there": there })
        };
        Ok(self.pool.run(decided).await?)
    }

    /// Takes the last move of a notebook's cells back, as long as nothing has run in its kernel since.
    ///
    /// # Errors
    /// When there is nothing to take back.
    pub(crate) async fn undo(self: &Arc<Self>, uri: &Uri) -> Result<Value, Fault> {
        self.trusted()?;
        let slot = self.kernels.slot(uri);
        let mut place = slot.kernel.lock().await;
        let Some(kernel) = place.as_mut() else {
            return Err(Fault::Failed("this notebook has no kernel".to_owned()));
        };
        kernel.call("undo", &json!({}), None).await.map_err(Fault::failed)?;
        Ok(json!({ "undone": true }))
    }
}
