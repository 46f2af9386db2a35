//! Ctrl-C, twice if need be.

use std::time::{Duration, Instant};

use nbhoist_executor::cancel::Cancel;

/// One request may arrive twice, through the process group and from a parent that hands it on.
const SAME_REQUEST: Duration = Duration::from_millis(500);

/// What the user asked for: to interrupt, and, the second time, to stop waiting for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    pub(crate) first: Cancel,
    pub(crate) second: Cancel,
}

impl Signals {
    /// Listens from now on. Without this the process would end at once and could not clean up.
    pub(crate) fn listen() -> Self {
        let signals = Self::default();
        let heard = signals.clone();
        tokio::spawn(async move {
            let mut requests = Requests::new();
            let mut first: Option<Instant> = None;
            while requests.next().await {
                match first {
                    None => {
                        first = Some(Instant::now());
                        heard.first.cancel();
                    }
                    Some(first) if first.elapsed() > SAME_REQUEST => heard.second.cancel(),
                    Some(_) => {}
                }
            }
        });
        signals
    }
}

/// The signals that ask a program to end.
struct Requests {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
}

impl Requests {
    fn new() -> Self {
        Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok(),
        }
    }

    /// Waits for the next one; false when none can come.
    async fn next(&mut self) -> bool {
        #[cfg(unix)]
        if let Some(terminate) = &mut self.terminate {
            return tokio::select! {
                result = tokio::signal::ctrl_c() => result.is_ok(),
                received = terminate.recv() => received.is_some(),
            };
        }
        tokio::signal::ctrl_c().await.is_ok()
    }
}
