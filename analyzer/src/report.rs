//! What an analysis says: plain data with public fields, the same for the linter, the editor and the runner.

mod size;

use std::collections::BTreeMap;

pub use size::{Memory, Size};

use crate::notebook::CellKind;

/// How sure a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// Follows from the source.
    Proved,
    /// Supposed, for the reason given beside it.
    Assumed,
}

impl Certainty {
    /// `proved` or `assumed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Assumed => "assumed",
        }
    }
}

/// A reason with the source range it points at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Because {
    /// The reason, in words.
    pub text: String,
    /// Number of the cell.
    pub cell: u32,
    /// First byte of the range in the cell's source.
    pub start: u32,
    /// Byte after the range.
    pub end: u32,
}

/// A statement about one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameFact {
    /// The name in the notebook's namespace.
    pub name: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// Why; never empty for an assumption.
    pub because: Vec<Because>,
}

/// What an effect touches besides names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EffectKind {
    /// A file is read.
    FileRead,
    /// A file is written.
    FileWrite,
    /// An environment variable is read.
    EnvironmentRead,
    /// An environment variable is set or removed.
    EnvironmentWrite,
    /// The working directory is read.
    DirectoryRead,
    /// The working directory is changed.
    DirectoryWrite,
    /// The network is used.
    Network,
    /// Another program is started.
    Subprocess,
    /// Something is shown.
    Display,
    /// The plotting library's state (current figure, style) is read.
    PlotRead,
    /// The plotting library's state is changed.
    PlotWrite,
    /// Random numbers are drawn from a global generator.
    RandomRead,
    /// A global random generator is seeded.
    RandomWrite,
    /// A library's global options are read.
    OptionsRead,
    /// A library's global options are changed.
    OptionsWrite,
    /// The clock is read.
    Clock,
    /// The user is asked for input.
    Input,
    /// The IPython session itself (history, magics, extensions) is used.
    Session,
}

impl EffectKind {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FileRead => "file-read",
            Self::FileWrite => "file-write",
            Self::EnvironmentRead => "environment-read",
            Self::EnvironmentWrite => "environment-write",
            Self::DirectoryRead => "directory-read",
            Self::DirectoryWrite => "directory-write",
            Self::Network => "network",
            Self::Subprocess => "subprocess",
            Self::Display => "display",
            Self::PlotRead => "plot-read",
            Self::PlotWrite => "plot-write",
            Self::RandomRead => "random-read",
            Self::RandomWrite => "random-write",
            Self::OptionsRead => "options-read",
            Self::OptionsWrite => "options-write",
            Self::Clock => "clock",
            Self::Input => "input",
            Self::Session => "session",
        }
    }
}

/// Something a cell does besides binding and changing names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Effect {
    /// What it touches.
    pub kind: EffectKind,
    /// The path, variable, library or program, as far as it is known.
    pub detail: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// First byte of the range in the cell's source.
    pub start: u32,
    /// Byte after the range.
    pub end: u32,
}

/// A part of a cell that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// What is wrong, in words.
    pub text: String,
    /// First byte of the range in the cell's source.
    pub start: u32,
    /// Byte after the range.
    pub end: u32,
}

/// Where an estimate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostBasis {
    /// Predicted from the source.
    Model,
    /// Measured in an earlier run.
    History,
    /// Timings saved in the notebook.
    Metadata,
    /// Nothing is known.
    Unknown,
}

impl CostBasis {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::History => "history",
            Self::Metadata => "metadata",
            Self::Unknown => "unknown",
        }
    }
}

/// What a cell is expected to take. Unknown numbers are `None`, never zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Median estimate, seconds.
    pub seconds: Option<f64>,
    /// Lower end of the 80% interval, seconds.
    pub low: Option<f64>,
    /// Upper end of the 80% interval, seconds.
    pub high: Option<f64>,
    /// Where the numbers come from.
    pub basis: CostBasis,
    /// Whether the cell is above the budget.
    pub heavy: bool,
    /// Why.
    pub because: Vec<Because>,
}

impl Cost {
    /// Whether the cell was seen to take longer than the budget; what is only supposed is for hints, not for findings.
    pub fn was_heavy(&self) -> bool {
        self.heavy && self.was_measured()
    }

    /// Whether the numbers come from a run.
    pub const fn was_measured(&self) -> bool {
        matches!(self.basis, CostBasis::History | CostBasis::Metadata)
    }

    /// Nothing is known.
    pub const fn unknown() -> Self {
        Self { seconds: None, low: None, high: None, basis: CostBasis::Unknown, heavy: false, because: Vec::new() }
    }
}

