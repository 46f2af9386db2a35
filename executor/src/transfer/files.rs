//! Frames in files, read and written by threads of their own: nothing is copied on the way, and no task has to wait for a disk.

use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{SendError, TransferError, odd};
use crate::frames::{self, Frame, FrameError};

/// How many frames may be read before they are wanted, or wait to be written; each has up to 4 MiB.
const AHEAD: usize = 2;

/// The frames of a file that holds a bundle.
pub(super) struct Frames {
    path: PathBuf,
    frames: mpsc::Receiver<Result<Frame, FrameError>>,
}

impl Frames {
    pub(super) async fn open(path: &Path) -> Result<Self, TransferError> {
        let path = path.to_path_buf();
        let opened = File::open(&path).await;
        let mut file = opened.map_err(|error| TransferError::File { path: path.clone(), error })?.into_std().await;
        let (sender, frames) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            while let Some(frame) = frames::read_blocking(&mut file).transpose() {
                let failed = frame.is_err();
                if sender.blocking_send(frame).is_err() || failed {
                    return;
                }
            }
        });
        Ok(Self { path, frames })
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

/// A file that frames are written to.
pub(super) struct FrameFile {
    frames: mpsc::Sender<Frame>,
    writing: JoinHandle<Result<(), FrameError>>,
}

impl FrameFile {
    /// A new file that only this user can read.
    pub(super) async fn create(path: &Path) -> std::io::Result<Self> {
        let mut options = tokio::fs::OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(path).await?.into_std().await;
        let (frames, mut queue) = mpsc::channel::<Frame>(AHEAD);
        let writing = tokio::task::spawn_blocking(move || {
            while let Some(frame) = queue.blocking_recv() {
                frames::write_blocking(&mut file, &frame)?;
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
