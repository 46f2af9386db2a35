//! The names of everything beyond LSP. `docs/lsp-extensions.md` has a heading for each of them.

/// Commands of `workspace/executeCommand`.
pub mod command {
    /// Moves a block.
    pub const MIGRATE: &str = "nbhoist.migrate";
    /// Stops a job.
    pub const CANCEL: &str = "nbhoist.cancel";
    /// What moving a block takes.
    pub const PLAN: &str = "nbhoist.plan";
    /// The dependency graph.
    pub const GRAPH: &str = "nbhoist.graph";
    /// Attaches to a running kernel.
    pub const ATTACH_KERNEL: &str = "nbhoist.attachKernel";

    /// All of them.
    pub const ALL: [&str; 5] = [MIGRATE, CANCEL, PLAN, GRAPH, ATTACH_KERNEL];
}

/// Requests.
pub mod request {
    /// What is said about each cell.
    pub const CELL_STATUS: &str = "nbhoist/cellStatus";
    /// The configured places.
    pub const EXECUTORS: &str = "nbhoist/executors";
    /// What is there at one of them.
    pub const PROBE: &str = "nbhoist/probe";
    /// Attaches to the kernel of a Jupyter server's session.
    pub const FIND_KERNEL: &str = "nbhoist/findKernel";
    /// Starts a kernel.
    pub const START_KERNEL: &str = "nbhoist/startKernel";
    /// Runs a cell.
    pub const EXECUTE: &str = "nbhoist/execute";
    /// Interrupts the kernel.
    pub const INTERRUPT: &str = "nbhoist/interrupt";
    /// Restarts the kernel.
    pub const RESTART: &str = "nbhoist/restart";
    /// Ends the kernel.
    pub const SHUTDOWN_KERNEL: &str = "nbhoist/shutdownKernel";
    /// Where a cell should run.
    pub const DECIDE: &str = "nbhoist/decide";
    /// Takes the last move back.
    pub const UNDO: &str = "nbhoist/undo";
    /// What is known of the kernel.
    pub const KERNEL: &str = "nbhoist/kernel";

    /// All of them.
    pub const ALL: [&str; 12] =
        [CELL_STATUS, EXECUTORS, PROBE, FIND_KERNEL, START_KERNEL, EXECUTE, INTERRUPT, RESTART, SHUTDOWN_KERNEL, DECIDE, UNDO, KERNEL];
}

/// Notifications from the client.
pub mod report {
    /// An ordinary run of a cell.
    pub const CELL_EXECUTED: &str = "nbhoist/cellExecuted";

    /// All of them.
    pub const ALL: [&str; 1] = [CELL_EXECUTED];
}

/// Notifications to the client.
pub mod notice {
    /// A step of a job.
    pub const PROGRESS: &str = "nbhoist/progress";
    /// A cell starts or ends.
    pub const CELL_STATE: &str = "nbhoist/cellState";
    /// An output of a cell.
    pub const OUTPUT: &str = "nbhoist/output";
    /// The end of a job.
    pub const FINISHED: &str = "nbhoist/finished";
    /// The kernel's state.
    pub const KERNEL_STATUS: &str = "nbhoist/kernelStatus";
    /// What is said about cells has changed.
    pub const STATUS_CHANGED: &str = "nbhoist/statusChanged";
    /// A plan that the user asked for.
    pub const SHOW_PLAN: &str = "nbhoist/showPlan";

    /// All of them.
    pub const ALL: [&str; 7] = [PROGRESS, CELL_STATE, OUTPUT, FINISHED, KERNEL_STATUS, STATUS_CHANGED, SHOW_PLAN];
}
