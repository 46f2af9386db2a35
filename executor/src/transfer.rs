//! Bundles between a file beside the kernel and a worker.
//!
//! In files all buffers are raw, so that the kernel needs no codec; what is packed is packed for the wire only.

mod files;
mod pieces;

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

pub(crate) use self::files::Written;
use self::files::{FrameFile, Frames};
use crate::codec::{Codec, Packer, Unpacker};
use crate::frames::{Frame, MAX_PAYLOAD};
use crate::migrate::Difference;
use crate::seal::Key;
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
    #[error("it would not load there")]
    Differs(Vec<Difference>),
}

/// Is told how many bytes have been sent so far.
type Told<'a> = &'a mut (dyn FnMut(u64) + Send);

/// A bundle that is on its way.
pub(crate) struct Load<'a> {
    /// The file that a capture writes.
    pub(crate) path: &'a Path,
    /// What its frames are sealed with.
    pub(crate) key: &'a Key,
    /// Whether that is complete; what is there already is sent meanwhile.
    pub(crate) written: &'a Written,
    /// How what is worth it is packed.
    pub(crate) codec: Codec,
    /// Digests (SHA-256, hexadecimal) of parts of buffers that the other side has as a whole, having made them itself.
    pub(crate) made: &'a HashSet<String>,
    /// Whether what the other side has from earlier transfers is named instead of sent.
    pub(crate) cached: bool,
    /// Looks at the pickle, the first buffer, before more is sent.
    pub(crate) check: &'a (dyn Fn(&[u8]) -> Vec<Difference> + Sync),
    /// Requests that go out between the buffers as soon as they are known.
    pub(crate) between: Option<oneshot::Receiver<Vec<Frame>>>,
}

/// A bundle whose buffers have been sent.
pub(crate) struct Sent {
    last: Frame,
    /// What went over the wire for it, bytes.
    pub(crate) wire: u64,
    /// What was not sent because the other side had made it, bytes.
    pub(crate) made: u64,
    /// Numbers of the requests that went out between its buffers.
    pub(crate) between: Vec<u64>,
}

/// Sends the buffers of a bundle, while they are written if need be.
pub(crate) async fn send_buffers(load: Load<'_>, worker: &mut Worker, sent: Told<'_>) -> Result<Sent, TransferError> {
    let frames = Frames::open(load.path, load.key, load.written);
    let Load { path, codec, made, cached, check, between, .. } = load;
    let mut sender = Sender { worker, codec, packing: None, wire: 0, made: 0, check, pickle: Vec::new(), between, asked: Vec::new() };
    let last = if cached { sender.send_pieces(path, frames, made, sent).await? } else { sender.send_whole(path, frames, sent).await? };
    sender.ask_between(true).await?;
    Ok(Sent { last, wire: sender.wire, made: sender.made, between: sender.asked })
}

/// Ends a bundle, with `extra` in its header; gives the number of the request whose answer says that it was loaded.
pub(crate) async fn end(sent: Sent, worker: &mut Worker, extra: &[(&str, Value)]) -> Result<u64, TransferError> {
    let last = extra.iter().fold(sent.last, |frame, (key, value)| frame.with(key, value.clone()));
    Ok(worker.ask(last).await?)
}

struct Sender<'a> {
    worker: &'a mut Worker,
    codec: Codec,
    packing: Option<Packing>,
    wire: u64,
    made: u64,
    check: &'a (dyn Fn(&[u8]) -> Vec<Difference> + Sync),
    /// The pickle, as far as it has been seen.
    pickle: Vec<u8>,
    between: Option<oneshot::Receiver<Vec<Frame>>>,
    asked: Vec<u64>,
}

/// What becomes of a buffer whose first part has been seen.
enum Packing {
    Raw,
    /// With the header of its parts.
    Packed(Frame, Packer),
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
    /// Sends all buffers of a bundle; gives the frame that ends it.
    async fn send_whole(&mut self, path: &Path, mut frames: Frames, sent: Told<'_>) -> Result<Frame, TransferError> {
        let mut read = 0;
        loop {
            let frame = frames.next().await?;
            if frame.op() != "buffer" {
                return Ok(frame);
            }
            read += frame.payload().len() as u64;
            self.look(&frame)?;
            self.ask_between(false).await?;
            self.buffer(frame).await.map_err(|error| error.at(path))?;
            sent(read);
        }
    }

    /// Refuses what would not load there, as soon as the whole pickle has been seen.
    fn look(&mut self, frame: &Frame) -> Result<(), TransferError> {
        if frame.header.get("index").and_then(Value::as_u64) != Some(0) {
            return Ok(());
        }
        self.pickle.extend_from_slice(frame.payload());
        if !is_last(frame) {
            return Ok(());
        }
        let differences = (self.check)(&std::mem::take(&mut self.pickle));
        if differences.is_empty() { Ok(()) } else { Err(TransferError::Differs(differences)) }
    }

