//! Frames in files, read and written by threads of their own: nothing is copied on the way, and no task has to wait for a disk.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{SendError, TransferError, odd};
use crate::frames::{self, Frame, FrameError};
use crate::seal::Key;

/// How many frames may be read before they are wanted, or wait to be written; each has up to 4 MiB.
const AHEAD: usize = 2;

/// Between two looks at a file that has not grown.
const PAUSE: Duration = Duration::from_millis(2);

/// The frames of a file that holds a bundle.
pub(super) struct Frames {
    path: PathBuf,
    frames: mpsc::Receiver<Result<Frame, FrameError>>,
}

impl Frames {
    pub(super) fn open(path: &Path, key: &Key, written: &Written) -> Self {
        let mut seal = key.file(path);
        let path = path.to_path_buf();
        let (sender, frames) = mpsc::channel(AHEAD);
        let (place, written) = (path.clone(), written.clone());
        tokio::task::spawn_blocking(move || {
            let mut file = Growing { path: place, file: None, written, wanted: sender.clone() };
            while let Some(frame) = frames::read_blocking(&mut file, &mut seal).transpose() {
                let failed = frame.is_err();
                if sender.blocking_send(frame).is_err() || failed {
                    return;
                }
            }
        });
        Self { path, frames }
    }

    /// The next one; a bundle does not end without its last.
    pub(super) async fn next(&mut self) -> Result<Frame, TransferError> {
        let path = || self.path.clone();
        match self.frames.recv().await {
            Some(Ok(frame)) => Ok(frame),
            None => Err(TransferError::Content { path: path(), why: "it ends before the bundle".to_owned() }),
            Some(Err(FrameError::Io(error))) => Err(TransferError::File { path: path(), error }),
            Some(Err(error)) => Err(TransferError::Content { path: path(), why: error.to_string() }),
        }
    }
}

/// Whether a file is complete; shared with whoever knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<AtomicBool>);

impl Written {
    /// Of a file that is complete.
    pub(crate) fn whole() -> Self {
        let whole = Self::default();
        whole.set();
        whole
    }

    /// Nothing is added to the file any more.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A file that another process writes meanwhile: it ends when it is complete.
struct Growing {
    path: PathBuf,
    file: Option<std::fs::File>,
    written: Written,
    /// Closes when nobody reads any more.
    wanted: mpsc::Sender<Result<Frame, FrameError>>,
}

impl std::io::Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            // Asked first: where the end is seen after that, nothing comes behind it.
            let over = self.written.is_set() || self.wanted.is_closed();
            let count = self.read_on(buffer);
            match count {
                Ok(0) if !over => {}
                Err(error) if error.kind() == ErrorKind::NotFound && !over => {}
                count => return count,
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Growing {
    /// Reads what is there.
    fn read_on(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(std::fs::File::open(&self.path)?),
        };
        file.read(buffer)
    }
}

/// A file that frames are written to.
pub(super) struct FrameFile {
    frames: mpsc::Sender<Frame>,
    writing: JoinHandle<Result<(), FrameError>>,
}

impl FrameFile {
    /// A new file that only this user can read.
    pub(super) async fn create(path: &Path, key: &Key) -> std::io::Result<Self> {
        let mut seal = key.file(path);
        let mut options = tokio::fs::OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(path).await?.into_std().await;
        let (frames, mut queue) = mpsc::channel::<Frame>(AHEAD);
        let writing = tokio::task::spawn_blocking(move || {
            while let Some(frame) = queue.blocking_recv() {
                frames::write_blocking(&mut file, &frame, &mut seal)?;
            }
            Ok(())
        });
        Ok(Self { frames, writing })
    }

    pub(super) async fn write(&mut self, frame: Frame) -> Result<(), SendError> {
        if self.frames.send(frame).await.is_ok() {
            return Ok(());
        }
        let why = outcome((&mut self.writing).await);
        Err(why.err().unwrap_or_else(|| odd("the file was closed too early".to_owned()).into()))
    }

    /// Waits until everything is written.
    pub(super) async fn finish(self) -> Result<(), SendError> {
        drop(self.frames);
        outcome(self.writing.await)
    }
}

fn outcome(written: Result<Result<(), FrameError>, tokio::task::JoinError>) -> Result<(), SendError> {
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(FrameError::Io(error))) => Err(error.into()),
        Ok(Err(error)) => Err(odd(error.to_string()).into()),
        Err(error) => Err(std::io::Error::other(error).into()),
    }
}
