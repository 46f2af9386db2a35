//! Bundles between a file beside the kernel and a worker.
//!
//! In files all buffers are raw, so that the kernel needs no codec; what is packed is packed for the wire only.

mod pieces;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::codec::{Codec, Packer, Unpacker};
use crate::frames::{self, Frame, FrameError, FrameReader, MAX_PAYLOAD};
use crate::worker::{Worker, WorkerError, accept};

/// Why a bundle did not travel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error("cannot use {path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
    #[error("{path} does not hold a bundle: {why}")]
    Content { path: PathBuf, why: String },
}

/// Sends the frames of the file that a capture wrote; gives the number of the request whose answer says that the
/// bundle was loaded, and how many bytes went over the wire for it. `extra` is added to the header of the bundle. With `cached`,
/// what the other side has from earlier transfers is named instead of sent.
pub(crate) async fn send(
    path: &Path,
    worker: &mut Worker,
    codec: Codec,
    cached: bool,
    extra: &[(&str, Value)],
    sent: &mut (dyn FnMut(u64) + Send),
) -> Result<(u64, u64), TransferError> {
    let mut known = if cached { pieces::ask(path, worker).await? } else { None };
    let mut frames = Frames::open(path).await?;
    let mut sender = Sender { worker, codec, packing: None, wire: known.as_ref().map_or(0, |known| known.wire) };
    let mut read = 0;
    loop {
        let frame = frames.next().await?;
        if frame.op() == "buffer" {
            read += frame.payload.len() as u64;
            let done = match &mut known {
                Some(known) => sender.pieces(frame, known).await,
                None => sender.buffer(frame).await,
            };
            done.map_err(|error| error.at(path))?;
            sent(read);
            continue;
        }
        let id = sender.worker.next_id();
        let frame = extra.iter().fold(frame.with("id", id), |frame, (key, value)| frame.with(key, value.clone()));
        let wire = sender.wire;
        worker.send(frame).await?;
        return Ok((id, wire));
    }
}

/// The frames of a file that holds a bundle.
struct Frames<'a> {
    path: &'a Path,
    frames: FrameReader<File>,
}

impl<'a> Frames<'a> {
    async fn open(path: &'a Path) -> Result<Self, TransferError> {
        let file = File::open(path).await.map_err(|error| TransferError::File { path: path.to_path_buf(), error })?;
        Ok(Self { path, frames: FrameReader::new(file) })
    }

    async fn next(&mut self) -> Result<Frame, TransferError> {
        let path = || self.path.to_path_buf();
        match self.frames.next().await {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(TransferError::Content { path: path(), why: "it ends before the bundle".to_owned() }),
            Err(FrameError::Io(error)) => Err(TransferError::File { path: path(), error }),
            Err(error) => Err(TransferError::Content { path: path(), why: error.to_string() }),
        }
    }
}

/// The pickle of a bundle, which is its first buffer.
pub(crate) async fn pickle(path: &Path) -> Result<Vec<u8>, TransferError> {
    let file_error = |error| TransferError::File { path: path.to_path_buf(), error };
    let mut frames = FrameReader::new(File::open(path).await.map_err(file_error)?);
    let mut pickle = Vec::new();
    loop {
        match frames.next().await {
            Ok(Some(frame)) if frame.header.get("index").and_then(Value::as_u64) == Some(0) => {
                pickle.extend_from_slice(&frame.payload);
            }
            Ok(_) => return Ok(pickle),
            Err(FrameError::Io(error)) => return Err(file_error(error)),
            Err(error) => {
                return Err(TransferError::Content { path: path.to_path_buf(), why: error.to_string() });
            }
        }
    }
}

struct Sender<'a> {
    worker: &'a mut Worker,
    codec: Codec,
    packing: Option<(Frame, Packer)>,
    wire: u64,
}

enum SendError {
    Worker(WorkerError),
    Io(std::io::Error),
}

impl SendError {
    fn at(self, path: &Path) -> TransferError {
        match self {
            Self::Worker(error) => error.into(),
            Self::Io(error) => TransferError::File { path: path.to_path_buf(), error },
        }
    }
}

impl From<std::io::Error> for SendError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<WorkerError> for SendError {
    fn from(error: WorkerError) -> Self {
        Self::Worker(error)
    }
}

