//! Threads for the analysis. It never holds up the message loop: it takes as long as it takes, and it follows nested code
//! as deep as its author nested it, which needs more stack than a runtime's threads have.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

/// Room for every depth that the parser accepts. Only what is touched is ever allocated.
pub(crate) const STACK_BYTES: usize = 256 << 20;

/// Something to do.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    static NEXT: RefCell<Next> = const { RefCell::new(Next::Elsewhere) };
}

/// Whether this thread does something itself when it has done what it is at.
enum Next {
    /// Others do it.
    Elsewhere,
    /// It would.
    Here,
    /// It does this.
    Job(Job),
}

/// Work that ended with a panic; its message is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nbhoist made a mistake here (the log says where); please report it")]
pub(crate) struct Panicked;

/// A few threads that work off a queue. They end when this value and its queue are gone.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Sender<Job>);

impl Pool {
    /// As many threads as there are processors, up to four.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn new() -> std::io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 4));
        let (sender, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for number in 1..=threads {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name(format!("analysis {number}")).stack_size(STACK_BYTES);
            thread.spawn(move || work(&queue))?;
        }
        Ok(Self(sender))
    }

    /// Puts work into the queue.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) {
        // The threads outlive every sender.
        let _ = self.0.send(Box::new(job));
    }

    /// Has it done next: by this thread, where it offers that and has nothing yet, or else by one of the pool.
    pub(crate) fn submit_next(&self, job: impl FnOnce() + Send + 'static) {
        NEXT.with_borrow_mut(|next| match next {
            Next::Here => *next = Next::Job(Box::new(job)),
            Next::Elsewhere | Next::Job(_) => self.submit(job),
        });
    }

    /// Does some work and waits for its result.
    ///
    /// # Errors
    /// When it panics.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Panicked> {
        let (sender, result) = tokio::sync::oneshot::channel();
        self.submit(move || {
            // Nobody waits any more when the request was cancelled.
            if !sender.is_closed() {
                let _ = sender.send(fence(work));
            }
        });
        result.await.unwrap_or(Err(Panicked))
    }
}

/// Does some work and gives, with its result, what this thread shall do next.
pub(crate) fn here<T>(work: impl FnOnce() -> T) -> (T, Option<Job>) {
    NEXT.set(Next::Here);
    let done = work();
    let next = match NEXT.replace(Next::Elsewhere) {
        Next::Job(job) => Some(job),
        Next::Elsewhere | Next::Here => None,
    };
    (done, next)
}

/// The one place where panics end: a mistake costs one answer, not the server.
///
/// # Errors
/// When the work panics.
pub(crate) fn fence<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
        crate::log::line(&format!("panic: {}", text.unwrap_or("without a message")));
        Panicked
    })
}

/// The same for work that waits.
///
/// # Errors
/// When the work panics.
pub(crate) async fn fence_async<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match fence(|| work.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // What matters is fenced by whoever submitted it; this keeps the thread.
        let _ = fence(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_one_answer() {
        let pool = Pool::new().unwrap();
        let failed: Result<u32, Panicked> = pool.run(|| panic!("on purpose")).await;
        assert_eq!(failed, Err(Panicked));
        for _ in 0..8 {
            pool.submit(|| panic!("on purpose, too"));
        }
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[test]
    fn a_thread_does_one_thing_itself() {
        let pool = Pool::new().unwrap();
        let (sender, done) = channel();
        let job = || {
            let sender = sender.clone();
            move || sender.send(std::thread::current().id()).unwrap()
        };
        let ((), next) = here(|| {
            pool.submit_next(job());
            pool.submit_next(job());
        });
        let here = std::thread::current().id();
        assert_ne!(done.recv().unwrap(), here);
        next.unwrap()();
        assert_eq!(done.recv().unwrap(), here);
        pool.submit_next(job());
        assert_ne!(done.recv().unwrap(), here);
    }

    #[tokio::test]
    async fn a_panic_of_a_job_ends_the_job() {
        let late = async {
            tokio::task::yield_now().await;
            panic!("on purpose, later")
        };
        assert_eq!(fence_async(late).await, Err::<u32, _>(Panicked));
        assert_eq!(fence_async(async { 7 }).await, Ok(7));
    }
}
