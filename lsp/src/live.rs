//! Where the next cell of a notebook should run, and taking a move back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use nbhoist_analyzer::placement::live::{self, Future, Ran, Verdict};
use nbhoist_executor::kernel::Origin as _;
use nbhoist_executor::migrate::{Stay, stay};
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

    /// Where a cell should run next.
    fn verdict(&self, snapshot: &Snapshot, cell: u32, warm: &BTreeSet<String>) -> Verdict {
        let home = snapshot.settings.comes_home();
        self.with(&snapshot.source.uri, |log| log.decide(&snapshot.analysis, cell, Future::Predicted, home, warm))
    }

    /// What of a cell's results need not come home from a place, as the cells that are likely to follow use it only there.
    pub(crate) fn stay(&self, snapshot: &Snapshot, cell: u32, place: &str) -> Option<Stay> {
        let verdict = if snapshot.settings.stay { self.verdict(snapshot, cell, &BTreeSet::new()) } else { Verdict::default() };
        let remain = if verdict.place.as_deref() == Some(place) { verdict.remain } else { Vec::new() };
        Stay::new(remain, |name| live::makers(&snapshot.analysis, &[cell], name), true)
    }

    /// Values came home.
    pub(crate) fn came_home(&self, notebook: &Uri, names: &[String]) {
        self.with(notebook, |log| log.came_home(names));
    }

    /// A new kernel knows nothing of the old one.
    pub(crate) fn forget(&self, notebook: &Uri) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(notebook);
    }

    /// Notes that a cell ran: at a place that is so many times as fast, or here, for so many seconds there, and with all that moving it added.
    /// `stayed` are results that were left there.
    pub(crate) fn ran(
        &self,
        snapshot: &Snapshot,
        cell: u32,
        place: Option<(&str, f64)>,
        (seconds, spent): (f64, f64),
        sizes: BTreeMap<String, u64>,
        stayed: Vec<String>,
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
            stayed,
            sizes,
            blocks: BTreeSet::new(),
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
        let mut warm = BTreeSet::new();
        if let Ok(mut place) = slot.kernel.try_lock()
            && let Some(kernel) = place.as_mut()
        {
            warm.extend(kernel.ahead().ready());
            if snapshot.settings.stay && kernel.is_alive() {
                let came: Vec<String> = stay::stays(kernel).await.came.into_iter().map(|one| one.name).collect();
                self.lives.came_home(uri, &came);
            }
        }
        let decided = move || {
            let analysis = &snapshot.analysis;
            let verdict = session.lives.verdict(&snapshot, cell, &warm);
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
