//! Inputs that the executor makes again in place of being sent them: code that made them runs there first.
//!
//! A value made again is never taken for the kernel's. A worker of its own runs the code and keeps the memory of what came of it in the executor's cache,
//! under the names of its contents; then everything goes its usual way, and of what the kernel packs only that is not sent which is there, byte for
//! byte. Code that makes something else there costs time and nothing else.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nbhoist_analyzer::words;

use super::error::MigrateError;
use super::journey::{Journey, guard};
use super::{Migration, forget, new_spool};
use crate::cancel::Cancel;
use crate::event::{Event, OnEvent, strings};
use crate::executors::Executor;
use crate::frames::Frame;
use crate::kernel::Origin;
use crate::worker::Worker;

/// How many times as long as expected it may take, and how much longer.
const SLACK: u32 = 3;
const GRACE: Duration = Duration::from_secs(5);

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
enum NotMade {
    #[error(transparent)]
    Failed(#[from] MigrateError),
    #[error("cell {cell} raised {error} there")]
    Raised { cell: u32, error: String },
    #[error("it took longer than {0}")]
    TooLong(String),
    #[error("nothing came of it that could be kept")]
    Nothing,
}

/// Inputs to be made again, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Again {
    /// Their names.
    pub names: Vec<String>,
    /// The cells that make them, in the order in which they ran, with what those need; nothing of it comes home.
    pub block: Box<Migration>,
    /// How long they should take there.
    pub expected: Duration,
}

/// Digests (SHA-256, hexadecimal) of parts of buffers that an executor has in its cache.
pub(super) type Made = HashSet<String>;

/// Has the executor make these values; nothing where that does not work, which is told and costs no more than time.
///
/// # Errors
/// When the user cancels, or the kernel dies.
pub(super) async fn make(
    kernel: &mut dyn Origin,
    executor: &Executor,
    again: &Again,
    on_event: OnEvent<'_>,
    cancel: &Cancel,
) -> Result<Made, MigrateError> {
    let names = again.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let cells: Vec<u32> = again.block.cells.iter().map(|cell| cell.cell.number).collect();
    let by = format!("{} on {}", words::named(&cells), executor.name);
    on_event(Event::Note { text: format!("{names}: made again by {by}, in place of being sent") });
    let began = Instant::now();
    let made = attempt(kernel, executor, again, on_event, cancel).await;
    let seconds = words::seconds(began.elapsed().as_secs_f64());
    match made {
        Ok(made) => Ok(made),
        Err(NotMade::Failed(error @ (MigrateError::Cancelled { .. } | MigrateError::KernelDied { .. }))) => Err(error),
        Err(why) => {
            on_event(Event::Note { text: format!("{names}: not made again by {by} ({seconds} lost): {why}") });
            Ok(Made::new())
        }
    }
}

async fn attempt(
    kernel: &mut dyn Origin,
    executor: &Executor,
    again: &Again,
    on_event: OnEvent<'_>,
    cancel: &Cancel,
) -> Result<Made, NotMade> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let spool = new_spool(&again.block)?;
    // Nobody asked these cells to run: what they show was shown before.
    let mut unseen = |event| {
        if matches!(event, Event::Note { .. }) {
            on_event(event);
        }
    };
    let mut journey = Journey::new(kernel, executor, &again.block, &mut unseen, cancel, &id, &spool);
    let mut place = None;
    let made = journey.make(again, &mut place).await;
    match place {
        Some(worker) if made.is_ok() => worker.finish().await,
        Some(mut worker) => worker.close().await,
        None => {}
    }
    // What cannot be freed now is when the kernel ends.
    let _ = forget(kernel, &id).await;
    made
}

impl Journey<'_> {
    async fn make(&mut self, again: &Again, place: &mut Option<Worker>) -> Result<Made, NotMade> {
        let surveyed = self.survey().await?;
        Box::pin(self.load(&surveyed, place)).await?;
        let Some(worker) = place else { return Err(NotMade::Nothing) };
        let ids = self.send_cells(worker, surveyed.execution_count).await?;
        let limit = again.expected.saturating_mul(SLACK).saturating_add(GRACE);
        let ran = tokio::time::timeout(limit, self.run(worker, surveyed.execution_count, &ids)).await;
        ran.map_err(|_| NotMade::TooLong(words::seconds(limit.as_secs_f64())))??;
        if let Some(cell) = self.report.cells.iter().find(|cell| !cell.ok) {
            let error = cell.error.as_ref().map(|error| error.ename.clone()).unwrap_or_default();
            return Err(NotMade::Raised { cell: cell.number, error });
        }
        let keep = Frame::new("keep").with("names", again.names.clone());
        let kept = guard(self.cancel, &self.death, worker.request(keep)).await;
        let kept: Made = strings(self.unless_stopped(kept)?.header.get("parts")).into_iter().collect();
        if kept.is_empty() { Err(NotMade::Nothing) } else { Ok(kept) }
    }
}
