//! Cancelling from another task or a signal handler.

use tokio::sync::watch;

/// A switch that many hold and that turns once.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Sender<bool>);

impl Cancel {
    /// A switch that is not turned.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Turns it.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is turned.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is turned.
    pub async fn cancelled(&self) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|turned| *turned).await;
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}
