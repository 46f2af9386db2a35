//! The way out. Whoever has something to say writes it itself, because to wake another thread for it can take longer than
//! the analysis did; only what a client does not take at once is left to a thread that may wait for it.

use std::fs::File;
use std::io::{Result, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// How long the end waits for a client that does not read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where messages go.
pub trait Output: Send + 'static {
    /// Writes what can be written without waiting, and says how much that was.
    ///
    /// # Errors
    /// When nobody reads any more.
    fn write_now(&mut self, bytes: &[u8]) -> Result<usize>;

    /// Writes everything and waits until there is room for it.
    ///
    /// # Errors
    /// When nobody reads any more.
    fn write_all(&mut self, bytes: &[u8]) -> Result<()>;
}

/// A pipe or a socket.
impl Output for File {
    #[cfg(unix)]
    fn write_now(&mut self, bytes: &[u8]) -> Result<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut written = 0;
        while written < bytes.len() {
            let mut asked = [PollFd::new(self, PollFlags::OUT)];
            if poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
                break;
            }
            // So much has room in a pipe that takes anything at all.
            let end = bytes.len().min(written + rustix::pipe::PIPE_BUF);
            written += self.write(&bytes[written..end])?;
        }
        Ok(written)
    }

    /// There is no way to ask whether there is room.
    #[cfg(not(unix))]
    fn write_now(&mut self, _: &[u8]) -> Result<usize> {
        Ok(0)
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        std::io::Write::write_all(self, bytes)
    }
}

/// The way to the client. Sending never waits, and messages arrive in the order in which they were sent.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Shared>);

struct Shared {
    /// Nothing at the end.
    output: Mutex<Option<Box<dyn Output>>>,
    late: Mutex<Late>,
    /// More is late, or nothing is any more.
    news: Condvar,
}

/// What the client did not take at once.
#[derive(Default)]
struct Late {
    bytes: Vec<u8>,
    /// Whether the thread for it has some of it in hand, or will soon: others only add to it then.
    under_way: bool,
    over: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// A way, with a thread for what is late.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn new(output: impl Output) -> Result<Self> {
        let shared = Shared { output: Mutex::new(Some(Box::new(output))), late: Mutex::default(), news: Condvar::new() };
        let wire = Self(Arc::new(shared));
        let late = wire.clone();
        std::thread::Builder::new().name("late messages".to_owned()).spawn(move || late.write_late())?;
        Ok(wire)
    }

    /// Sends a message.
    pub(crate) fn send(&self, message: &impl Serialize) {
        // What we say ourselves has no keys that JSON does not know.
        let Ok(text) = serde_json::to_vec(message) else { return };
        // In one piece: a client that wakes up for the header alone takes time from whoever writes the rest.
        let mut framed = format!("Content-Length: {}\r\n\r\n", text.len()).into_bytes();
        framed.extend(text);
        self.write(&framed);
    }

    fn write(&self, bytes: &[u8]) {
        let mut late = self.late();
        if late.over {
            return;
        }
        let mut written = 0;
        if !late.under_way {
            match self.output().as_mut().map(|output| output.write_now(bytes)) {
                Some(Ok(count)) => written = count,
                Some(Err(_)) | None => late.over = true,
            }
        }
        if written < bytes.len() {
            late.bytes.extend_from_slice(&bytes[written..]);
            late.under_way = true;
            self.0.news.notify_all();
        }
    }

    fn write_late(&self) {
        let mut late = self.late();
        loop {
            while late.bytes.is_empty() && !late.over {
                late.under_way = false;
                self.0.news.notify_all();
                late = self.0.news.wait(late).unwrap_or_else(PoisonError::into_inner);
            }
            if late.over {
                late.under_way = false;
                return self.0.news.notify_all();
            }
            let bytes = std::mem::take(&mut late.bytes);
            drop(late);
            let gone = self.output().as_mut().is_none_or(|output| output.write_all(&bytes).is_err());
            late = self.late();
            late.over |= gone;
        }
    }

    /// Ends the way when everything has gone out, or a client has not taken it for long.
    pub(crate) fn end(&self) {
        let under_way = |late: &mut Late| late.under_way && !late.over;
        let waited = self.0.news.wait_timeout_while(self.late(), PATIENCE, under_way);
        let (mut late, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        late.over = true;
        drop(late);
        self.0.news.notify_all();
        if !timeout.timed_out() {
            *self.output() = None;
        }
    }

    /// A value that gives the way up when it goes: what is late is not sent any more, and nobody waits for it.
    pub(crate) fn until_dropped(&self) -> UntilDropped {
        UntilDropped(self.clone())
    }

    fn late(&self) -> MutexGuard<'_, Late> {
        self.0.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn output(&self) -> MutexGuard<'_, Option<Box<dyn Output>>> {
        self.0.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Wire::until_dropped`].
#[derive(Debug)]
pub(crate) struct UntilDropped(Wire);

impl Drop for UntilDropped {
    fn drop(&mut self) {
        self.0.late().over = true;
        self.0.0.news.notify_all();
        // Whoever writes to a client that does not read keeps it until then.
        if let Ok(mut output) = self.0.0.output.try_lock() {
            *output = None;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read as _;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_client_that_does_not_read_holds_up_nobody_and_gets_everything_in_order() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let wire = Wire::new(File::from(OwnedFd::from(writer))).unwrap();
        let mut expected = Vec::new();
        // Many times what a pipe takes.
        for number in 0..2000 {
            let text = "x".repeat(number % 7 * 1000);
            let json = serde_json::to_string(&text).unwrap();
            expected.extend(format!("Content-Length: {}\r\n\r\n{json}", json.len()).into_bytes());
            wire.send(&text);
        }
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            read
        });
        wire.end();
        assert!(reading.join().unwrap() == expected);
    }

    #[test]
    fn a_client_hears_the_end_of_a_way_that_was_given_up() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let wire = Wire::new(File::from(OwnedFd::from(writer))).unwrap();
        drop(wire.until_dropped());
        wire.send(&1);
        assert_eq!(reader.read_to_end(&mut Vec::new()).unwrap(), 0);
    }

    #[test]
    fn a_client_that_is_gone_is_no_fault() {
        let (reader, writer) = std::io::pipe().unwrap();
        let wire = Wire::new(File::from(OwnedFd::from(writer))).unwrap();
        drop(reader);
        wire.send(&1);
        wire.send(&"2".repeat(1 << 20));
        wire.end();
    }
}
