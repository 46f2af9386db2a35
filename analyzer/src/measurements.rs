//! What earlier runs have shown, as a value: whoever keeps the history hands it to the analysis.

mod signature;
mod warm;

use std::collections::BTreeMap;

pub use signature::Signature;
pub(crate) use warm::estimate;

use crate::notebook::Notebook;
use crate::report::{CellReport, Cost};

/// Version of what estimates from the source alone mean; the opinions of another version are not compared with those of this one.
pub const MODEL: u32 = 3;

/// One run of a cell that ended without an exception.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What ran.
    pub signature: Signature,
    /// Under which key the cell is known in the notebook that is analyzed, usually its nbformat id; `None` for a run in another notebook.
    pub cell: Option<String>,
    /// How long it took, seconds.
    pub seconds: f64,
    /// Speed of the machine it ran on; a machine of speed 2 takes half the time of one of speed 1.
    pub speed: f64,
    /// What the source alone said of its work then (`Analysis::cold`), seconds; only where the same model said so.
    pub cold: Option<f64>,
    /// Size of the values it read, as far as known, bytes.
    pub input_bytes: Option<u64>,
}

/// Everything measured that the analysis of one notebook may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurements {
    /// Runs of its cells, of cells with the same text elsewhere, and of older texts of its cells; oldest first.
    pub runs: Vec<Run>,
    /// Speed of the machine that estimates are for.
    pub speed: f64,
    /// What the values of this notebook's names weighed last, bytes.
    pub sizes: BTreeMap<String, u64>,
}

impl Default for Measurements {
    fn default() -> Self {
        Self { runs: Vec::new(), speed: 1.0, sizes: BTreeMap::new() }
    }
}

impl Measurements {
    /// Size of the values that a cell reads, as far as known, bytes.
    pub fn input_bytes(&self, report: &CellReport) -> Option<u64> {
        let known: Vec<u64> = report.reads.iter().filter_map(|read| self.sizes.get(&read.name).copied()).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }

    /// Puts what was measured in the place of what was only supposed.
    pub(crate) fn apply(&self, notebook: &Notebook, cells: &mut [CellReport], cold: &[Option<f64>], heavy_seconds: f64) {
        if self.runs.is_empty() {
            return;
        }
        for ((cell, report), cold) in notebook.cells.iter().zip(cells).zip(cold) {
            if let Some(cost) = self.warm(&cell.source, &cell.key(), report, *cold, heavy_seconds) {
                report.cost = cost;
            }
        }
    }

    fn warm(&self, source: &str, key: &str, report: &CellReport, cold: Option<f64>, heavy_seconds: f64) -> Option<Cost> {
        if source.trim().is_empty() {
            return None;
        }
        let signature = Signature::of(source);
        let about = |run: &&Run| run.signature.content == signature.content || run.cell.as_deref() == Some(key);
        let runs: Vec<&Run> = self.runs.iter().filter(about).collect();
        estimate(&runs, self.speed, &signature, self.input_bytes(report), report, cold, heavy_seconds)
    }
}