/// Everything said about one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellReport {
    /// Number from 1 over all cells.
    pub cell: u32,
    /// nbformat id.
    pub id: Option<String>,
    /// Code, markdown or raw.
    pub kind: CellKind,
    /// Names bound when the cell ends.
    pub defines: Vec<NameFact>,
    /// Names needed from outside when the cell starts, those of called functions included.
    pub reads: Vec<NameFact>,
    /// Names whose value from outside the cell may be changed in place.
    pub mutates: Vec<NameFact>,
    /// Names removed.
    pub deletes: Vec<NameFact>,
    /// Effects besides names.
    pub effects: Vec<Effect>,
    /// Parts that could not be understood.
    pub problems: Vec<Problem>,
    /// Estimate.
    pub cost: Cost,
    /// Sizes of the values that it binds, by name, where they are known.
    pub sizes: BTreeMap<String, Size>,
    /// What it takes at most at one time.
    pub memory: Memory,
}

/// Why one cell depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// A name bound there is read here.
    Flow,
    /// A value changed in place there is read here.
    Mutation,
    /// A function called here reads a name bound there.
    Deferred,
    /// A file written there is read here.
    File,
    /// Ambient state (random state, options, directory, figures) set there is relied on here.
    Ambient,
}

impl EdgeKind {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Mutation => "mutation",
            Self::Deferred => "deferred",
            Self::File => "file",
            Self::Ambient => "ambient",
        }
    }
}

/// A dependency between two cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Number of the cell that provides.
    pub from: u32,
    /// Number of the cell that needs.
    pub to: u32,
    /// Names (or files, or kinds of ambient state) that carry the dependency.
    pub names: Vec<String>,
    /// Why.
    pub kind: EdgeKind,
}

/// What a value is, as far as transport cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A plain value.
    Data,
    /// A function defined in the notebook.
    Function,
    /// A class defined in the notebook.
    Class,
    /// Not known.
    Unknown,
}

impl ValueKind {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Function => "function",
            Self::Class => "class",
            Self::Unknown => "unknown",
        }
    }
}

/// A name a block needs from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: ValueKind,
    /// Number of the cell that bound it last before the block, when it is known.
    pub defined_in: Option<u32>,
    /// Its size, where that is known.
    pub size: Option<Size>,
    /// How sure it is that the block needs it.
    pub certainty: Certainty,
    /// Why.
    pub because: Vec<Because>,
}

/// A name a block gives back.
#[derive(Clone, Debug, PartialEq)]
pub struct Return {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: ValueKind,
    /// Numbers of the later cells that read it; empty when only a person at the keyboard may.
    pub needed_by: Vec<u32>,
    /// Its size, where that is known.
    pub size: Option<Size>,
    /// How sure it is that the block binds or changes it.
    pub certainty: Certainty,
    /// Why.
    pub because: Vec<Because>,
}

/// A file that a block reads or writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockFile {
    /// Path as the source gives it, or a description where it is computed.
    pub path: String,
    /// Whether `path` is a real path.
    pub resolved: bool,
    /// Read by the block.
    pub read: bool,
    /// Written by the block.
    pub written: bool,
    /// How sure it is.
    pub certainty: Certainty,
}

/// Why a block must not move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason and what to do, in words.
    pub text: String,
    /// Where.
    pub because: Vec<Because>,
}

/// What running a block on one executor is expected to take.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Name of the executor; `here` for the live kernel.
    pub executor: String,
    /// Run time, seconds.
    pub seconds: Option<f64>,
    /// Time to ship the inputs, seconds.
    pub transfer_in: Option<f64>,
    /// Time to ship the returns, seconds.
    pub transfer_out: Option<f64>,
    /// Start-up and bookkeeping, seconds.
    pub overhead: Option<f64>,
}

/// Where a block should run.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Name of the executor; `here` for the live kernel.
    pub executor: String,
    /// Local time over time there, when both are known.
    pub gain: Option<f64>,
    /// Why.
    pub because: Vec<Because>,
}

/// Everything said about moving one block.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Numbers of the block's cells, ascending.
    pub cells: Vec<u32>,
    /// Smallest set of names needed from outside.
    pub inputs: Vec<Input>,
    /// Names bound or changed that something after may read.
    pub returns: Vec<Return>,
    /// Names the block unbinds that existed before it.
    pub deletes: Vec<String>,
    /// Import statements to run there.
    pub imports: Vec<String>,
    /// Ambient state to carry (`random`, `numpy.random`, `environment`, `directory`, `matplotlib`, ...).
    pub ambient: Vec<String>,
    /// Files read and written.
    pub files: Vec<BlockFile>,
    /// What a user should know before moving the block.
    pub warnings: Vec<String>,
    /// Set when the block must not move.
    pub refusal: Option<Refusal>,
    /// One for each place.
    pub estimates: Vec<Estimate>,
    /// The choice.
    pub decision: Decision,
}
