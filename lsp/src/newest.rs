//! Which text of a document is the newest, for an analysis that wants to know whether it is outdated.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The number of the newest text.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    generation: AtomicU64,
    /// The last one that somebody waits for.
    awaited: AtomicU64,
    waiting: Mutex<()>,
    changed: Condvar,
}

impl Newest {
    /// Notes a newer text.
    pub(crate) fn set(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
        self.tell();
    }

    /// Notes that somebody waits for what is known of this text.
    pub(crate) fn hurry(&self, generation: u64) {
        self.awaited.fetch_max(generation, Ordering::Relaxed);
        self.tell();
    }

    fn tell(&self) {
        // Whoever is about to wait has looked before, and waits by now, or sees the new number.
        drop(self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Whether this is still the newest.
    pub(crate) fn is(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Relaxed) == generation
    }

    /// Waits for so long, or until this is not the newest any more or somebody waits for it.
    pub(crate) fn wait(&self, generation: u64, time: Duration) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // What woke it makes no difference.
        let _ =
            self.changed.wait_timeout_while(waiting, time, |()| self.is(generation) && self.awaited.load(Ordering::Relaxed) < generation);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    fn ends_the_wait(news: impl FnOnce(&Newest) + Send + 'static) -> Arc<Newest> {
        let newest = Arc::new(Newest::default());
        newest.set(1);
        let (other, began) = (Arc::clone(&newest), Instant::now());
        let telling = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            news(&other);
        });
        newest.wait(1, Duration::from_mins(10));
        assert!(began.elapsed() < Duration::from_mins(5));
        telling.join().unwrap();
        newest
    }

    #[test]
    fn a_newer_text_ends_the_wait() {
        let newest = ends_the_wait(|newest| newest.set(2));
        assert!(!newest.is(1) && newest.is(2));
    }

    #[test]
    fn somebody_who_waits_for_this_one_ends_the_wait() {
        let newest = ends_the_wait(|newest| newest.hurry(1));
        assert!(newest.is(1));
    }
}