impl Sender<'_> {
    /// Sends a part of a buffer as it is, or packed when its first part says that this is worth it.
    async fn buffer(&mut self, frame: Frame) -> Result<(), SendError> {
        let (head, mut packer) = match self.packing.take() {
            Some(packing) => packing,
            None => match self.codec.if_worth(&frame.payload) {
                Codec::Raw => return self.pass(frame).await,
                codec => (header(&frame, codec), Packer::new(codec)?),
            },
        };
        let last = is_last(&frame);
        // Packing takes longer than a task may block.
        let payload = frame.payload;
        let packed = tokio::task::spawn_blocking(move || packer.push(&payload).map(|()| packer));
        packer = packed.await.map_err(std::io::Error::other)??;
        while let Some(payload) = packer.full_payload() {
            self.part(&head, payload, false).await?;
        }
        if !last {
            self.packing = Some((head, packer));
            return Ok(());
        }
        let mut rest = Bytes::from(packer.finish()?);
        while rest.len() > MAX_PAYLOAD {
            let payload = rest.split_to(MAX_PAYLOAD);
            self.part(&head, payload, false).await?;
        }
        self.part(&head, rest, true).await
    }

    /// A raw buffer's later parts come here, too: their first part decided, and what follows it is alike.
    async fn pass(&mut self, frame: Frame) -> Result<(), SendError> {
        let raw = header(&frame, Codec::Raw);
        let last = is_last(&frame);
        if !last {
            self.packing = Some((raw.clone(), Packer::new(Codec::Raw)?));
        }
        self.part(&raw, frame.payload, last).await
    }

    async fn part(&mut self, head: &Frame, payload: Bytes, last: bool) -> Result<(), SendError> {
        self.wire += payload.len() as u64;
        Ok(self.worker.send(head.clone().with("last", last).with_payload(payload)).await?)
    }
}

fn header(frame: &Frame, codec: Codec) -> Frame {
    Frame { header: frame.header.clone(), payload: Bytes::new() }.with("codec", codec.as_str())
}

fn is_last(frame: &Frame) -> bool {
    frame.header.get("last").and_then(Value::as_bool).unwrap_or(false)
}

/// Writes the frames of a collection to a file, unpacked; gives the header of `collected` and how many payload bytes came
/// over the wire.
pub(crate) async fn receive(
    path: &Path,
    worker: &mut Worker,
    id: u64,
    received: &mut (dyn FnMut(u64) + Send),
) -> Result<(Frame, u64), TransferError> {
    let file_error = |error| TransferError::File { path: path.to_path_buf(), error };
    let file = create(path).await.map_err(file_error)?;
    let mut receiver = Receiver { file: BufWriter::new(file), unpacking: HashMap::new() };
    let mut wire = 0;
    loop {
        let frame = accept(worker.receive().await?)?;
        match frame.op() {
            "buffer" => {
                wire += frame.payload.len() as u64;
                receiver.buffer(&frame).await.map_err(|error| error.at(path))?;
                received(wire);
            }
            "collected" if frame.header.get("id").and_then(Value::as_u64) == Some(id) => {
                receiver.end(&frame).await.map_err(|error| error.at(path))?;
                return Ok((frame, wire));
            }
            // Output of a thread that the block left behind.
            _ => {}
        }
    }
}

async fn create(path: &Path) -> std::io::Result<File> {
    let mut options = tokio::fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await
}

struct Receiver {
    file: BufWriter<File>,
    unpacking: HashMap<u64, Unpacker>,
}

impl Receiver {
    async fn buffer(&mut self, frame: &Frame) -> Result<(), SendError> {
        let number = |key: &str| frame.header.get(key).and_then(Value::as_u64).ok_or_else(|| odd(format!("a buffer has no {key}")));
        let (index, raw) = (number("index")?, number("raw")?);
        let name = frame.header.get("codec").and_then(Value::as_str).unwrap_or("raw");
        let codec = Codec::named(name).ok_or_else(|| odd(format!("a buffer has the unknown codec {name:?}")))?;
        if codec == Codec::Raw {
            return self.write(frame.clone()).await;
        }
        let mut unpacker = match self.unpacking.remove(&index) {
            Some(unpacker) => unpacker,
            None => Unpacker::new(codec, raw)?,
        };
        let payload = frame.payload.clone();
        let work = move || {
            let mut unpacked = Vec::new();
            unpacker.push(&payload, |bytes| {
                unpacked.extend(bytes);
                Ok(())
            })?;
            Ok::<_, std::io::Error>((unpacker, unpacked))
        };
        let (unpacker, mut unpacked) = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)??;
        let head = header(frame, Codec::Raw);
        let last = is_last(frame);
        if last {
            unpacked.extend(unpacker.finish()?);
        } else {
            self.unpacking.insert(index, unpacker);
        }
        let mut rest = Bytes::from(unpacked);
        while rest.len() > MAX_PAYLOAD {
            let payload = rest.split_to(MAX_PAYLOAD);
            self.write(head.clone().with("last", false).with_payload(payload)).await?;
        }
        self.write(head.with("last", last).with_payload(rest)).await
    }

    async fn end(&mut self, frame: &Frame) -> Result<(), SendError> {
        if !self.unpacking.is_empty() {
            return Err(odd("the collection ends inside a buffer".to_owned()).into());
        }
        self.write(frame.clone()).await?;
        self.file.flush().await?;
        Ok(())
    }

    async fn write(&mut self, frame: Frame) -> Result<(), SendError> {
        match frames::write(&mut self.file, &frame).await {
            Ok(()) => Ok(()),
            Err(FrameError::Io(error)) => Err(error.into()),
            Err(error) => Err(odd(error.to_string()).into()),
        }
    }
}

fn odd(why: String) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, why)
}
