//! The order in which jobs use a kernel: the one in which they were asked for.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::{FutureExt as _, MaybeDone, maybe_done};
use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::kernel::Kernel;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The place of a kernel, while somebody uses it.
pub(crate) type Held = OwnedMutexGuard<Option<Kernel>>;

/// A place in the queue for a kernel. It is taken when the job is asked for: tasks run for the first time in any order, and cells must not.
pub(crate) struct Ticket {
    turn: MaybeDone<Pin<Box<dyn Future<Output = Held> + Send>>>,
    /// Takes the kernel away from the job, also from one that waits for it.
    pub(crate) abort: Cancel,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ticket").field("waits", &self.waits()).finish_non_exhaustive()
    }
}

impl Ticket {
    /// Goes to the end of the queue.
    pub(crate) fn new(kernel: &Arc<Mutex<Option<Kernel>>>, abort: Cancel) -> Self {
        // A task whose budget is used up would only seem to ask.
        let asked = tokio::task::unconstrained(Arc::clone(kernel).lock_owned());
        let mut turn = maybe_done(Box::pin(asked) as Pin<Box<dyn Future<Output = Held> + Send>>);
        // To ask for the first time is to queue.
        let _ = (&mut turn).now_or_never();
        Self { turn, abort }
    }

    /// Whether somebody else uses the kernel.
    pub(crate) const fn waits(&self) -> bool {
        matches!(self.turn, MaybeDone::Future(_))
    }

    /// Waits for its turn.
    pub(crate) async fn called(mut self) -> Held {
        (&mut self.turn).await;
        Pin::new(&mut self.turn).take_output().expect("it is taken once, and is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_order_is_that_of_asking() {
        let kernel = Arc::new(Mutex::new(None));
        let ticket = || Ticket::new(&kernel, Cancel::new());
        let (first, second, third, fourth) = (ticket(), ticket(), ticket(), ticket());
        assert_eq!([first.waits(), second.waits(), third.waits()], [false, true, true]);
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let wait = |name, ticket: Ticket| {
            let sender = sender.clone();
            tokio::spawn(async move {
                let _held = ticket.called().await;
                sender.send(name)
            })
        };
        wait(4, fourth);
        wait(3, third);
        drop(second);
        tokio::task::yield_now().await;
        assert!(receiver.try_recv().is_err());
        drop(first);
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(3), Some(4)));
        assert!(kernel.lock().await.is_none());
    }
}
