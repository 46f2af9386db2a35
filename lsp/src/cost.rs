//! What a cell costs: what the analysis says, and until it says anything, what the editor reported in this session.

use std::collections::HashMap;
use std::sync::Arc;

use nbhoist_analyzer::report::{Because, CellReport, Cost, CostBasis};
use nbhoist_analyzer::words::seconds;

use crate::document::Uri;

/// How many runs of a cell are remembered.
const KEPT: usize = 10;

/// Runs of one cell.
#[derive(Clone, Debug)]
struct Runs {
    /// What ran last.
    text: Arc<str>,
    /// Run times, oldest first, seconds.
    seconds: Vec<f64>,
}

/// That a cell last ran elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moved {
    /// What ran.
    pub(crate) text: Arc<str>,
    /// The job.
    pub(crate) job: String,
    /// Where.
    pub(crate) executor: String,
    /// Whether it ended without an exception.
    pub(crate) ok: bool,
    /// Seconds.
    pub(crate) seconds: f64,
    /// Bytes there, of the whole block.
    pub(crate) shipped_bytes: u64,
    /// Bytes back, of the whole block.
    pub(crate) returned_bytes: u64,
}

/// What was measured in this session.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    runs: HashMap<(Uri, String), Runs>,
    moved: HashMap<(Uri, String), Moved>,
    sizes: HashMap<(Uri, String), u64>,
}

impl Measured {
    /// Notes an ordinary run of a cell.
    pub(crate) fn ran(&mut self, notebook: &Uri, cell: &str, text: &Arc<str>, seconds: f64, ok: bool) {
        let key = (Arc::clone(notebook), cell.to_owned());
        self.moved.remove(&key);
        // A run that was cut short says nothing about the next one.
        if !ok || !seconds.is_finite() || seconds < 0.0 {
            return;
        }
        let runs = self.runs.entry(key).or_insert_with(|| Runs { text: Arc::clone(text), seconds: Vec::new() });
        if runs.text != *text {
            *runs = Runs { text: Arc::clone(text), seconds: Vec::new() };
        }
        if runs.seconds.len() == KEPT {
            runs.seconds.remove(0);
        }
        runs.seconds.push(seconds);
    }

    /// Notes that a cell ran elsewhere.
    pub(crate) fn moved(&mut self, notebook: &Uri, cell: &str, moved: Moved) {
        self.moved.insert((Arc::clone(notebook), cell.to_owned()), moved);
    }

    /// Where the cell last ran, when that was elsewhere and its text is still the same.
    pub(crate) fn last_moved(&self, notebook: &Uri, cell: &str, text: &str) -> Option<&Moved> {
        self.moved.get(&(Arc::clone(notebook), cell.to_owned())).filter(|moved| &*moved.text == text)
    }

    /// Notes what a name weighed when it travelled, bytes.
    pub(crate) fn weighed(&mut self, notebook: &Uri, name: &str, bytes: u64) {
        self.sizes.insert((Arc::clone(notebook), name.to_owned()), bytes);
    }

    /// What a name weighed when it last travelled, bytes.
    pub(crate) fn size(&self, notebook: &Uri, name: &str) -> Option<u64> {
        self.sizes.get(&(Arc::clone(notebook), name.to_owned())).copied()
    }

    /// What a cell costs: runs of this session count more than a time that was saved in the file, or than the model.
    pub(crate) fn cost(&self, notebook: &Uri, cell: &str, text: &str, report: &CellReport, heavy: f64) -> Cost {
        if report.cost.basis == CostBasis::History {
            return report.cost.clone();
        }
        let runs = self.runs.get(&(Arc::clone(notebook), cell.to_owned()));
        runs.and_then(|runs| of_runs(runs, text, report.cell, heavy)).unwrap_or_else(|| report.cost.clone())
    }
}

fn of_runs(runs: &Runs, text: &str, cell: u32, heavy: f64) -> Option<Cost> {
    let last = runs.seconds.last().copied()?;
    let mut sorted = runs.seconds.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    // Fewer runs say nothing about how much they differ.
    let known = sorted.len() >= 3;
    let mut reason = format!("took {} when it last ran", seconds(last));
    if &*runs.text != text {
        reason.push_str("; it has been edited since");
    }
    Some(Cost {
        seconds: Some(median),
        low: sorted.first().copied().filter(|_| known),
        high: sorted.last().copied().filter(|_| known),
        basis: CostBasis::History,
        heavy: median > heavy,
        because: vec![Because { text: reason, cell, start: 0, end: 0 }],
    })
}

#[cfg(test)]
mod tests {
    use nbhoist_analyzer::notebook::CellKind;

    use super::*;

    fn report() -> CellReport {
        CellReport {
            cell: 4,
            id: None,
            kind: CellKind::Code,
            defines: Vec::new(),
            reads: Vec::new(),
            mutates: Vec::new(),
            deletes: Vec::new(),
            effects: Vec::new(),
            problems: Vec::new(),
            cost: Cost::unknown(),
        }
    }

    #[test]
    fn what_was_not_measured_stays_unknown() {
        let (notebook, text): (Uri, Arc<str>) = (Arc::from("n"), Arc::from("f()"));
        let mut measured = Measured::default();
        measured.ran(&notebook, "a", &text, 60.0, false);
        assert_eq!(measured.cost(&notebook, "a", &text, &report(), 10.0), Cost::unknown());
    }

    #[test]
    fn the_median_of_the_runs_counts() {
        let (notebook, text): (Uri, Arc<str>) = (Arc::from("n"), Arc::from("f()"));
        let mut measured = Measured::default();
        measured.ran(&notebook, "a", &text, 30.0, true);
        let once = measured.cost(&notebook, "a", &text, &report(), 10.0);
        assert_eq!((once.seconds, once.low, once.heavy), (Some(30.0), None, true));
        measured.ran(&notebook, "a", &text, 2.0, true);
        measured.ran(&notebook, "a", &text, 4.0, true);
        let thrice = measured.cost(&notebook, "a", "f(1)", &report(), 10.0);
        assert_eq!((thrice.seconds, thrice.low, thrice.high, thrice.heavy), (Some(4.0), Some(2.0), Some(30.0), false));
        assert_eq!(thrice.because[0].text, "took 4.0 s when it last ran; it has been edited since");
    }

    #[test]
    fn an_ordinary_run_takes_the_mark_away() {
        let (notebook, text): (Uri, Arc<str>) = (Arc::from("n"), Arc::from("f()"));
        let mut measured = Measured::default();
        let moved = Moved {
            text: Arc::clone(&text),
            job: "j".to_owned(),
            executor: "gpu".to_owned(),
            ok: true,
            seconds: 1.0,
            shipped_bytes: 1,
            returned_bytes: 2,
        };
        measured.moved(&notebook, "a", moved.clone());
        assert_eq!(measured.last_moved(&notebook, "a", "f()"), Some(&moved));
        assert_eq!(measured.last_moved(&notebook, "a", "f(2)"), None);
        measured.ran(&notebook, "a", &text, 1.0, false);
        assert_eq!(measured.last_moved(&notebook, "a", "f()"), None);
    }
}
