//! nbhoist's executor: obeys a plan.
//!
//! It runs cells in a live kernel ([`kernel`]), starts workers elsewhere ([`backend`], [`backends`]), and moves a block of
//! cells from one to the other with the state it needs ([`migrate`]). What happens on the way is told by the same
//! [`event`]s wherever a cell runs. It takes no placement decision and knows no editor.
//!
//! Invariants:
//! - until the whole result of a block has arrived, nothing in the kernel changes;
//! - files with state are readable by this user only and are removed whatever happens, except a result that could not be
//!   restored, whose place is told;
//! - no process that was started here outlives the value that stands for it.

mod ahead;
pub mod backend;
pub mod backends;
pub mod cache;
pub mod cancel;
mod chunks;
mod codec;
pub mod conform;
pub mod environment;
pub mod event;
pub mod executors;
pub mod frames;
pub mod history;
pub mod jobs;
pub mod kernel;
mod link;
pub mod migrate;
pub mod outputs;
mod parity;
mod process;
pub mod python;
mod runtime;
mod seal;
mod spool;
mod transfer;
mod worker;

pub use process::Ending;
pub use runtime::PythonSource;
pub use worker::{Failure, Hello, WorkerError};
