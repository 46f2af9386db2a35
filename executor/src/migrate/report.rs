//! What a migration did, measured.

use std::collections::BTreeMap;

use crate::kernel::Exception;

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Size of everything the user has bound in the kernel, bytes; `None` when measuring it would take too long.
    pub namespace_bytes: Option<u64>,
    /// Size of the inputs, faulted ones included, bytes before compression.
    pub shipped_bytes: u64,
    /// What went to the worker over the wire, bytes.
    pub shipped_wire_bytes: u64,
    /// How much of the inputs was made again there in place of being sent, bytes.
    pub made_again_bytes: u64,
    /// Size of what came back, bytes over the wire.
    pub returned_bytes: u64,
    /// Size of each input that travelled, bytes, where the kernel knows it.
    pub inputs: BTreeMap<String, u64>,
    /// Size of each name that came back, bytes, where the worker knows it.
    pub returns: BTreeMap<String, u64>,
    /// Size of each input that was there already, bytes, because it had stayed there.
    pub there: BTreeMap<String, u64>,
    /// Size of each return that stayed there, bytes.
    pub stayed: BTreeMap<String, u64>,
    /// Time of each step.
    pub seconds: Seconds,
    /// Names the block read that were not among the inputs, and were supplied while it ran.
    pub faults: Vec<String>,
    /// Names that were not among the returns, and came back because the worker saw their values change.
    pub evidence: Vec<String>,
    /// Names the block bound that stayed behind, and why.
    pub left: BTreeMap<String, String>,
    /// Files that were sent along.
    pub shipped_files: Vec<String>,
    /// Files that the block wrote and that came home.
    pub returned_files: Vec<String>,
    /// Names the block removed.
    pub deleted: Vec<String>,
    /// Import lines that failed at the worker, and how.
    pub failed_imports: Vec<(String, String)>,
    /// The cells that ran, in order.
    pub cells: Vec<CellOutcome>,
}

impl Report {
    /// Whether every cell that ran ended without an exception.
    pub fn ok(&self) -> bool {
        self.cells.iter().all(|cell| cell.ok)
    }

    /// What names weigh, bytes: of what travelled, and of what is there.
    pub fn sizes(&self) -> impl Iterator<Item = (String, u64)> {
        let all = self.inputs.iter().chain(&self.there).chain(&self.returns).chain(&self.stayed);
        all.map(|(name, bytes)| (name.clone(), *bytes))
    }
}

/// Time of each step, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds {
    /// Asking the kernel what the inputs are.
    pub probe: f64,
    /// Starting the worker; it runs beside the probe.
    pub connect: f64,
    /// Packing the inputs in the kernel.
    pub capture: f64,
    /// Sending them and loading them at the worker.
    pub transfer: f64,
    /// Running the cells.
    pub run: f64,
    /// Packing the returns at the worker; the time until the first bytes come.
    pub collect: f64,
    /// Receiving them.
    pub r#return: f64,
    /// Putting them into the kernel.
    pub restore: f64,
}

/// How a cell went.
#[derive(Clone, Debug, PartialEq)]
pub struct CellOutcome {
    /// Number of the cell.
    pub number: u32,
    /// Whether it ended without an exception.
    pub ok: bool,
    /// Time it took, seconds.
    pub seconds: f64,
    /// Its `In [n]` number.
    pub execution_count: Option<u32>,
    /// The exception, when one ended it.
    pub error: Option<Exception>,
}