    /// Sends the requests that go between the buffers, if they are known; waits for them where nothing else is left to send.
    async fn ask_between(&mut self, wait: bool) -> Result<(), TransferError> {
        let Some(between) = &mut self.between else { return Ok(()) };
        let frames = if wait {
            between.await.unwrap_or_default()
        } else {
            match between.try_recv() {
                Ok(frames) => frames,
                Err(oneshot::error::TryRecvError::Empty) => return Ok(()),
                Err(oneshot::error::TryRecvError::Closed) => Vec::new(),
            }
        };
        self.between = None;
        for frame in frames {
            self.asked.push(self.worker.ask(frame).await?);
        }
        Ok(())
    }

    /// Sends a part of a buffer as it is, or packed when its first part says that this is worth it.
    async fn buffer(&mut self, frame: Frame) -> Result<(), SendError> {
        let last = is_last(&frame);
        let packing = match self.packing.take() {
            Some(packing) => packing,
            None => match self.codec.if_worth(frame.payload()) {
                Codec::Raw => Packing::Raw,
                codec => Packing::Packed(header(&frame, codec), Packer::new(codec)?),
            },
        };
        let Packing::Packed(head, mut packer) = packing else {
            self.packing = (!last).then_some(Packing::Raw);
            return self.part(frame.with("codec", Codec::Raw.as_str()), last).await;
        };
        // Packing takes longer than a task may block.
        let payload = frame.payload().clone();
        let packed = tokio::task::spawn_blocking(move || packer.push(&payload).map(|()| packer));
        packer = packed.await.map_err(std::io::Error::other)??;
        while let Some(payload) = packer.full_payload() {
            self.part(head.clone().with_payload(payload), false).await?;
        }
        if !last {
            self.packing = Some(Packing::Packed(head, packer));
            return Ok(());
        }
        let mut rest = Bytes::from(packer.finish()?);
        while rest.len() > MAX_PAYLOAD {
            let payload = rest.split_to(MAX_PAYLOAD);
            self.part(head.clone().with_payload(payload), false).await?;
        }
        self.part(head.with_payload(rest), true).await
    }

    async fn part(&mut self, frame: Frame, last: bool) -> Result<(), SendError> {
        self.wire += frame.payload().len() as u64;
        Ok(self.worker.send(frame.with("last", last)).await?)
    }
}

fn header(frame: &Frame, codec: Codec) -> Frame {
    frame.bare().with("codec", codec.as_str())
}

fn is_last(frame: &Frame) -> bool {
    frame.header.get("last").and_then(Value::as_bool).unwrap_or(false)
}

/// Writes the frames of a collection to a file, unpacked and sealed with its key; gives the header of `collected` and how many payload bytes came
/// over the wire.
pub(crate) async fn receive(
    (path, key): (&Path, &Key),
    worker: &mut Worker,
    id: u64,
    received: &mut (dyn FnMut(u64) + Send),
) -> Result<(Frame, u64), TransferError> {
    let file_error = |error| TransferError::File { path: path.to_path_buf(), error };
    let file = FrameFile::create(path, key).await.map_err(file_error)?;
    let mut receiver = Receiver { file, unpacking: HashMap::new() };
    let mut wire = 0;
    loop {
        let frame = accept(worker.receive().await?)?;
        match frame.op() {
            // What is left of a collection that nobody took to its end is passed over.
            "buffer" if of(&frame) == Some(id) => {
                wire += frame.payload().len() as u64;
                receiver.buffer(&frame).await.map_err(|error| error.at(path))?;
                received(wire);
            }
            "collected" if of(&frame) == Some(id) => {
                receiver.end(frame.clone()).await.map_err(|error| error.at(path))?;
                return Ok((frame, wire));
            }
            // Output of a thread that the block left behind.
            _ => {}
        }
    }
}

/// The request that a frame answers.
fn of(frame: &Frame) -> Option<u64> {
    frame.header.get("id").and_then(Value::as_u64)
}

struct Receiver {
    file: FrameFile,
    unpacking: HashMap<u64, Unpacker>,
}

impl Receiver {
    async fn buffer(&mut self, frame: &Frame) -> Result<(), SendError> {
        let number = |key: &str| frame.header.get(key).and_then(Value::as_u64).ok_or_else(|| odd(format!("a buffer has no {key}")));
        let (index, raw) = (number("index")?, number("raw")?);
        let name = frame.header.get("codec").and_then(Value::as_str).unwrap_or("raw");
        let codec = Codec::named(name).ok_or_else(|| odd(format!("a buffer has the unknown codec {name:?}")))?;
        if codec == Codec::Raw {
            return self.file.write(frame.clone()).await;
        }
        let mut unpacker = match self.unpacking.remove(&index) {
            Some(unpacker) => unpacker,
            None => Unpacker::new(codec, raw)?,
        };
        let payload = frame.payload().clone();
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
            self.file.write(head.clone().with("last", false).with_payload(payload)).await?;
        }
        self.file.write(head.with("last", last).with_payload(rest)).await
    }

    async fn end(self, frame: Frame) -> Result<(), SendError> {
        if !self.unpacking.is_empty() {
            return Err(odd("the collection ends inside a buffer".to_owned()).into());
        }
        let mut file = self.file;
        file.write(frame).await?;
        file.finish().await
    }
}

fn odd(why: String) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, why)
}
